"""An estimate of albedo where none is given.

A plate is albedo times light. Light is taken to change slowly, apart from edges: it is the plate's luminance, smoothed
over large areas. Part of that, in stops, is divided out, since what is smooth may be light or colour; what remains is
scaled so that its median is that of most surfaces, MID_GREY.
"""

from __future__ import annotations

import numpy as np

from relumix.color.rec709 import LUMINANCE
from relumix.gain.guided_filter import smoothed
from relumix.gain.log_gain import BLACK_OFFSET, MID_GREY
from relumix.gain.proxy import ProxyFrame
from relumix.types import Float32

BRIGHTEST = 0.9
"""Of what is no lamp; fresh snow."""

SHARE = 0.5
"""Of the smooth luminance, in stops, that is taken for light."""

_RADIUS_SHARE = 1 / 12
"""Of the long edge: half the side of the surroundings over which light is smooth."""

_EDGE_STOPS = 0.5
"""Steps of luminance that are larger are no change of light, but edges."""


def estimated(frame: ProxyFrame) -> Float32:
    """Return the albedo, [h, w, 3] float32 in 0..BRIGHTEST, of a proxy."""
    luminance = np.asarray(np.log2(frame.rgb @ LUMINANCE + np.float32(BLACK_OFFSET)), np.float32)
    radius = max(1, round(max(luminance.shape) * _RADIUS_SHARE))
    smooth = smoothed(luminance, radius, _EDGE_STOPS)
    flat = frame.rgb * np.exp2(-SHARE * (smooth - np.median(smooth)))[..., None]
    level = np.median((flat @ LUMINANCE)[frame.known > 0.5]) if (frame.known > 0.5).any() else 1.0
    scaled = flat * np.float32(MID_GREY / max(float(level), 1e-6))
    return np.asarray(np.clip(scaled, 0, BRIGHTEST), np.float32)
