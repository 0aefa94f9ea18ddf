"""The view of a plate, and its way back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from relumix.color.shoulder import roll_off, roll_on
from relumix.reference.text.display import MOST_LIGHT, Display, quantized, tells_light


@given(st.floats(0, 12), st.floats(1 / 8, 2))
def test_what_is_shown_comes_back(value, exposure):
    light = np.full((1, 1, 3), value / exposure, np.float32)
    display = Display(exposure)
    np.testing.assert_allclose(display.decode(display.encode(light)), light, rtol=2e-3, atol=1e-5)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_brighter_light_is_shown_no_darker(one, other):
    low, high = sorted((one, other))
    shown = Display(1.0).encode(np.float32([low, high]))
    assert 0 <= shown[0] <= shown[1] + 1e-6
    assert shown[1] <= 1


def test_white_is_as_bright_as_can_be_told():
    assert roll_on(np.float32([1.0]), MOST_LIGHT)[0] == MOST_LIGHT
    assert roll_off(np.float32([1e9]))[0] == 1


def test_the_highlights_of_a_plate_are_shown_where_photographs_have_them():
    plate = np.random.default_rng(0).lognormal(np.log(0.18), 0.8, (64, 64, 3)).astype(np.float32)
    shown = Display.of(plate).encode(plate)
    assert 0.85 < np.percentile(shown, 97) < 0.95
    assert tells_light(shown).mean() > 0.95


def test_a_plate_of_one_lamp_is_not_shown_black():
    plate = np.full((64, 64, 3), 0.18, np.float32)
    plate[:8] = 1e5
    assert Display.of(plate).encode(plate)[-1, -1, 0] > 0.1


def test_eight_bits():
    assert quantized(np.float32([0.5]))[0] == np.float32(128 / 255)
