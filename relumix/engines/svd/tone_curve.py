"""Scene-linear light to pictures like those that the network was trained on, and back.

Two curves take light to 0..1 before sRGB's (IEC 61966-2-1) codes it:

    reinhard  x / (1 + x) of light scaled so that mid-grey stays where it is (Reinhard et al., "Photographic Tone
              Reproduction", 2002, eq. 3): highlights are rolled off and none is lost.
    srgb      none: what is above 1 is white, as in an 8-bit picture.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from relumix.color.rec709 import srgb_encode
from relumix.gain.log_gain import MID_GREY
from relumix.types import Float32

Curve = Literal["reinhard", "srgb"]

_SCALE = np.float32(1 / (1 - MID_GREY))
_MOST = np.float32(1024)
"""Brightest value that is told apart from more by `reinhard`: 12 stops over mid-grey."""


def encode(rgb: Float32, curve: Curve = "reinhard") -> Float32:
    """Return light [..., 3] float32, >= 0, mid-grey at MID_GREY, as a picture in -1..1."""
    if curve == "srgb":
        linear = np.minimum(rgb, np.float32(1))
    else:
        scaled = np.minimum(rgb, _MOST) * _SCALE
        linear = scaled / (1 + scaled)
    return np.asarray(2 * srgb_encode(linear) - 1, np.float32)


def decode(picture: Float32, curve: Curve = "reinhard") -> Float32:
    """Return the light of a picture [..., 3]: the inverse of `encode`. What is outside of -1..1 is the nearest end."""
    coded = np.clip((np.asarray(picture, np.float64) + 1) / 2, 0, 1)
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    if curve == "srgb":
        return linear.astype(np.float32)
    scaled = linear / np.maximum(1 - linear, 1 / (1 + float(_MOST * _SCALE)))
    return np.minimum(scaled / _SCALE, _MOST).astype(np.float32)
