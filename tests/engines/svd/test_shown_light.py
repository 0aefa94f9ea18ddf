"""What the network is shown of a reference's median gain, and that all of it is undone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.color.rec709 import LUMINANCE
from relumix.engines.svd.shown_light import BRIGHTEST_STOPS, DARKEST_STOPS, MOST_TINT_STOPS, ShownLight, bounded
from relumix.gain.log_gain import MID_GREY
from relumix.gain.proxy import ProxyFrame

ONES = np.ones((2, 2), np.float32)
median_gains = st.lists(st.floats(-9, 9, width=32), min_size=3, max_size=3).map(
    lambda drawn: np.array(drawn, np.float32)
)


def frame(exposure=1.0):
    return ProxyFrame(1, np.full((2, 2, 3), MID_GREY, np.float32), ONES, exposure=exposure)


def luminance_stops(median_gain):
    return float(np.log2(np.exp2(median_gain) @ LUMINANCE))


@settings(max_examples=200)
@given(median_gain=median_gains)
def test_no_picture_is_darker_or_brighter_or_more_tinted_than_photographs_are(median_gain):
    plate_stops, shown = bounded(median_gain)
    assert DARKEST_STOPS - 1e-5 <= plate_stops <= BRIGHTEST_STOPS + 1e-5
    tint = np.clip(median_gain - luminance_stops(median_gain), -MOST_TINT_STOPS, MOST_TINT_STOPS)
    reference = plate_stops + (shown - tint)
    assert (reference >= DARKEST_STOPS - 1e-4).all() and (reference <= BRIGHTEST_STOPS + 1e-4).all()


@pytest.mark.parametrize(
    ("median_gain", "plate_stops", "shown"),
    [
        ((0, 0, 0), 0, (0, 0, 0)),
        ((-2.5, -2.5, -2.5), 0, (-2.5, -2.5, -2.5)),  # dusk: shown as it is
        ((-4, -4, -4), 1, (-4, -4, -4)),  # night: the plate makes room
        ((3, 3, 3), -1.5, (3, 3, 3)),  # a night plate by day: likewise
        ((-6, -6, -6), 1.5, (-4.5, -4.5, -4.5)),  # more than any two photographs are apart
    ],
)
def test_levels_are_shown_as_far_as_two_photographs_can_be_apart(median_gain, plate_stops, shown):
    moved, kept = bounded(np.float32(median_gain))
    assert moved == pytest.approx(plate_stops, abs=1e-5)
    np.testing.assert_allclose(kept, shown, atol=1e-5)


def test_a_sunset_keeps_its_tint():
    median_gain = np.float32([0.8, 0.0, -1.2])
    np.testing.assert_allclose(bounded(median_gain)[1], median_gain, atol=1e-5)


@settings(max_examples=40)
@given(
    median_gain=median_gains,
    exposure=st.sampled_from(["mid_grey", "plate"]),
    shown=st.sampled_from(["bounded", "whole", "none"]),
)
def test_pictures_are_undone(median_gain, exposure, shown):
    light = np.random.default_rng(1).uniform(0.02, 1, (4, 5, 3)).astype(np.float32)
    made = ShownLight.of(frame(2.0), np.clip(median_gain, -3, 3), exposure=exposure, curve="reinhard", shown=shown)
    np.testing.assert_allclose(made.plate_light(made.plate(light)), light, rtol=5e-3)
    np.testing.assert_allclose(made.relit_light(made.relit(light)), light, rtol=5e-3)


def test_the_plates_own_exposure_gives_its_own_pixels():
    plate = np.random.default_rng(2).uniform(0, 1, (4, 5, 3)).astype(np.float32)
    shown = ShownLight.of(frame(0.37), np.float32([1, 0, -1]), exposure="plate", curve="srgb", shown="whole")
    coded = np.where(plate <= 0.0031308, 12.92 * plate, 1.055 * plate ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(shown.plate(plate * np.float32(0.37)), 2 * coded - 1, atol=1e-5)


def test_without_its_median_gain_a_reference_is_as_bright_as_its_plate():
    shown = ShownLight.of(frame(), np.float32([3, 2, 1]), exposure="mid_grey", curve="reinhard", shown="none")
    light = frame().rgb
    np.testing.assert_array_equal(shown.relit(light), shown.plate(light))
