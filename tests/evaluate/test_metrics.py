import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.evaluate import metrics


def noise(seed=0, height=24, width=32, scale=1.0):
    return np.random.default_rng(seed).uniform(0, scale, (height, width, 3)).astype(np.float32)


def test_equal_frames_are_perfect_by_every_metric():
    a = noise()
    assert metrics.psnr(a, a) == 100
    assert metrics.ssim(a, a) == pytest.approx(1)
    assert metrics.pu_psnr(a, a) == 100
    assert metrics.ldr_flip(a, a).mean == 0
    assert metrics.hdr_flip(a, a) == 0
    assert metrics.temporal_error(a, a) == 0


@given(st.floats(0.001, 0.5))
def test_psnr_of_a_constant_offset(offset):
    a = np.full((4, 4, 3), 0.25, np.float32)
    assert metrics.psnr(a + np.float32(offset), a) == pytest.approx(-20 * np.log10(offset), abs=1e-3)


def test_every_metric_falls_with_more_error():
    a, far = noise(), noise(1)
    near = a + 0.2 * (far - a)
    assert metrics.psnr(near, a) > metrics.psnr(far, a)
    assert metrics.ssim(near, a) > metrics.ssim(far, a)
    assert metrics.pu_psnr(near, a) > metrics.pu_psnr(far, a)
    assert metrics.ldr_flip(near, a).mean < metrics.ldr_flip(far, a).mean
    assert metrics.hdr_flip(near, a) < metrics.hdr_flip(far, a)


def test_pu21_gives_100_nits_the_code_256():
    white, black = np.ones((1, 1, 3), np.float32), np.zeros((1, 1, 3), np.float32)
    # An error as large as the peak is 0 dB; black is code 0.
    assert metrics.pu_psnr(black, white) == pytest.approx(0, abs=0.02)


def test_pu21_sees_highlights_that_display_values_clip():
    truth, clipped = np.full((8, 8, 3), 30, np.float32), np.ones((8, 8, 3), np.float32)
    assert metrics.pu_psnr(clipped, truth) < 5


def test_flip_maps_where_the_error_is():
    truth = np.full((60, 60, 3), 0.5, np.float32)
    wrong = truth.copy()
    wrong[:, 45:] = [1, 0, 0]
    flip = metrics.ldr_flip(wrong, truth)
    assert flip.map.shape == (60, 60)
    assert flip.map[:, :30].max() < 0.05
    assert flip.map[:, 50:].min() > 0.3
    assert flip.mean == pytest.approx(flip.map.mean(), abs=1e-4)


@pytest.mark.parametrize("value", [0.0, 0.18, 1000.0])
def test_a_truth_without_a_range_has_no_hdr_flip(value):
    truth = np.full((12, 12, 3), value, np.float32)
    assert metrics.hdr_flip(noise(0, 12, 12), truth) is None


def test_a_truth_more_than_half_black_has_no_hdr_flip():
    truth = np.zeros((12, 12, 3), np.float32)
    truth[:5] = 2
    assert metrics.hdr_flip(truth, truth) is None


def test_hdr_flip_takes_negative_values_for_black():
    truth = noise(scale=4)
    assert metrics.hdr_flip(truth - 10, truth) == pytest.approx(metrics.hdr_flip(np.zeros_like(truth), truth))


@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_temporal_error_counts_change_and_not_offset(before, after):
    previous, error = np.full((4, 4, 3), before, np.float32), np.full((4, 4, 3), after, np.float32)
    assert metrics.temporal_error(error, previous) == pytest.approx(255 * abs(after - before), abs=1e-3)


def test_heat_runs_from_black_to_pale_yellow():
    colours = metrics.heat(np.array([[-1, 0, 1, 2]], np.float32))[0]
    assert colours[0].tolist() == colours[1].tolist()
    assert colours[1].max() < 10
    assert colours[2].tolist() == colours[3].tolist()
    assert colours[2][0] > 240
    assert colours[2][0] > colours[2][2]
