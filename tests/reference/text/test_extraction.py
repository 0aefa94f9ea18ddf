"""Taking the light of an edited picture over, measured against truth: softened, shifted, warped, with other content."""

import cv2
import numpy as np
import pytest

from relumix.reference.text.display import Display, quantized
from relumix.reference.text.extraction import light_of
from tests.reference.spoiled import EXAMPLE, OFFSET, SPOILS, face, large_part, measured, pairs, shifted, soft

EXAMPLES = [(EXAMPLE / "plate", EXAMPLE / "truth")]


def shots(shared):
    lights = (("exterior", "golden_hour"), ("turntable", "side_rim"), ("turntable", "warm_top"))
    return [(shared / "plates" / shot / "source", shared / "plates" / shot / light) for shot, light in lights]


LEAST = {
    # At least so many dB, and so many more than the plain ratio has.
    "as it is": (31, -40),
    "softened": (26.5, -0.5),
    "shifted by a pixel": (30, 3),
    "warped": (26.5, 0),
    "a face changed": (23, -4),
    "a large part changed": (15, 0.5),
    "softened, shifted, warped and a face changed": (21.5, 1),
}


@pytest.mark.parametrize("spoiled", LEAST, ids=lambda name: name.replace(" ", "_"))
def test_light_is_taken_over_from_a_spoiled_picture(spoiled):
    least, better = LEAST[spoiled]
    for plate, lit in pairs(EXAMPLES):
        _, taken, plain = measured(plate, lit, SPOILS[spoiled])
        assert taken > least
        assert taken > plain + better


@pytest.mark.parametrize(
    "spoiled",
    ["softened", "a large part changed", "softened, shifted, warped and a face changed"],
    ids=lambda name: name.replace(" ", "_"),
)
def test_light_is_taken_over_from_a_spoiled_picture_of_more_shots(spoiled, shared):
    least, better = LEAST[spoiled]
    results = [measured(plate, lit, SPOILS[spoiled])[1:] for plate, lit in pairs(shots(shared))]
    assert min(taken for taken, _ in results) > least
    assert np.mean([taken - plain for taken, plain in results]) > better


def test_a_picture_that_changes_nothing_gives_no_light():
    for plate, _ in pairs(EXAMPLES):
        display = Display.of(plate)
        found = light_of(plate, quantized(display.encode(plate)), display)
        assert not found.gain_stops.any()
        assert found.kept == pytest.approx(1)
        assert found.changed is None


@pytest.mark.parametrize("stops", [-2.0, -0.5, 0.5])
def test_a_plain_grade_is_given_back(stops):
    """Within 0.05 stops, mean over the picture: eight bits say no more of its shadows."""
    for plate, _ in pairs(EXAMPLES):
        display = Display.of(plate)
        picture = quantized(display.encode(plate * np.float32(2**stops)))
        true = np.log2((plate * 2**stops + OFFSET) / (plate + OFFSET))
        assert np.abs(light_of(plate, picture, display).gain_stops - true).mean() < 0.05


def test_a_shift_is_told():
    for plate, lit in pairs(EXAMPLES):
        found, _, _ = measured(plate, lit, shifted)
        assert found.shift_px == pytest.approx((1, 1), abs=0.35)


def test_changed_content_is_told_where_it_is():
    for plate, lit in pairs(EXAMPLES):
        found, _, _ = measured(plate, lit, large_part)
        width = plate.shape[1]
        assert found.changed is not None
        assert found.changed.x < width * 2 / 3
        assert found.changed.right > width / 2
        assert measured(plate, lit, lambda lit, random: lit)[0].changed is None


def test_how_much_of_the_plate_was_kept():
    for plate, lit in pairs(EXAMPLES):
        noise = np.random.default_rng(0).uniform(0, 1, plate.shape).astype(np.float32)
        display = Display.of(plate)
        assert measured(plate, lit, soft)[0].kept > 0.25
        assert light_of(plate, noise, display).kept < 0.1


def test_coarse_light_has_no_detail():
    for plate, lit in pairs(EXAMPLES):
        display = Display.of(plate)
        picture = quantized(display.encode(lit))
        fine, coarse = (light_of(plate, picture, display, coarse=times).gain_stops for times in (1, 16))
        rough = [np.abs(each - cv2.GaussianBlur(each, (0, 0), 2)).mean() for each in (fine, coarse)]
        assert rough[1] < rough[0] / 2


def test_outside_of_a_matte_light_goes_on_from_inside():
    plate, _ = next(pairs(EXAMPLES))
    display = Display.of(plate)
    matte = np.zeros(plate.shape[:2], np.float32)
    matte[:, : plate.shape[1] // 2] = 1
    picture = display.encode(plate * np.where(matte > 0.5, 0.5, 4.0)[..., None].astype(np.float32))
    found = light_of(plate, quantized(picture), display, taken=matte > 0.5)
    assert found.gain_stops[:, -20:].mean() == pytest.approx(-1, abs=0.2)
    assert found.gain_stops[:, :20].mean() == pytest.approx(-1, abs=0.2)


def test_what_changed_and_is_left_out_does_not_show():
    for plate, lit in pairs(EXAMPLES):
        display, height, width = Display.of(plate), *plate.shape[:2]
        picture = quantized(display.encode(face(lit, np.random.default_rng(1))))
        part = slice(height // 3, height // 2), slice(width // 3, width // 3 + width // 8)
        taken = np.ones(plate.shape[:2], np.bool_)
        taken[height // 3 - 4 : height // 2 + 4, width // 3 - 4 : width // 3 + width // 8 + 4] = False
        true = np.log2((lit + OFFSET) / (plate + OFFSET))
        gains = [light_of(plate, picture, display, taken=each).gain_stops for each in (None, taken)]
        errors = [np.abs(gain - true)[part].mean() for gain in gains]
        rough = [np.abs(gain - cv2.GaussianBlur(gain, (0, 0), 3))[part].mean() for gain in gains]
        assert errors[1] < 0.8 * errors[0]
        assert rough[1] < 0.5 * rough[0]


def test_a_clipped_picture_says_nothing_where_it_is_white():
    plate = np.full((64, 96, 3), 0.18, np.float32) * np.random.default_rng(0).uniform(0.8, 1.2, (64, 96, 1)).astype(
        "f4"
    )
    display = Display.of(plate)
    picture = display.encode(plate * 2)
    picture[20:40, 20:40] = 1
    found = light_of(plate, quantized(picture), display)
    assert found.gain_stops[30, 30].mean() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2)])
def test_pictures_of_a_line(shape):
    plate = np.random.default_rng(0).uniform(0.05, 0.5, (*shape, 3)).astype(np.float32)
    display = Display.of(plate)
    found = light_of(plate, display.encode(plate * 2), display)
    assert found.gain_stops.shape == plate.shape
    np.testing.assert_allclose(found.gain_stops, 1, atol=0.1)
