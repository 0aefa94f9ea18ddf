import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.gain.noise import noise_of
from tests.synthetic import make_shot


def grain(height=120, width=160, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (height, width, 3)).astype(np.float32)


def everywhere(rgb):
    return np.ones(rgb.shape[:2], bool)


@given(stops=st.integers(-20, 8), size=st.sampled_from([(120, 160), (1200, 900), (41, 57)]))
def test_it_is_the_deviation_of_noise(stops, size):
    rgb = grain(*size) * np.float32(2.0**stops)
    assert noise_of(rgb, everywhere(rgb)) == pytest.approx(2.0**stops, rel=0.1)


def test_it_is_that_of_the_dark_parts():
    rgb = grain() * np.float32(1e-3)
    rgb[:, 60:] = 1 + 0.1 * grain()[:, 60:]
    assert noise_of(rgb, everywhere(rgb)) == pytest.approx(1e-3, rel=0.1)


def test_bars_and_unseen_pixels_count_for_nothing():
    rgb = 0.1 + 0.01 * grain()
    rgb[:60] = 0
    seen = everywhere(rgb)
    seen[:, :40] = False
    rgb[:, :40] = np.nan
    assert noise_of(rgb, seen) == pytest.approx(0.01, rel=0.1)


def test_a_picture_without_noise_has_little():
    rgb = make_shot(size=(160, 120), frames=[1]).plate[1]
    assert noise_of(rgb, everywhere(rgb)) < 0.02 * np.median(rgb)


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (1, 9), (2, 2), (3, 5)])
def test_the_smallest_frames_have_one(size):
    rgb = np.full((*size, 3), 0.5, np.float32)
    assert noise_of(rgb, everywhere(rgb)) == 0
    assert noise_of(0 * rgb, everywhere(rgb)) == 0
