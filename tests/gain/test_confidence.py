"""Confidence at full size: in range, along the plate's edges, and of no cost to any pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from relumix.gain.confidence import confidence
from relumix.gain.downsample import Canvas
from relumix.gain.log_gain import BLACK_OFFSET
from relumix.gain.relight import relight, transfer_for
from relumix.gain.transfer import Gain
from relumix.shot.box import Box

HEIGHT, WIDTH = 48, 64
BOX = Box(0, 0, WIDTH, HEIGHT)
HALF = Canvas(BOX, WIDTH // 2, HEIGHT // 2)
SMALL = (HALF.height, HALF.width)


class Level:
    def __init__(self, rgb, alpha=None):
        self.rgb, self.alpha = rgb, alpha


def relit(error, rgb, alpha=None, name="gain", **options):
    small = rgb[::2, ::2].mean(-1)
    guide = np.log2(np.clip(np.nan_to_num(small), 0, 1e4) + np.float32(BLACK_OFFSET)).astype(np.float32)
    gain = Gain(1, np.zeros((*SMALL, 3), np.float32), np.zeros(3, np.float32), guide, np.float32(error))
    return relight(transfer_for(name, HALF), gain, Level(rgb, alpha), BOX, **options)


def of(error, rgb, alpha=None):
    return relit(error, rgb, alpha, keep_confidence=True).confidence


def grey(height=HEIGHT, width=WIDTH):
    return np.full((height, width, 3), 0.18, np.float32)


def test_a_stop_of_error_halves_it():
    np.testing.assert_array_equal(confidence(np.float32([0, 1, 2, 3])), [1, 0.5, 0.25, 0.125])


@pytest.mark.parametrize("error", [0, 0.5, 1, 7])
def test_an_error_that_is_the_same_everywhere_stays_that(error):
    rgb = np.random.default_rng(1).random((HEIGHT, WIDTH, 3), np.float32)
    np.testing.assert_allclose(of(np.full(SMALL, error), rgb), np.full((HEIGHT, WIDTH), 2.0**-error), rtol=1e-5)


def test_it_changes_where_the_plate_does():
    rgb, error = grey(), np.zeros(SMALL, np.float32)
    rgb[:, 31:] = 2.0  # within a small pixel, which lies half on either side
    error[:, 16:] = 2
    found = of(error, rgb)
    assert found[:, :31].min() > 0.8
    assert found[:, 31:].max() < 0.4


wild = st.floats(0, 65504, width=32) | st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -1.0, 0.0])


@settings(max_examples=25, deadline=None)
@given(
    error=arrays.arrays(np.float32, SMALL, elements=st.floats(0, 60, width=32)),
    rgb=arrays.arrays(np.float32, (HEIGHT, WIDTH, 3), elements=wild),
    alpha=st.none() | arrays.arrays(np.float32, (HEIGHT, WIDTH), elements=wild),
)
def test_it_is_never_out_of_range_whatever_the_plate(error, rgb, alpha):
    with np.errstate(all="ignore"):
        found = of(error, rgb, alpha)
    assert found.shape == (HEIGHT, WIDTH)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()
    if not error.any():
        assert (found == 1).all()


@pytest.mark.parametrize("name", ["gain", "direct"])
def test_asking_for_it_changes_no_pixel(name):
    rgb, error = np.random.default_rng(2).random((HEIGHT, WIDTH, 3), np.float32), np.ones(SMALL, np.float32)
    without, kept = (relit(error, rgb, name=name, keep_confidence=asked) for asked in (False, True))
    assert without.confidence is None
    np.testing.assert_allclose(kept.confidence, 0.5, rtol=1e-5)
    np.testing.assert_array_equal(without.pixels, kept.pixels)
