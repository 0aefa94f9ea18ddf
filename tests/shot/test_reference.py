from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from relumix.errors import InputError
from relumix.shot import Picture, Plate, Sequence, read_mask, read_reference
from tests.shot import files

DISPLAY = (0, 0, 20, 16)
LINEAR_HALF_CODE = 0.2158605  # sRGB code 128 of 255


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    """A plate of 10x8 pixels at 4, 5 in a frame of 20x16."""
    files.plain(tmp_path / "plate" / "a.1.exr", files.noise(8, 10), window=(4, 5), display=DISPLAY)
    return Plate(Sequence.find(tmp_path / "plate"))


@pytest.fixture
def picture(plate: Plate) -> Picture:
    return plate.read(1)


def test_the_plate_itself(plate: Plate, picture: Picture) -> None:
    rgb, known = read_reference(picture.path, picture, plate=plate)
    assert rgb.dtype == np.float32
    assert np.array_equal(rgb, picture.rgb)
    assert known.dtype == bool
    assert known.all()


def test_its_own_data_window(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    pixels = files.noise(6, 7, 3)
    path = files.plain(tmp_path / "r.exr", pixels, window=(2, 7), display=DISPLAY)
    rgb, known = read_reference(path, picture, plate=plate)
    # Columns 4 to 8 and rows 7 to 12 of the frame are in both: columns 0 to 4 and rows 2 to 7 of the plate's pixels.
    expected, inside = np.zeros((8, 10, 3), np.float32), np.zeros((8, 10), bool)
    expected[2:8, :5], inside[2:8, :5] = pixels[:, 2:], True
    assert np.array_equal(rgb, expected)
    assert np.array_equal(known, inside)


@pytest.mark.parametrize("display", [None, (100, 50, 30, 30)])
def test_the_size_of_the_display_window(
    plate: Plate, picture: Picture, tmp_path: Path, display: tuple[int, int, int, int] | None
) -> None:
    pixels = files.noise(16, 20, 3)
    rgb, known = read_reference(files.plain(tmp_path / "r.exr", pixels, display=display), picture, plate=plate)
    assert np.array_equal(rgb, pixels[5:13, 4:14])
    assert known.all()


def test_the_size_of_the_data_window(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    pixels = files.noise(8, 10, 3)
    rgb, known = read_reference(files.plain(tmp_path / "r.exr", pixels), picture, plate=plate)
    assert np.array_equal(rgb, pixels)
    assert known.all()


def test_another_size(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    path = files.plain(tmp_path / "r.exr", files.noise(9, 10, 3))
    with pytest.raises(InputError) as caught:
        read_reference(path, picture, plate=plate)
    assert str(caught.value) == (
        f"reference {path} is 10x9, but the plate's frame 1 is 10x8 or 20x16: expected the same size"
    )


def test_pixels_that_say_nothing(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    pixels = files.noise(8, 10, 3)
    pixels[1, 2, 0], pixels[3, 4, 1], pixels[5, 6] = np.nan, np.inf, 60000
    rgb, known = read_reference(files.plain(tmp_path / "r.exr", pixels), picture, plate=plate)
    assert np.argwhere(~known).tolist() == [[1, 2], [3, 4]]
    assert not rgb[~known].any()
    assert (rgb[5, 6] == 60000).all()


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_whole_numbers_are_srgb_and_clip(
    plate: Plate, picture: Picture, tmp_path: Path, suffix: str, kind: str
) -> None:
    highest = np.iinfo(kind).max
    pixels = np.full((16, 20, 3), highest // 255 * 128, kind)
    pixels[5, 4] = [highest, 0, 0]
    pixels[6, 4] = highest - 1
    rgb, known = read_reference(files.plain(tmp_path / f"r.{suffix}", pixels), picture, plate=plate)
    assert np.argwhere(~known).tolist() == [[0, 0]]
    assert rgb[0, 0] == pytest.approx([1, 0, 0], abs=1e-4)
    assert rgb[2:] == pytest.approx(LINEAR_HALF_CODE, abs=1e-5)


def test_jpeg(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    path = files.plain(tmp_path / "r.jpg", np.full((16, 20, 3), 128, np.uint8))
    rgb, known = read_reference(path, picture, plate=plate)
    assert rgb == pytest.approx(LINEAR_HALF_CODE, abs=1e-2)
    assert known.all()


def test_straight_alpha_is_multiplied(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    pixels = np.full((16, 20, 4), 128, np.uint8)
    path = files.plain(tmp_path / "r.png", pixels, oiio__UnassociatedAlpha=1)
    rgb, _ = read_reference(path, picture, plate=plate)
    assert rgb == pytest.approx(LINEAR_HALF_CODE * 128 / 255, abs=1e-5)


def test_colour_spaces(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    path = files.plain(tmp_path / "r.tif", np.full((16, 20, 3), 0.5, np.float32))
    assert read_reference(path, picture, plate=plate)[0] == pytest.approx(0.5)
    rgb, known = read_reference(path, picture, plate=plate, colorspace="sRGB")
    assert rgb == pytest.approx(0.2140411, abs=1e-5)
    assert known.all()
    in_aces = Plate(plate.sequence, colorspace="ACEScg")
    red = files.plain(tmp_path / "red.tif", np.full((16, 20, 3), [1.0, 0, 0], np.float32))
    rgb, _ = read_reference(red, picture, plate=in_aces, colorspace="lin_rec709")
    assert rgb[0, 0] == pytest.approx([0.6131, 0.0702, 0.0206], abs=1e-3)
    rgb, _ = read_reference(red, picture, plate=plate, colorspace="lin_rec709")
    assert rgb[0, 0] == pytest.approx([1, 0, 0])


def test_unknown_colour_space(plate: Plate, picture: Picture) -> None:
    with pytest.raises(InputError, match="unknown colour space 'ACESgc': did you mean ACEScg"):
        read_reference(picture.path, picture, plate=plate, colorspace="ACESgc")


def test_the_plates_layer_or_else_the_plain_one(tmp_path: Path) -> None:
    names = ["R", "G", "B", "beauty.R", "beauty.G", "beauty.B"]
    path = files.plain(tmp_path / "a.exr", files.noise(8, 10, 6), names)
    plate = Plate(Sequence.find(path), layer="beauty")
    picture = plate.read(1)
    assert np.array_equal(read_reference(path, picture, plate=plate)[0], picture.rgb)
    other = files.plain(tmp_path / "r.exr", files.noise(8, 10, 3))
    assert np.array_equal(read_reference(other, picture, plate=plate)[0], files.noise(8, 10, 3))


def error(path: Path, picture: Picture, plate: Plate) -> str:
    with pytest.raises(InputError) as caught:
        read_reference(path, picture, plate=plate)
    return str(caught.value)


def test_references_that_are_none(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    path = tmp_path / "r.exr"
    assert error(path, picture, plate) == f"reference {path} cannot be read: there is no such file"
    path.write_bytes(b"text")
    assert error(path, picture, plate).startswith(f"reference {path} cannot be read: ")
    files.plain(path, files.noise(8, 10, 1), ["Z"])
    assert error(path, picture, plate) == (
        f"reference {path} has no red, green and blue channels, only Z: expected R, G, B or a layer of them"
    )


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
    mask = read_mask(files.plain(tmp_path / "m.exr", pixels, ["A"], window=(4, 5), display=DISPLAY), picture)
    assert mask[0, :3].tolist() == [0, 0, 1]
    assert mask[1, :3].tolist() == [0.5, 0.5, 0.5]
    assert mask.sum() == 2.5


def test_mask_codes_are_taken_as_they_are(picture: Picture, tmp_path: Path) -> None:
    spec = oiio.ImageSpec(20, 16, 1, "uint8")
    path = files.by_oiio(tmp_path / "m.png", (spec, [np.full((16, 20, 1), 51, np.uint8)]))
    assert read_mask(path, picture) == pytest.approx(0.2)


def test_mask_of_another_size(picture: Picture, tmp_path: Path) -> None:
    path = files.plain(tmp_path / "m.exr", files.noise(3, 3))
    with pytest.raises(InputError) as caught:
        read_mask(path, picture)
    assert str(caught.value) == f"mask {path} is 3x3, but the plate's frame 1 is 10x8 or 20x16: expected the same size"
