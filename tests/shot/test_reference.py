from pathlib import Path

import numpy as np
import pytest

from relumix.errors import InputError
from relumix.shot import Picture, Plate, Sequence, read_reference
from relumix.shot.paint import Alpha
from relumix.shot.placing import Place, Windows
from relumix.shot.reference import ReferenceSummary, inspect_reference
from tests.shot import files

DISPLAY = (0, 0, 20, 16)
LINEAR_HALF_CODE = 0.2158605  # sRGB code 128 of 255


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
        f"reference {path} is 10x9, but the plate's frame 1 is 10x8 or 20x16: expected that size, or another of the "
        "same shape"
    )


def test_pixels_that_say_nothing(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    pixels = files.noise(8, 10, 3)
    pixels[1, 2, 0], pixels[3, 4, 1], pixels[5, 6] = np.nan, np.inf, 60000
    rgb, known = read_reference(files.plain(tmp_path / "r.exr", pixels), picture, plate=plate)
    assert np.argwhere(~known).tolist() == [[1, 2], [3, 4]]
    assert not rgb[~known].any()
    assert (rgb[5, 6] == 60000).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_reference_of_which_no_pixel_says_anything(
    plate: Plate, picture: Picture, tmp_path: Path, value: float
) -> None:
    with pytest.raises(InputError) as caught:
        read_reference(files.plain(tmp_path / "r.exr", np.full((8, 10, 3), value, np.float16)), picture, plate=plate)
    assert str(caught.value) == (
        f"reference {tmp_path}/r.exr is not finite, or clipped, in every pixel: expected a relit frame"
    )


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


def test_straight_alpha_is_multiplied_and_lies_over_the_plate(tmp_path: Path) -> None:
    plate = Plate(Sequence.find(files.plain(tmp_path / "a.1.exr", files.noise(16, 20, 3))))
    picture = plate.read(1)
    pixels = np.full((16, 20, 4), 128, np.uint8)
    path = files.plain(tmp_path / "r.png", pixels, oiio__UnassociatedAlpha=1)
    rgb, _ = read_reference(path, picture, plate=plate)
    share = np.float32(128 / 255)
    assert rgb == pytest.approx(LINEAR_HALF_CODE * share + picture.rgb * (1 - share), abs=1e-5)


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


def test_references_that_are_none(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    path = tmp_path / "r.exr"
    assert files.reference_error(path, picture, plate) == f"reference {path} cannot be read: there is no such file"
    path.write_bytes(b"text")
    assert files.reference_error(path, picture, plate).startswith(f"reference {path} cannot be read: ")
    files.plain(path, files.noise(8, 10, 1), ["Z"])
    assert files.reference_error(path, picture, plate) == (
        f"reference {path} has no red, green and blue channels, only Z: expected R, G, B or a layer of them"
    )


PAINTED = (slice(2, 5), slice(3, 8))
"""Rows and columns of the plate's 10x8 pixels that a paint-over covers."""


def paint_over(path: Path, colour: float = 3.0) -> Path:
    """A relit frame of 20x16 that is painted in one box alone: PNG, or OpenEXR in its own way to store alpha."""
    rows, columns = PAINTED
    box = slice(rows.start + 5, rows.stop + 5), slice(columns.start + 4, columns.stop + 4)
    if path.suffix == ".png":
        codes = np.zeros((16, 20, 4), np.uint8)
        codes[..., :3] = 255  # what lies under a transparent pixel means nothing
        codes[box] = [128, 128, 128, 255]
        return files.plain(path, codes, oiio__UnassociatedAlpha=1)
    pixels = np.zeros((16, 20, 4), np.float32)
    pixels[box] = [colour, colour, colour, 1]
    return files.plain(path, pixels, "RGBA", display=DISPLAY)


@pytest.mark.parametrize(("name", "colour"), [("r.png", LINEAR_HALF_CODE), ("r.exr", 3.0)])
def test_what_was_not_painted_is_the_plate(
    plate: Plate, picture: Picture, tmp_path: Path, name: str, colour: float
) -> None:
    rgb, known = read_reference(paint_over(tmp_path / name), picture, plate=plate)
    expected = picture.rgb.copy()
    expected[PAINTED] = colour
    outside = np.ones((8, 10), bool)
    outside[PAINTED] = False
    assert np.array_equal(rgb[outside], picture.rgb[outside])
    assert rgb[PAINTED] == pytest.approx(expected[PAINTED], abs=1e-4)
    assert known.all()


def test_a_cropped_paint_over_leaves_the_plate_outside_of_its_own_pixels(
    plate: Plate, picture: Picture, tmp_path: Path
) -> None:
    pixels = np.zeros((4, 4, 4), np.float32)
    pixels[:2] = [2, 2, 2, 1]
    path = files.plain(tmp_path / "r.exr", pixels, "RGBA", window=(6, 7), display=DISPLAY)
    rgb, known = read_reference(path, picture, plate=plate)
    expected = picture.rgb.copy()
    expected[2:4, 2:6] = 2
    assert np.array_equal(rgb, expected)
    assert known.all()


def test_a_data_window_that_is_the_painted_box_itself_is_a_paint_over(
    plate: Plate, picture: Picture, tmp_path: Path
) -> None:
    """Outside of its data window an OpenEXR image is transparent: as after an automatic crop."""
    path = files.plain(
        tmp_path / "r.exr", np.full((2, 4, 4), [2, 2, 2, 1], np.float32), "RGBA", window=(6, 7), display=DISPLAY
    )
    rgb, known = read_reference(path, picture, plate=plate)
    expected = picture.rgb.copy()
    expected[2:4, 2:6] = 2
    assert np.array_equal(rgb, expected)
    assert known.all()
    windows = Windows(picture.data_window, picture.display_window)
    found = inspect_reference(path, windows, 1, plate=plate, colorspace=None, read=lambda: picture)
    assert found.alpha is Alpha.PAINTED


def test_alpha_of_1_or_the_plates_own_changes_nothing(tmp_path: Path) -> None:
    rgba = np.random.default_rng(3).uniform(0.1, 0.9, (8, 10, 4)).astype(np.float32)
    path = files.plain(tmp_path / "a.1.exr", rgba, "RGBA")
    plate = Plate(Sequence.find(path))
    picture = plate.read(1)
    relit = rgba * np.array([3, 3, 3, 1], np.float32)
    for name, pixels in (("same.exr", relit), ("whole.exr", np.dstack([relit[..., :3], np.ones((8, 10), np.float32)]))):
        rgb, known = read_reference(files.plain(tmp_path / name, pixels, "RGBA"), picture, plate=plate)
        assert np.array_equal(rgb, pixels[..., :3])
        assert known.all()


def test_alpha_that_is_0_everywhere_or_under_light_is_not_used(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    codes = np.full((16, 20, 4), 128, np.uint8)
    codes[..., 3] = 0
    png = files.plain(tmp_path / "r.png", codes, oiio__UnassociatedAlpha=1)
    assert read_reference(png, picture, plate=plate)[0] == pytest.approx(LINEAR_HALF_CODE, abs=1e-5)
    light = np.full((8, 10, 4), 0.5, np.float32)
    for columns in (10, 6):
        light[:, :columns, 3] = 0
        rgb, known = read_reference(files.plain(tmp_path / "r.exr", light, "RGBA"), picture, plate=plate)
        assert np.array_equal(rgb, light[..., :3])
        assert known.all()


def test_a_blank_reference(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    path = files.plain(tmp_path / "r.png", np.zeros((16, 20, 4), np.uint8), oiio__UnassociatedAlpha=1)
    assert files.reference_error(path, picture, plate) == (
        f"reference {path} is black and transparent everywhere: expected a relit frame"
    )


def test_what_is_not_finite_under_paint(tmp_path: Path) -> None:
    pixels = files.noise(8, 10)
    pixels[0, 0], pixels[7, 9] = np.nan, np.inf
    path = files.plain(tmp_path / "a.1.exr", pixels)
    plate = Plate(Sequence.find(path))
    relit = np.zeros((8, 10, 4), np.float32)
    relit[:4] = [1, 1, 1, 1]
    relit[1, 1, 0] = np.nan
    rgb, known = read_reference(files.plain(tmp_path / "r.exr", relit, "RGBA"), plate.read(1), plate=plate)
    assert np.argwhere(~known).tolist() == [[1, 1], [7, 9]]
    assert np.isfinite(rgb).all()


def test_double_is_averaged(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    pixels = files.noise(32, 40, 3).astype(np.float32)
    rgb, known = read_reference(files.plain(tmp_path / "r.exr", pixels), picture, plate=plate)
    mean = pixels.reshape(16, 2, 20, 2, 3).mean(axis=(1, 3))
    assert rgb == pytest.approx(mean[5:13, 4:14], rel=1e-4, abs=1e-5)
    assert known.all()


@pytest.mark.parametrize("factor", [1.0, 4.0])
def test_a_smaller_one_is_light_on_the_plates_detail(tmp_path: Path, factor: float) -> None:
    detail = np.random.default_rng(1).uniform(0.1, 1, (16, 20, 3)).astype(np.float32)
    detail[3, 4] = np.nan
    plate = Plate(Sequence.find(files.plain(tmp_path / "a.1.exr", detail)))
    small = np.nanmean(detail.reshape(8, 2, 10, 2, 3), axis=(1, 3)).astype(np.float32) * np.float32(factor)
    small[0, 0] = np.nan
    rgb, known = read_reference(files.plain(tmp_path / "r.exr", small), plate.read(1), plate=plate)
    assert known.mean() > 0.9
    assert not known[3, 4]
    assert not known[0, 0]
    assert rgb[known] == pytest.approx(detail[known] * factor, rel=0.06)


def test_a_smaller_paint_over_leaves_the_plate_bit_for_bit(tmp_path: Path) -> None:
    detail = np.random.default_rng(1).uniform(0.1, 1, (16, 20, 3)).astype(np.float32)
    plate = Plate(Sequence.find(files.plain(tmp_path / "a.1.exr", detail)))
    small = np.zeros((8, 10, 4), np.float32)
    small[:, :4] = [2, 2, 2, 1]
    rgb, known = read_reference(files.plain(tmp_path / "r.exr", small, "RGBA"), plate.read(1), plate=plate)
    assert known.all()
    assert np.array_equal(rgb[:, 9:], detail[:, 9:])
    assert rgb[:, :7].mean() == pytest.approx(2, rel=0.05)


def test_paint_of_another_size_is_fitted_too(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    pixels = np.zeros((32, 40, 4), np.float32)
    pixels[:, :20] = [2, 2, 2, 1]
    pixels[3, 5] = np.nan
    rgb, known = read_reference(files.plain(tmp_path / "r.exr", pixels, "RGBA"), picture, plate=plate)
    expected = picture.rgb.copy()
    expected[:, :6] = 2
    assert rgb == pytest.approx(expected)
    assert known.all()


def test_a_look_tells_what_reading_would_do(plate: Plate, picture: Picture, tmp_path: Path) -> None:
    def look(path: Path) -> ReferenceSummary:
        windows = plate.windows(1)
        return inspect_reference(path, windows, 1, plate=plate, colorspace=None, read=lambda: plate.read(1))

    assert look(paint_over(tmp_path / "r.png")).alpha is Alpha.PAINTED
    # The fixture's alpha is noise, and the plate's own.
    assert look(picture.path) == ReferenceSummary(Place(picture.data_window), Alpha.MATTE)
    half = look(files.plain(tmp_path / "half.exr", files.noise(8, 10)[:, :, :3], display=(0, 0, 10, 8)))
    assert half.place == Place(picture.data_window)
    with pytest.raises(InputError, match="unknown colour space"):
        inspect_reference(
            picture.path, plate.windows(1), 1, plate=plate, colorspace="no", read=lambda: pytest.fail("not needed")
        )
