from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from relumix.errors import InputError
from relumix.shot import Picture, Plate, Sequence, read_mask, read_reference
from relumix.shot.paint import Alpha
from relumix.shot.placing import Place, Windows
from relumix.shot.reference import ReferenceSummary, inspect_reference
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
    assert error(path, picture, plate) == (
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


DISC = np.zeros((16, 20), np.float32)
DISC[4:12, 4:12] = 1
TEXTURE = np.random.default_rng(5).uniform(0.1, 0.9, (16, 20, 3)).astype(np.float32)
CODES = np.uint8(TEXTURE * 200)


def texture_plate(tmp_path: Path, alpha: Any = None, **choice: Any) -> Plate:
    pixels = TEXTURE if alpha is None else np.dstack([TEXTURE, alpha])
    return Plate(Sequence.find(files.plain(tmp_path / "a.1.exr", pixels)), **choice)


def test_a_roto_matte_in_plate_and_reference_is_no_paint(tmp_path: Path) -> None:
    """The reference carries the plate's matte, in EXR and in PNG, whose colour is straight."""
    plate = texture_plate(tmp_path, DISC)
    picture = plate.read(1)
    assert picture.alpha is None
    assert picture.matte is not None
    exr = files.plain(tmp_path / "r.exr", np.dstack([TEXTURE * 2, DISC]))
    png = files.plain(tmp_path / "r.png", np.dstack([CODES, np.uint8(DISC * 255)]), oiio__UnassociatedAlpha=1)
    bare = files.plain(tmp_path / "bare.png", CODES)
    assert np.array_equal(read_reference(exr, picture, plate=plate)[0], TEXTURE * 2)
    assert np.array_equal(read_reference(png, picture, plate=plate)[0], read_reference(bare, picture, plate=plate)[0])


def test_a_paint_over_of_a_plate_with_a_matte_is_one(tmp_path: Path) -> None:
    plate = texture_plate(tmp_path, DISC)
    picture = plate.read(1)
    paint = np.zeros((16, 20, 4), np.float32)
    paint[:, :5] = [3, 3, 3, 1]
    rgb, known = read_reference(files.plain(tmp_path / "r.exr", paint), picture, plate=plate)
    assert known.all()
    assert (rgb[:, :5] == 3).all()
    assert np.array_equal(rgb[:, 5:], TEXTURE[:, 5:])


def test_light_added_in_a_paint_over_is_added_to_the_plate(tmp_path: Path) -> None:
    plate = texture_plate(tmp_path)
    paint = np.zeros((16, 20, 4), np.float32)
    paint[:, :5] = [3, 3, 3, 1]
    paint[2:6, 12:16, :3] = 0.5
    rgb, _ = read_reference(files.plain(tmp_path / "r.exr", paint), plate.read(1), plate=plate)
    assert rgb[2:6, 12:16] == pytest.approx(TEXTURE[2:6, 12:16] + 0.5)
    assert np.array_equal(rgb[8:, 5:], TEXTURE[8:, 5:])


@pytest.mark.parametrize("covered", [0.0, 0.1])
def test_fire_in_plate_and_reference_is_all_of_the_reference(tmp_path: Path, covered: float) -> None:
    flame = np.zeros((16, 20), np.float32)
    flame[2:14, 13:18] = 1
    fire = TEXTURE * np.maximum(DISC, flame)[..., None]
    alpha = np.maximum(DISC, covered * flame)
    path = files.plain(tmp_path / "a.1.exr", np.dstack([fire, alpha]))
    plate = Plate(Sequence.find(path))
    assert plate.read(1).alpha is None
    relit = files.plain(tmp_path / "r.exr", np.dstack([fire * 2, alpha]))
    assert np.array_equal(read_reference(relit, plate.read(1), plate=plate)[0], fire * 2)


@pytest.mark.parametrize("size", [(16, 20), (32, 40)])
def test_the_plates_own_matte_is_told_from_paint_by_where_it_is(tmp_path: Path, size: tuple[int, int]) -> None:
    """Fire that is brighter than its alpha in the plate alone: the reference made it dark."""
    flame = np.zeros((16, 20), np.float32)
    flame[2:14, 13:18] = 0.1
    alpha, fire = np.maximum(DISC, flame), TEXTURE * np.maximum(DISC, 10 * flame)[..., None]
    plate = Plate(Sequence.find(files.plain(tmp_path / "a.1.exr", np.dstack([fire, alpha]))))
    picture = plate.read(1)
    assert picture.matte is not None
    scale = size[0] // 16
    dark = np.kron(np.dstack([fire * (1 - 0.95 * (flame > 0))[..., None], alpha]), np.ones((scale, scale, 1)))
    rgb, known = read_reference(files.plain(tmp_path / "r.exr", dark.astype(np.float32)), picture, plate=plate)
    assert known.all()
    assert rgb == pytest.approx(dark[::scale, ::scale, :3], abs=1e-5)
    # With another alpha it is painted where that says so.
    dark[:, : 3 * scale, 3] = 1
    painted, _ = read_reference(files.plain(tmp_path / "r.exr", dark.astype(np.float32)), picture, plate=plate)
    assert painted[8, 15] == pytest.approx(fire[8, 15] * (0.05 + 0.9), abs=1e-5)


def test_a_transparent_reference_never_makes_the_shot_black(tmp_path: Path) -> None:
    bare = files.plain(tmp_path / "bare.png", CODES)
    for alpha in (0, 1):  # One step of 8 bits is nothing painted either.
        plate = texture_plate(tmp_path, DISC * alpha)
        picture = plate.read(1)
        codes = np.dstack([CODES, np.full((16, 20), alpha, np.uint8)])
        png = files.plain(tmp_path / "r.png", codes, oiio__UnassociatedAlpha=1)
        expected = read_reference(bare, picture, plate=plate)[0]
        assert np.array_equal(read_reference(png, picture, plate=plate)[0], expected)


def test_premult_says_what_alpha_is(tmp_path: Path) -> None:
    relit = np.dstack([TEXTURE * 2, DISC])
    path = files.plain(tmp_path / "r.exr", relit)
    for premult in ("auto", "no"):
        plate = texture_plate(tmp_path, premult=premult)
        assert np.array_equal(read_reference(path, plate.read(1), plate=plate)[0], TEXTURE * 2)
    plate = texture_plate(tmp_path, premult="yes")
    rgb, _ = read_reference(path, plate.read(1), plate=plate)
    assert rgb == pytest.approx(TEXTURE * 2 + TEXTURE * (1 - DISC)[..., None])
    blank = files.plain(tmp_path / "blank.exr", np.dstack([TEXTURE, 0 * DISC]))
    assert error(blank, plate.read(1), plate) == (
        f"reference {blank} is transparent everywhere: expected a relit frame"
    )


def test_a_reference_of_several_parts(tmp_path: Path) -> None:
    plate = texture_plate(tmp_path)

    def parts(*names: str) -> Path:
        shown = {"C": TEXTURE * 2, "beauty": TEXTURE * 3}
        written = [(files.spec_of(TEXTURE, oiio__subimagename=name), [shown.get(name, TEXTURE)]) for name in names]
        return files.by_oiio(tmp_path / "r.exr", written)

    assert np.array_equal(read_reference(parts("N", "C"), plate.read(1), plate=plate)[0], TEXTURE * 2)
    asked = f"reference {tmp_path}/r.exr does not say which layer is the picture; choose with --layer: "
    assert error(parts("N", "C", "beauty"), plate.read(1), plate) == f"{asked}N, C, beauty"
