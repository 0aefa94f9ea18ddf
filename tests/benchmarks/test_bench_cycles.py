"""The figures of engines on a third renderer's shots are those that `relumix evaluate` gives."""

from __future__ import annotations

import json
from pathlib import Path

import bench_cycles
import numpy as np
import pytest

import relumix
from relumix.evaluate.run import evaluate
from tests.benchmarks import cycles_shots
from tests.synthetic import make_shot

METRICS = {"psnr": "psnr_db", "ssim": "ssim", "flip": "flip", "flicker": "temporal_error_codes"}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of one tiny shot of four frames."""
    shot = make_shot(frames=range(1001, 1005))
    for i in shot.frames:
        for light, picture in (("plate", shot.plate[i]), ("relit", shot.truth[i])):
            cycles_shots.write(tmp_path / f"store/tiny/{light}.{i}.exr", picture[..., :3], "zip")
    return tmp_path / "store"


def test_figures_are_those_of_the_command(store: Path, tmp_path: Path):
    cycles_shots.main(["--store", str(store), "--grain", str(tmp_path / "files")])
    plate, truth = (f"{tmp_path}/files/tiny/{light}.####.exr" for light in cycles_shots.LIGHTS)
    relumix.relight(plate, {1001: truth.replace("####", "1001")}, f"{tmp_path}/made")
    rows = evaluate(f"{tmp_path}/made", truth=truth, hdr_flip=False).rows
    bench_cycles.main(["--engine", "flow", "--store", str(store), "--json", str(tmp_path / "figures.json")])
    figures = json.loads((tmp_path / "figures.json").read_text())["flow"]["tiny"]
    for ours, theirs in METRICS.items():
        found = [value for row in rows if (value := getattr(row, theirs)) is not None]
        assert figures[ours] == pytest.approx(np.mean(found), rel=0.03), ours  # half float between


def test_an_engine_beats_the_plate_and_all_is_told(store: Path, capsys: pytest.CaptureFixture[str]):
    bench_cycles.main(["--engine", "flow", "--store", str(store)])
    head, _, *rows = (line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines())
    assert head == list(bench_cycles.DIGITS)
    titles = [row[0] for row in rows]
    assert titles == ["tiny: plate, left alone", "tiny: flow", "**mean**: plate, left alone", "**mean**: flow"]
    alone, by_flow = (dict(zip(head, map(float, row[1:]), strict=True)) for row in rows[2:])
    assert by_flow["psnr"] > alone["psnr"] + 3
    assert by_flow["flip"] < alone["flip"]


def test_a_shot_that_is_not_there_is_told(store: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        bench_cycles.main(["--store", str(store), "--only", "nothing"])
    assert capsys.readouterr().err.endswith(f"error: {store} has none of nothing\n")
