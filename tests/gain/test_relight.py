"""What both transfers share: strips, mix and matte, the reference's own pixels, pixels that are not finite."""

import cv2
import numpy as np
import pytest

from relumix.gain.direct_transfer import DirectTransfer
from relumix.gain.downsample import Canvas
from relumix.gain.gain_transfer import GainTransfer
from relumix.gain.log_gain import MID_GREY
from relumix.gain.relight import Blend, relight, transfer_for
from relumix.gain.transfer import Gain
from relumix.shot.box import Box

HEIGHT, WIDTH = 96, 128
BOX = Box(0, 0, WIDTH, HEIGHT)
HALF = Canvas(BOX, WIDTH // 2, HEIGHT // 2)

both = pytest.mark.parametrize("name", ["gain", "direct"])


class Level:
    def __init__(self, rgb):
        self.rgb, self.alpha = rgb, None


def noise(height=HEIGHT, width=WIDTH, seed=0):
    return (MID_GREY * np.exp2(np.random.default_rng(seed).normal(0, 1, (height, width, 3)))).astype(np.float32)


def relit(name, rgb, blend=Blend(), **options):  # noqa: B008  it is frozen
    stops = np.random.default_rng(1).normal(0, 1, (HALF.height, HALF.width, 3)).astype(np.float32)
    flat = np.zeros(stops.shape[:2], np.float32)
    gain = Gain(1, stops, np.zeros(3, np.float32), flat, flat)
    return relight(transfer_for(name, HALF), gain, Level(rgb), BOX, blend, **options)


def test_the_setting_names_the_transfer():
    assert transfer_for("gain", HALF) == GainTransfer(HALF)
    assert transfer_for("direct", HALF) == DirectTransfer(HALF)


@both
def test_mix_and_mask_of_nothing_are_the_plate_bit_for_bit(name):
    rgb, mask = noise(), np.zeros((HEIGHT, WIDTH), np.float32)
    mask[:, 64:] = 1
    np.testing.assert_array_equal(relit(name, rgb, Blend(mix=0.0)).pixels, rgb)
    masked, whole = relit(name, rgb, Blend(mask=mask)).pixels, relit(name, rgb).pixels
    np.testing.assert_array_equal(masked[:, :64], rgb[:, :64])
    np.testing.assert_array_equal(masked[:, 64:], whole[:, 64:])


@both
def test_mix_and_mask_weigh_together(name):
    rgb, whole = noise(), relit(name, noise()).pixels
    mask = np.full((HEIGHT, WIDTH), 0.5, np.float32)
    result = relit(name, rgb, Blend(mix=0.5, mask=mask)).pixels
    np.testing.assert_allclose(result, 0.75 * rgb + 0.25 * whole, rtol=1e-4, atol=1e-6)


@both
def test_the_references_own_pixels_are_the_result_where_they_are_known(name):
    rgb, painted = noise(), noise(seed=5)
    known = np.zeros((HEIGHT, WIDTH), bool)
    known[:40] = True
    result = relit(name, rgb, Blend(reference=(painted, known))).pixels
    np.testing.assert_array_equal(result[:40], painted[:40])
    np.testing.assert_array_equal(result[40:], relit(name, rgb).pixels[40:])


@both
def test_pixels_that_are_not_finite_come_back_and_spoil_no_other(name):
    rgb = noise()
    spoilt = rgb.copy()
    spoilt[10, 12], spoilt[11, 90] = np.nan, (1, -np.inf, 2)
    bad = ~np.isfinite(spoilt).all(-1)
    clean, result = (relit(name, each).pixels for each in (rgb, spoilt))
    np.testing.assert_array_equal(result[bad], spoilt[bad])
    assert np.isfinite(result[~bad]).all()
    far = cv2.dilate(bad.astype(np.uint8), np.ones((25, 25))) == 0
    np.testing.assert_allclose(result[far], clean[far], rtol=1e-4)


@both
def test_the_gain_is_kept_where_it_is_asked_for_and_changes_no_pixel(name):
    without, kept = relit(name, noise()), relit(name, noise(), keep_gain=True)
    assert without.gain_stops is None
    assert kept.gain_stops.shape == (HEIGHT, WIDTH, 3)
    assert np.isfinite(kept.gain_stops).all()
    np.testing.assert_array_equal(without.pixels, kept.pixels)


@both
def test_the_gain_is_that_of_the_relit_pixels_whatever_is_blended(name):
    kept, mixed = (relit(name, noise(), Blend(mix=mix), keep_gain=True).gain_stops for mix in (1.0, 0.3))
    np.testing.assert_array_equal(kept, mixed)
