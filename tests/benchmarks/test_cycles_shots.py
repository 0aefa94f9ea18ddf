"""The shots of a third renderer: the store is whole, its grain goes with the light, and it says what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from relumix.color.rec709 import LUMINANCE
from tests.benchmarks import cycles_shots

NAMES = ["gloss", "head", "room", "street", "thin", "walker"]


def rendered(folder: Path, frames: int = 3) -> Path:
    """What cycles/render.py might have written: a plate that grows brighter, and light that is three times as much."""
    ramp = np.linspace(0.05, 0.4, 18 * 32 * 3, dtype=np.float32).reshape(18, 32, 3)
    for i in range(frames):
        picture = ramp * np.float32(1 + i)
        for light, factor in (("plate", 1), ("relit", 3)):
            cycles_shots.write(folder / f"shot/{light}.{1001 + i}.exr", picture * np.float32(factor), "zip")
    return folder


def test_the_store_has_ten_frames_of_six_shots_under_two_lights():
    shots = cycles_shots.shots(cycles_shots.STORE)
    assert [shot.name for shot in shots] == NAMES
    for shot in shots:
        names = sorted(path.name for path in shot.iterdir())
        assert names == sorted(f"{light}.{i}.exr" for light in cycles_shots.LIGHTS for i in range(1001, 1011))


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_shot_moves_under_two_lights_around_mid_grey(name: str):
    plate, truth = cycles_shots.read(cycles_shots.STORE / name)
    both = np.stack([plate, truth])
    assert both.shape == (2, 10, 180, 320, 3)
    assert np.isfinite(both).all()
    assert both.min() >= 0
    assert cycles_shots.log_average(plate[0]) == pytest.approx(0.18, rel=0.02)
    stops = np.log2((both[1] + 0.01) / (both[0] + 0.01)).mean(-1)
    assert stops.std(axis=(1, 2)).min() > 0.5, "the second light is little more than a grade of the first"
    assert np.abs(np.diff(both[0] @ LUMINANCE, axis=0)).mean(axis=(1, 2)).min() > 0.005, "nothing moves"


def test_plate_and_truth_have_the_same_grain_scaled_by_their_light(tmp_path: Path):
    cycles_shots.main([str(rendered(tmp_path / "clean")), "--store", str(tmp_path / "store")])
    plate, truth = cycles_shots.read(tmp_path / "store/shot")
    for one, other in zip(plate, truth, strict=True):
        assert np.median(np.abs(other / one - 3)) < 0.03  # which DWAA alone blunts
    again, _ = cycles_shots.read(tmp_path / "store/shot")
    np.testing.assert_array_equal(plate, again)


def test_grain_is_two_percent_at_mid_grey_more_in_shadows_and_never_below_black():
    def deviation(level: float) -> float:
        return float(cycles_shots.film_grain(np.full((64, 64, 3), level, np.float32), 3).std())

    assert deviation(0.18) == pytest.approx(0.02, rel=0.05)
    assert deviation(0.72) == pytest.approx(0.01, rel=0.05)
    assert deviation(0) == pytest.approx(0.06, rel=0.05)
    assert cycles_shots.film_grain(np.zeros((64, 64, 3), np.float32), 3).min() > 0


def test_frames_differ_in_grain():
    flat = np.full((8, 8, 3), 0.18, np.float32)
    assert not np.array_equal(cycles_shots.film_grain(flat, 0), cycles_shots.film_grain(flat, 1))


def test_one_exposure_puts_the_first_plate_at_mid_grey_and_keeps_all_ratios(tmp_path: Path):
    clean = rendered(tmp_path / "clean") / "shot"
    cycles_shots.store(clean, tmp_path / "shot")
    first = cycles_shots.pixels(tmp_path / "shot/plate.1001.exr")
    assert cycles_shots.log_average(first) == pytest.approx(0.18, rel=0.01)
    exposures = [
        np.median(cycles_shots.pixels(tmp_path / "shot" / path.name) / cycles_shots.pixels(path))
        for path in sorted(clean.iterdir())
    ]
    assert exposures == pytest.approx([exposures[0]] * 6, rel=0.01)


def test_a_frame_that_lacks_a_light_is_not_stored(tmp_path: Path):
    clean = rendered(tmp_path / "clean") / "shot"
    (clean / "relit.1003.exr").unlink()
    cycles_shots.store(clean, tmp_path / "shot")
    assert sorted(path.name for path in (tmp_path / "shot").iterdir()) == [
        "plate.1001.exr",
        "plate.1002.exr",
        "relit.1001.exr",
        "relit.1002.exr",
    ]


def test_files_with_grain_are_what_is_read(tmp_path: Path):
    folders = [str(rendered(tmp_path / "clean")), "--store", str(tmp_path / "store"), "--grain", str(tmp_path / "out")]
    assert cycles_shots.main(folders) == 0
    for light, pictures in zip(cycles_shots.LIGHTS, cycles_shots.read(tmp_path / "store/shot"), strict=True):
        for path, picture in zip(cycles_shots.frames(tmp_path / "out/shot", light), pictures, strict=True):
            np.testing.assert_allclose(cycles_shots.pixels(path), picture, rtol=2**-11)


def test_a_folder_without_shots_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        cycles_shots.main([str(tmp_path)])
    assert ended.value.code == 2
    told = f"{tmp_path} has no */plate.####.exr: expected a folder a shot, as cycles/render.py writes them"
    assert capsys.readouterr().err.endswith(f"error: {told}\n")


def test_a_damaged_file_is_named(tmp_path: Path):
    path = rendered(tmp_path) / "shot/relit.1002.exr"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(OSError, match=f"^{re.escape(str(path))} cannot be read: "):
        cycles_shots.read(path.parent)
