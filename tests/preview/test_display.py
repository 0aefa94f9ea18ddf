import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.color.rec709 import srgb_encode
from relumix.color.shoulder import KNEE
from relumix.preview.display import auto_exposure, display, fit, on_display_window
from relumix.shot.box import Box


def flat(value, height=2, width=3):
    return np.full((height, width, 3), value, np.float32)


@given(st.floats(0.001, 100))
def test_auto_exposure_brings_a_flat_frame_to_mid_grey(level):
    assert auto_exposure(flat(level)) * level == pytest.approx(0.18, rel=1e-5)


def test_black_and_nonfinite_pixels_do_not_weigh_on_the_exposure():
    rgb = flat(0.09, 4, 4)
    rgb[0] = 0
    rgb[1, 0] = np.nan
    rgb[1, 1, 2] = np.inf
    assert auto_exposure(rgb) == pytest.approx(2, rel=1e-5)


def test_a_black_frame_is_left_as_it_is():
    assert auto_exposure(flat(0)) == 1.0


@given(st.floats(0, KNEE), st.floats(0.1, 10))
def test_up_to_the_knee_the_view_is_plain_srgb(level, exposure):
    shown = display(flat(level / exposure), exposure)
    assert abs(int(shown[0, 0, 0]) - 255 * float(srgb_encode(np.float32([level]))[0])) <= 1


def test_highlights_roll_off_and_stay_apart():
    shown = [int(display(flat(level), 1.0)[0, 0, 0]) for level in (KNEE, 1, 2, 4, 8)]
    assert shown == sorted(set(shown))
    assert shown[-1] < 255
    steps = display(np.linspace(0, 2, 2000, dtype=np.float32)[:, None, None].repeat(3, -1), 1.0)[:, 0, 0].astype(int)
    assert np.diff(steps).max() <= 6  # near black sRGB is steep; no jump at the knee
    assert np.diff(steps[400:]).max() <= 1


def test_what_is_not_finite_is_shown_black_or_white():
    rgb = np.array([[[np.nan, np.inf, -np.inf], [1e30, -3, 0]]], np.float32)
    assert display(rgb, 2.5).tolist() == [[[0, 255, 0], [255, 0, 0]]]


@given(st.integers(-5, 12), st.integers(-5, 9), st.integers(1, 20), st.integers(1, 20))
def test_the_display_window_shows_every_pixel_at_its_place(x, y, width, height):
    data, shown = Box(x, y, width, height), Box(0, 0, 8, 6)
    rows, columns = np.mgrid[y : y + height, x : x + width]
    rgb = np.stack([rows, columns, np.ones_like(rows)], -1).astype(np.float32)
    canvas = on_display_window(rgb, data, shown)
    assert canvas.shape == (6, 8, 3)
    for row in range(6):
        for column in range(8):
            inside = y <= row < y + height and x <= column < x + width
            assert canvas[row, column].tolist() == ([row, column, 1] if inside else [0, 0, 0])


def test_equal_windows_are_passed_on_untouched():
    rgb, window = flat(1), Box(-4, 2, 3, 2)
    assert on_display_window(rgb, window, window) is rgb


def test_fit_averages_and_takes_nonfinite_pixels_for_black():
    rgb = np.arange(16, dtype=np.float32).reshape(4, 4, 1).repeat(3, -1)
    np.testing.assert_allclose(fit(rgb, 2, 2)[..., 0], [[2.5, 4.5], [10.5, 12.5]])
    rgb[0, 0] = np.nan
    assert np.isfinite(fit(rgb, 2, 2)).all()
    assert fit(rgb[..., 0], 8, 8).shape == (8, 8)
