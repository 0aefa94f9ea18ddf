"""Taking the light of an edited picture over, measured against truth: softened, shifted, warped, with other content."""

from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest

from relumix.color.rec709 import LUMINANCE, srgb_encode
from relumix.gain.log_gain import BLACK_OFFSET, MID_GREY
from relumix.reference.text.display import Display, quantized
from relumix.reference.text.extraction import light_of

EXAMPLE = Path(__file__).resolve().parents[3] / "examples/shot"
OFFSET = np.float32(BLACK_OFFSET)


def soft(lit, random):
    return cv2.GaussianBlur(lit, (0, 0), 1.5)


def shifted(lit, random):
    way = np.float32([[1, 0, 1], [0, 1, 1]])
    return cv2.warpAffine(lit, way, lit.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def warped(lit, random):
    """Move every 16 pixels by one, in any direction."""
    height, width = lit.shape[:2]
    small = random.normal(size=(height // 16 + 2, width // 16 + 2, 2)).astype(np.float32)
    moved = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    way = columns + moved[..., 0], rows + moved[..., 1]
    return np.maximum(cv2.remap(lit, *way, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), 0)


def other_content(lit, random, times=1):
    """Turn a part of the picture upside down."""
    height, width = lit.shape[:2]
    rows, columns = times * (height // 6), times * (width // 8)
    part = slice(height // 3, height // 3 + rows), slice(width // 3, width // 3 + columns)
    out = lit.copy()
    out[part] = lit[part][::-1, ::-1]
    return out


def faces(lit, random):
    return other_content(lit, random)


def large_part(lit, random):
    return other_content(lit, random, 3)


def all_of_it(lit, random):
    for each in (soft, shifted, warped, faces):
        lit = each(lit, random)
    return lit


def small(path, long_edge=640):
    pixels = np.asarray(oiio.ImageBuf(str(path)).get_pixels("float"))[..., :3]
    scale = min(1.0, long_edge / max(pixels.shape[:2]))
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)


def pairs(shared=None):
    """Yield a plate's frame, exposed, and its truth under another light."""
    lights = (("exterior", "golden_hour"), ("turntable", "side_rim"), ("turntable", "warm_top"))
    folders = [(EXAMPLE / "plate", EXAMPLE / "truth")]
    if shared:
        folders = [(shared / "plates" / shot / "source", shared / "plates" / shot / light) for shot, light in lights]
    for source, truth in folders:
        plate, lit = (small(sorted(folder.glob("*.exr"))[0]) for folder in (source, truth))
        exposure = np.float32(MID_GREY / np.median(plate @ LUMINANCE))
        yield np.maximum(plate * exposure, 0), np.maximum(lit * exposure, 0)


def psnr(plate, stops, lit):
    result = np.maximum((plate + OFFSET) * np.exp2(stops) - OFFSET, 0)
    scale = 0.8 / np.percentile(lit, 97)
    shown = [srgb_encode(np.clip(each * scale, 0, 1)) for each in (result, lit)]
    return -10 * np.log10(np.mean(np.square(shown[0] - shown[1])))


def measured(plate, lit, spoil):
    """Return the light that is taken over, its PSNR, and that of the plain ratio."""
    display = Display.of(plate)
    picture = quantized(display.encode(spoil(lit, np.random.default_rng(1))))
    found = light_of(plate, picture, display)
    ratio = np.log2((display.decode(picture) + OFFSET) / (plate + OFFSET))
    return found, psnr(plate, found.gain_stops, lit), psnr(plate, ratio, lit)


LEAST = {
    # At least so many dB, and so many more than the plain ratio has.
    "as it is": (lambda lit, random: lit, 31, -40),
    "soft": (soft, 26.5, -0.5),
    "shifted": (shifted, 30, 3),
    "warped": (warped, 26.5, 0),
    "faces": (faces, 23, -4),
    "a large part": (large_part, 15, 0.5),
    "all of it": (all_of_it, 21.5, 1),
}


@pytest.mark.parametrize("spoiled", LEAST, ids=lambda name: name.replace(" ", "_"))
def test_light_is_taken_over_from_a_spoiled_picture(spoiled):
    spoil, least, better = LEAST[spoiled]
    for plate, lit in pairs():
        _, taken, plain = measured(plate, lit, spoil)
        assert taken > least
        assert taken > plain + better


@pytest.mark.parametrize("spoiled", ["soft", "a large part", "all of it"], ids=lambda name: name.replace(" ", "_"))
def test_light_is_taken_over_from_a_spoiled_picture_of_more_shots(spoiled, shared):
    spoil, least, better = LEAST[spoiled]
    results = [measured(plate, lit, spoil)[1:] for plate, lit in pairs(shared)]
    assert min(taken for taken, _ in results) > least
    assert np.mean([taken - plain for taken, plain in results]) > better


def test_a_picture_that_changes_nothing_gives_no_light():
    for plate, _ in pairs():
        display = Display.of(plate)
        found = light_of(plate, quantized(display.encode(plate)), display)
        assert not found.gain_stops.any()
        assert found.kept == pytest.approx(1)
        assert found.changed is None


@pytest.mark.parametrize("stops", [-2.0, -0.5, 0.5])
def test_a_plain_grade_is_given_back(stops):
    """Within 0.05 stops, mean over the picture: eight bits say no more of its shadows."""
    for plate, _ in pairs():
        display = Display.of(plate)
        picture = quantized(display.encode(plate * np.float32(2**stops)))
        true = np.log2((plate * 2**stops + OFFSET) / (plate + OFFSET))
        assert np.abs(light_of(plate, picture, display).gain_stops - true).mean() < 0.05


def test_a_shift_is_told():
    for plate, lit in pairs():
        found, _, _ = measured(plate, lit, shifted)
        assert found.shift_px == pytest.approx((1, 1), abs=0.35)


def test_changed_content_is_told_where_it_is():
    for plate, lit in pairs():
        found, _, _ = measured(plate, lit, large_part)
        width = plate.shape[1]
        assert found.changed is not None
        assert found.changed.x < width * 2 / 3
        assert found.changed.right > width / 2
        assert measured(plate, lit, lambda lit, random: lit)[0].changed is None


def test_how_much_of_the_plate_was_kept():
    for plate, lit in pairs():
        noise = np.random.default_rng(0).uniform(0, 1, plate.shape).astype(np.float32)
        display = Display.of(plate)
        assert measured(plate, lit, soft)[0].kept > 0.25
        assert light_of(plate, noise, display).kept < 0.1


def test_coarse_light_has_no_detail():
    for plate, lit in pairs():
        display = Display.of(plate)
        picture = quantized(display.encode(lit))
        fine, coarse = (light_of(plate, picture, display, coarse=times).gain_stops for times in (1, 16))
        rough = [np.abs(each - cv2.GaussianBlur(each, (0, 0), 2)).mean() for each in (fine, coarse)]
        assert rough[1] < rough[0] / 2


def test_outside_of_a_matte_light_goes_on_from_inside():
    plate, _ = next(pairs())
    display = Display.of(plate)
    matte = np.zeros(plate.shape[:2], np.float32)
    matte[:, : plate.shape[1] // 2] = 1
    picture = display.encode(plate * np.where(matte > 0.5, 0.5, 4.0)[..., None].astype(np.float32))
    found = light_of(plate, quantized(picture), display, matte=matte)
    assert found.gain_stops[:, -20:].mean() == pytest.approx(-1, abs=0.2)
    assert found.gain_stops[:, :20].mean() == pytest.approx(-1, abs=0.2)


def test_a_clipped_picture_says_nothing_where_it_is_white():
    plate = np.full((64, 96, 3), 0.18, np.float32) * np.random.default_rng(0).uniform(0.8, 1.2, (64, 96, 1)).astype(
        "f4"
    )
    display = Display.of(plate)
    picture = display.encode(plate * 2)
    picture[20:40, 20:40] = 1
    found = light_of(plate, quantized(picture), display)
    assert found.gain_stops[30, 30].mean() == pytest.approx(1, abs=0.1)
