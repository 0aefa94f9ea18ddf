"""The example shot: what is shipped is what its README says, and can be rendered again."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import OpenImageIO as oiio
import pytest

from relumix.dataset.llvm import VARIABLE

SHOT = Path(__file__).parents[2] / "examples" / "shot"
FRAMES = range(1001, 1017)


def read(folder: Path, frame: int) -> np.ndarray:
    image = oiio.ImageBuf(str(folder / f"example.{frame}.exr"))
    assert not image.has_error, image.geterror()
    return image.get_pixels(oiio.FLOAT)


def luminance(image: np.ndarray) -> np.ndarray:
    return image @ np.array([0.2126, 0.7152, 0.0722], np.float32)


def gain_stops(plate: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.log2((luminance(truth) + 1e-3) / (luminance(plate) + 1e-3))


def fine_detail(image: np.ndarray) -> np.ndarray:
    """Log luminance less the mean of its 4 neighbours."""
    log = np.log2(luminance(image) + 1e-4)
    around = (log[:-2, 1:-1] + log[2:, 1:-1] + log[1:-1, :-2] + log[1:-1, 2:]) / 4
    return log[1:-1, 1:-1] - around


@pytest.mark.parametrize("folder", ["plate", "truth"])
def test_every_frame_is_shipped_and_no_other(folder: str):
    assert sorted(path.name for path in (SHOT / folder).iterdir()) == [f"example.{frame}.exr" for frame in FRAMES]


def test_the_shot_is_small():
    assert sum(path.stat().st_size for path in SHOT.rglob("*.exr")) < 6.8e6


@pytest.mark.parametrize("folder", ["plate", "truth"])
@pytest.mark.parametrize("frame", FRAMES)
def test_frames_are_as_the_readme_says(folder: str, frame: int):
    spec = oiio.ImageBuf(str(SHOT / folder / f"example.{frame}.exr")).spec()
    assert (spec.width, spec.height, spec.channelnames, str(spec.format)) == (640, 360, ("R", "G", "B"), "half")
    assert spec.getattribute("compression").startswith("dwaa")
    assert spec.getattribute("FramesPerSecond") == (24, 1)
    seconds, rest = divmod(frame, 24)
    assert spec.get_string_attribute("smpte:TimeCode") == f"00:00:{seconds:02d}:{rest:02d}"
    np.testing.assert_allclose(spec.getattribute("chromaticities")[:2], (0.64, 0.33), rtol=1e-6)
    image = read(SHOT / folder, frame)
    assert np.isfinite(image).all()
    assert image.max() > 2


@pytest.mark.parametrize("frame", FRAMES)
def test_the_plate_is_exposed_for_mid_grey(frame: int):
    assert 0.12 < np.median(luminance(read(SHOT / "plate", frame))) < 0.25


@pytest.mark.parametrize("frame", FRAMES)
def test_truth_is_other_light_and_not_a_grade(frame: int):
    plate, truth = read(SHOT / "plate", frame), read(SHOT / "truth", frame)
    stops = gain_stops(plate, truth)
    alike = np.abs(np.log2(luminance(plate) / 0.18)) < 0.1
    assert alike.sum() > 1000
    assert np.std(stops[alike]) > 0.7


def test_plate_and_truth_share_their_grain():
    wall = (slice(95, 180), slice(10, 90))
    plate, truth = (fine_detail(read(SHOT / folder, 1001)[wall]) for folder in ("plate", "truth"))
    next_plate = fine_detail(read(SHOT / "plate", 1002)[wall])
    assert np.std(plate) > 0.005
    assert np.corrcoef(plate.ravel(), truth.ravel())[0, 1] > 0.7
    assert abs(np.corrcoef(plate.ravel(), next_plate.ravel())[0, 1]) < 0.3


def test_the_picture_moves():
    first, second, last = (luminance(read(SHOT / "plate", frame)) for frame in (1001, 1002, 1016))
    assert 0.01 < np.abs(first - second).mean() < np.abs(first - last).mean()


@pytest.fixture(scope="module")
def render(llvm: None) -> ModuleType:
    pytest.importorskip("mitsuba", reason="rendering needs mitsuba")
    pytest.importorskip("mitsuba_oidn", reason="rendering needs mitsuba-oidn")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SHOT)
        return importlib.import_module("render")


def test_timecode_is_binary_coded_decimal(render: ModuleType):
    assert [hex(render.timecode(frame)) for frame in (0, 1001, 90123)] == ["0x0", "0x4117", "0x1023503"]


def test_grain_is_stronger_in_the_dark_and_keeps_the_mean(render: ModuleType):
    grain = render.film_grain(np.broadcast_to(np.float32([0.02, 0.18, 2.0]), (96, 128, 3)), seed=3)
    assert grain.mean() == pytest.approx(1, abs=0.005)
    dark, middle, bright = grain.std(axis=(0, 1)) / (0.9, 0.9, 1.3)
    assert middle == pytest.approx(render.GRAIN, rel=0.15)
    assert dark == pytest.approx(3 * middle, rel=0.15)
    assert bright == pytest.approx(0.3 * middle, rel=0.15)


def test_without_llvm_it_says_what_to_install():
    pytest.importorskip("drjit", reason="rendering needs drjit")
    command = [sys.executable, str(SHOT / "render.py"), "--frames", "1001"]
    environment = {**os.environ, VARIABLE: "/nowhere/libLLVM-15.so.1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "render.py: Dr.Jit cannot work with what DRJIT_LIBLLVM_PATH names, /nowhere/libLLVM-15.so.1 (LLVM 15: there is "
        "no such file); install LLVM 19 (Debian, Ubuntu: apt-get install libllvm19), or name a library: "
        "export DRJIT_LIBLLVM_PATH=/path/to/libLLVM.so.19.1\n"
    )


@pytest.mark.slow
def test_a_tiny_frame_renders_and_renders_alike(render: ModuleType, tmp_path: Path):
    arguments = ["--frames", "1008", "--size", "64x36", "--spp", "32"]
    for name in ("one", "two"):
        assert render.main([*arguments, "--out", str(tmp_path / name)]) == 0
    images = {name: read(tmp_path / "one" / name, 1008) for name in ("plate", "truth")}
    for name, image in images.items():
        assert image.shape == (36, 64, 3)
        assert np.isfinite(image).all()
        assert np.std(fine_detail(image)) > 0.05
        np.testing.assert_allclose(read(tmp_path / "two" / name, 1008), image, rtol=0.02, atol=1e-3)
    assert np.std(gain_stops(images["plate"], images["truth"])) > 0.5


def test_a_frame_that_is_there_is_left_alone(render: ModuleType, tmp_path: Path):
    for name in ("plate", "truth"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "example.1001.exr").write_bytes(b"mine")
    assert render.main(["--frames", "1001", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "plate" / "example.1001.exr").read_bytes() == b"mine"
