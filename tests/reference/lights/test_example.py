"""The rig of the example shot on its frame, as docs/reference.md runs it, at a smaller working size."""

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from relumix.cli.main import main

SHOT = Path(__file__).resolve().parents[3] / "examples" / "shot"


def pixels(path):
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels("float"))[..., :3]


def test_the_example(tmp_path, capsys):
    shape, albedo = SHOT / "geometry" / "shape.1001.exr", SHOT / "geometry" / "albedo.1001.exr"
    if not shape.exists():
        pytest.skip("the example shot is not beside these tests")
    maps = ("--position", shape, "--normals", shape, "--albedo", albedo)
    relit = tmp_path / "relit.1001.exr"
    words = ("reference", "lights", SHOT / "plate", "--lights", SHOT / "lights.json", *maps, "-o", relit)
    assert main([*map(str, words), "--frame", "1001", "--work-size", "128"]) == 0
    assert capsys.readouterr().err == ""
    plate, lit = pixels(SHOT / "plate" / "example.1001.exr"), pixels(relit)
    warm = (lit[..., 0] / lit[..., 2]).mean() / (plate[..., 0] / plate[..., 2]).mean()
    assert warm > 1.3  # the lamp's colour
    ratio = lit[..., 1] / plate[..., 1]
    assert ratio[200:, 500:].mean() > 2 * ratio[100:200, :100].mean()  # it is on the right, and the vase hides the left
