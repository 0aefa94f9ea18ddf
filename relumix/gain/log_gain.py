"""The definition of gain: measuring it and applying it, side by side, since one is the inverse of the other.

The median gain [3], a grade, is a plain factor. What is left, the local gain, is a factor too: out = in * 2^stops. So
black stays black, and a frame at a tenth of its light is a tenth of the relit frame, whatever light is added.

A plain ratio would be noise over noise in black. Where light is added, the gain is what fits both what was seen and no
gain at all, for errors of e = eps / 4, where eps is a small fraction of mid-grey:

    2^stops = argmin over g of (after - g * before)^2 + e^2 (g - 1)^2 = (after * before + e^2) / (before^2 + e^2),

ridge regression (Hoerl and Kennard, 1970) towards 1: the ratio in light, 1 in black. Where light is removed, no noise
can be raised and shadows may get deep: there stops = log2((after + e) / (before + e)) with e = eps / 16.
"""

from __future__ import annotations

import numpy as np

from relumix.types import Float32

MID_GREY = 0.18
"""Where exposure normalisation puts the median luminance of a frame."""

BLACK_OFFSET = MID_GREY / 64
"""Added to normalised values before their log2 is taken, so that noise in black is not light."""

_LIGHTENING_ERROR = BLACK_OFFSET / 4
_DARKENING_OFFSET = np.float32(BLACK_OFFSET / 16)


def measure(before: Float32, after: Float32) -> Float32:
    """Return the local gain from one working image to another in stops.

    All [..., 3] float32, values from 0 to BRIGHTEST (see relumix.gain.downsample), at which nothing overflows.
    """
    lightened = damped(before, after, _LIGHTENING_ERROR)
    darkened = np.log2((after + _DARKENING_OFFSET) / (before + _DARKENING_OFFSET))
    return np.where(after > before, lightened, darkened).astype(np.float32)


def damped(before: Float32, after: Float32, error: float) -> Float32:
    """Return the gain from `before` to `after` in stops, towards 0 where `before` is below its error (see above)."""
    prior = np.float32(error * error)
    return np.asarray(np.log2((before * after + prior) / (np.square(before) + prior)), np.float32)


def measured(before: Float32, stops: Float32) -> Float32:
    """Return the values over `before` of which `measure` said these stops, [..., 3] float32: its inverse.

    Unlike `apply` it is no light for other frames: of stops that were not measured here it makes light in black. Where
    `before` is 0 nothing was measured, and it is 0.
    """
    prior, factor = np.float32(_LIGHTENING_ERROR**2), np.exp2(stops)
    over = factor * (np.square(before) + prior) - prior
    lightened = np.divide(over, before, out=np.zeros_like(over), where=before > 0)
    darkened = factor * (before + _DARKENING_OFFSET) - _DARKENING_OFFSET
    return np.asarray(np.maximum(np.where(stops > 0, lightened, darkened), 0), np.float32)


def apply(plate: Float32, stops: Float32, median_gain: Float32) -> Float32:
    """Return plate values under a local gain and a median gain.

    plate, stops  [..., 3] float32; the plate premultiplied or not.
    median_gain   [3] float32 in stops.

    A product that exceeds float32 is infinite.
    """
    # In place from here on: at full size the cost is memory traffic.
    out: Float32 = np.exp2(stops)
    with np.errstate(over="ignore"):
        out *= plate
        out *= np.exp2(median_gain)
    return out
