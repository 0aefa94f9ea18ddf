from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from relumix.errors import InputError
from relumix.shot import Picture, read_mask
from tests.shot import files


@pytest.mark.parametrize(
    ("names", "channel"), [("RGBA", 3), (["R", "G", "B"], 0), (["Y"], 0), (["matte.x", "matte.y"], 0)]
)
def test_mask_channels(picture: Picture, tmp_path: Path, names: Any, channel: int) -> None:
    pixels = np.random.default_rng(0).random((8, 10, len(names)), np.float32)
    mask = read_mask(files.plain(tmp_path / "m.exr", pixels, names), picture)
    assert mask.dtype == np.float32
    assert np.array_equal(mask, pixels[..., channel])


def test_mask_is_in_range_and_nothing_outside(picture: Picture, tmp_path: Path) -> None:
    pixels = np.full((2, 3, 1), 0.5, np.float32)
    pixels[0] = [[np.nan], [-1], [7]]
    mask = read_mask(files.plain(tmp_path / "m.exr", pixels, ["A"], window=(4, 5), display=(0, 0, 20, 16)), picture)
    assert mask[0, :3].tolist() == [0, 0, 1]
    assert mask[1, :3].tolist() == [0.5, 0.5, 0.5]
    assert mask.sum() == 2.5


def test_mask_codes_are_taken_as_they_are(picture: Picture, tmp_path: Path) -> None:
    spec = oiio.ImageSpec(20, 16, 1, "uint8")
    path = files.by_oiio(tmp_path / "m.png", (spec, [np.full((16, 20, 1), 51, np.uint8)]))
    assert read_mask(path, picture) == pytest.approx(0.2)


def test_a_grey_mask_whose_alpha_says_nothing(picture: Picture, tmp_path: Path) -> None:
    grey, whole = np.random.default_rng(0).random((8, 10, 1), np.float32), np.ones((8, 10, 1), np.float32)
    for alpha in (whole, whole * 0):
        mask = read_mask(files.plain(tmp_path / "m.exr", np.dstack([grey, grey, grey, alpha])), picture)
        assert np.array_equal(mask, grey[..., 0])
        codes = np.uint8(np.dstack([grey, alpha]) * 255)
        mask = read_mask(files.plain(tmp_path / "m.png", codes, ["Y", "A"], oiio__UnassociatedAlpha=1), picture)
        np.testing.assert_allclose(mask * 255, codes[..., 0], rtol=1e-6)
    # The picture of an element that covers all is no matte.
    mask = read_mask(files.plain(tmp_path / "m.exr", np.dstack([grey, grey / 2, grey, whole])), picture)
    assert (mask == 1).all()


def test_a_mask_of_several_parts(picture: Picture, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).random((8, 10, 1), np.float32)

    def parts(**channels: str) -> Path:
        specs = [files.spec_of(pixels, [channel], oiio__subimagename=name) for name, channel in channels.items()]
        return files.by_oiio(tmp_path / "m.exr", [(spec, [pixels * i]) for i, spec in enumerate(specs)])

    assert np.array_equal(read_mask(parts(depth="Z", matte="A"), picture), pixels[..., 0])
    with pytest.raises(InputError) as caught:
        read_mask(parts(hair="A", skin="A"), picture)
    assert str(caught.value) == (f"mask {tmp_path}/m.exr has A in several parts (hair, skin): expected the matte alone")
    with pytest.raises(InputError, match="has several parts, and none with A, R or Y: expected the matte alone"):
        read_mask(parts(hair="x", skin="y"), picture)


def test_mask_of_another_size(picture: Picture, tmp_path: Path) -> None:
    path = files.plain(tmp_path / "m.exr", files.noise(3, 3))
    with pytest.raises(InputError) as caught:
        read_mask(path, picture)
    assert str(caught.value) == f"mask {path} is 3x3, but the plate's frame 1 is 10x8 or 20x16: expected the same size"
