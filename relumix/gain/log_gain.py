"""The definition of gain: measuring it and applying it, side by side, since one is the inverse of the other.

The median gain [3], a grade, is a plain factor. What is left, the local gain, is

    stops = log2((after + e) / (before + e)),  after and before without the median gain,

with e = eps, a small fraction of mid-grey, where light is added, so that noise in black is not raised by many stops;
and e = eps / 16 where light is removed, where no noise can be raised and shadows may get deep. Applied, it is

    out = 2^median * (s * 2^stops + e * (2^stops - 1)),  e = eps where stops > 0, else 0,

so that no light is the plate to the last bit, a pure grade passes exactly, and nothing positive turns negative.
"""

from __future__ import annotations

import numpy as np

from relumix.types import Float32

MID_GREY = 0.18
"""Where exposure normalisation puts the median luminance of the first reference's plate."""

BLACK_OFFSET = MID_GREY / 64
"""Added to normalised values before their log2 is taken, so that noise in black is not light."""

_DARKENING_OFFSET = np.float32(BLACK_OFFSET / 16)


def measure(before: Float32, after: Float32) -> Float32:
    """Return the local gain from one working image to another in stops; all [..., 3] float32, values >= 0."""
    offset = np.where(after > before, np.float32(BLACK_OFFSET), _DARKENING_OFFSET)
    return np.asarray(np.log2((after + offset) / (before + offset)), np.float32)


def apply(plate: Float32, stops: Float32, median_gain: Float32, black_offset: Float32) -> Float32:
    """Return plate values under a local gain and a median gain.

    plate, stops  [..., 3] float32; the plate premultiplied or not.
    median_gain   [3] float32 in stops.
    black_offset  eps in the plate's values, a scalar or [..., 1]; premultiplied if the plate is.
    """
    # In place from here on: at full size the cost is memory traffic.
    factor = np.exp2(stops)
    out: Float32 = plate * factor
    # e * (2^stops - 1), where that adds light.
    factor -= 1
    np.maximum(factor, 0, out=factor)
    factor *= black_offset
    out += factor
    out *= np.exp2(median_gain)
    return out
