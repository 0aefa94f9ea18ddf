"""Light to pictures and back."""

import numpy as np
import pytest

from relumix.engines.svd import tone_curve
from relumix.gain.log_gain import MID_GREY


def grey(*values):
    return np.float32(values)[:, None] * np.ones(3, np.float32)


def test_reinhard_is_undone_from_black_to_ten_stops_over_grey():
    light = grey(0, *np.geomspace(1e-5, 180, 500))
    picture = tone_curve.encode(light)
    assert picture.min() == -1 and picture.max() < 1
    assert (np.diff(picture[:, 0]) > 0).all()
    np.testing.assert_allclose(tone_curve.decode(picture), light, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("curve", ["reinhard", "srgb"])
def test_mid_grey_is_where_srgb_has_it(curve):
    np.testing.assert_allclose(tone_curve.encode(grey(MID_GREY), curve), 2 * 0.4614 - 1, atol=1e-3)


def test_srgb_codes_as_the_standard_says_and_clips_at_one():
    codes = (tone_curve.encode(grey(0, 0.002, 0.2140, 1, 7), "srgb")[:, 0] + 1) / 2
    np.testing.assert_allclose(codes, [0, 0.02584, 0.5, 1, 1], atol=1e-4)
    light = grey(0, 0.001, 0.5, 1)
    np.testing.assert_allclose(tone_curve.decode(tone_curve.encode(light, "srgb"), "srgb"), light, rtol=1e-5, atol=1e-7)
