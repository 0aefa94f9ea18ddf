from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.color.rec709 import LUMINANCE
from relumix.errors import InputError
from relumix.web.grade import Grade, Look, white_balance_stops

amounts = st.fixed_dictionaries(
    {
        "exposure": st.floats(-8, 8),
        "temperature": st.floats(-120, 120),
        "tint": st.floats(-100, 100),
        "contrast": st.floats(-1, 1),
    }
)
PLATE = np.random.default_rng(1).gamma(1.0, 0.2, (24, 32, 3)).astype(np.float32)


def test_no_grade_is_exactly_none():
    assert (Look().gain(PLATE, 1.0) == 1).all()
    assert (white_balance_stops(0.0, 0.0) == 0).all()


@given(amounts)
def test_every_grade_is_finite_light_and_black_stays_black(fields):
    rgb = PLATE.copy()
    rgb[0, 0], rgb[0, 1], rgb[0, 2] = 0, np.nan, 65504
    gain = Look(Grade.of(fields)).gain(rgb, 1.3)
    assert gain.dtype == np.float32
    assert np.isfinite(gain).all()
    assert (gain > 0).all()
    assert (rgb[0, 0] * gain[0, 0] == 0).all()


@given(st.floats(-120, 120), st.floats(-100, 100))
def test_white_balance_leaves_the_luminance_of_white(mireds: float, tint: float):
    white = np.exp2(white_balance_stops(mireds, tint))
    assert float(white @ LUMINANCE) == pytest.approx(1, abs=2e-3)


def test_warmer_is_redder_and_magenta_is_less_green():
    for amount in (10, 60, 120):
        red, _, blue = white_balance_stops(amount, 0.0)
        assert red > 0.02 > -0.02 > blue
        assert white_balance_stops(-amount, 0.0)[2] > 0.02
    red, green, blue = white_balance_stops(0.0, 100.0)
    assert green < 0 < min(red, blue)
    assert white_balance_stops(0.0, -100.0)[1] > 0


def test_a_warm_white_is_the_published_colour():
    """Black bodies of 4000 K and 6504 K are at x, y of 0.3804, 0.3768 and 0.3135, 0.3237 in CIE 1931."""
    to_rgb = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])

    def rgb(x: float, y: float) -> np.ndarray:
        return to_rgb @ np.array([x / y, 1, (1 - x - y) / y])

    white = np.exp2(white_balance_stops(1e6 / 4000 - 1e6 / 6504, 0.0))
    expected = rgb(0.3804, 0.3768) / rgb(0.3135, 0.3237)
    np.testing.assert_allclose(white / white[1], expected / expected[1], rtol=0.01)


def test_exposure_is_a_pure_grade():
    gain = Look(Grade(exposure=1.5)).gain(PLATE, 1.0)
    np.testing.assert_allclose(gain, 2**1.5, rtol=1e-6)


def test_contrast_turns_about_mid_grey():
    grey = np.full((1, 1, 3), 0.18 / 4, np.float32)  # exposed by 4
    np.testing.assert_allclose(Look(Grade(contrast=0.5)).gain(grey, 4.0), 1, rtol=1e-4)
    brighter = Look(Grade(contrast=1.0)).gain(2 * grey, 4.0)
    np.testing.assert_allclose(brighter, 2, rtol=1e-4)  # a stop above grey becomes two


def test_regions_add_their_stops():
    everywhere = {"gradient": "radial", "begin": [0.5, 0.4], "end": [0.5, 0.4], "inverted": True}
    look = Look.of({"whole": {"exposure": 1}, "regions": [{"shape": everywhere, "grade": {"exposure": 0.5}}] * 2})
    np.testing.assert_allclose(look.gain(PLATE, 1.0), 4, rtol=1e-3)


@pytest.mark.parametrize(
    "fields", [None, [], {"whole": 1}, {"regions": [{}] * 17}, {"regions": ["x"]}, {"whole": {"tint": True}}]
)
def test_what_is_no_look(fields):
    with pytest.raises(InputError, match="expected"):
        Look.of(fields)
