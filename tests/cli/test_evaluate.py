import json

import numpy as np
import pytest

from relumix.cli.main import main
from tests.shot.files import plain
from tests.synthetic import make_shot


@pytest.fixture
def shots(tmp_path, monkeypatch):
    shot = make_shot(size=(80, 64), frames=range(1, 5), pan=(1, 0))
    for name, pictures in {"plate": shot.plate, "truth": shot.truth}.items():
        (tmp_path / name).mkdir()
        for frame, pixels in pictures.items():
            plain(tmp_path / name / f"p.{frame:04d}.exr", pixels)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_result_is_measured_against_the_truth(shots, capsys):
    files = ["--json", "m.json", "--report", "m.html"]
    assert main(["evaluate", "plate", "--truth", "truth", "--references", "1", "--no-hdr-flip", *files]) == 0
    said = capsys.readouterr().out
    assert "PSNR" in said
    assert said.endswith("wrote m.json\nwrote m.html\n")
    assert len(json.loads((shots / "m.json").read_text())["frames"]) == 3
    assert "<svg" in (shots / "m.html").read_text(encoding="utf-8")


def test_references_are_those_that_the_result_names(shots, capsys):
    assert main(["relight", "plate", "-r", "2=truth/p.0002.exr", "-o", "relit", "--progress", "none"]) == 0
    command = ["evaluate", "relit", "--truth", "truth", "--no-hdr-flip"]
    for options, left_out in (
        ([], "not scored: 2"),
        (["--references=1,3"], "not scored: 1, 3"),
        (["--references=none"], ""),
    ):
        assert main([*command, *options]) == 0
        said = capsys.readouterr().out
        assert left_out in said
        assert ("not scored" in said) == bool(left_out)


def test_a_result_is_measured_without_truth(shots, capsys):
    assert main(["evaluate", "truth", "--source", "plate", "--frames", "1-3"]) == 0
    assert "flicker" in capsys.readouterr().out.lower()


def test_bad_input_is_one_line(shots, capsys):
    assert main(["evaluate", "plate"]) == 2
    assert capsys.readouterr().err == (
        "relumix: plate has nothing to be compared with: give its ground truth, its source, or both\n"
    )
    plain(shots / "truth/p.0002.exr", np.full((64, 80, 3), np.nan, np.float32))
    assert main(["evaluate", "plate", "--truth", "truth", "--no-hdr-flip"]) == 2
    assert "p.0002.exr has NaN or infinity in 5120 pixels" in capsys.readouterr().err
