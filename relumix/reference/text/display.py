"""Scene-linear light to the pictures that image models know, and back.

A plate is shown at an exposure of its own, with the shoulder and the code of relumix's previews, so that it looks like
a photograph. The way back is the inverse of both, as far as the picture tells: what is white is at least that bright.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import LUMINANCE, srgb_decode, srgb_encode
from relumix.color.shoulder import roll_off, roll_on
from relumix.types import Float32

MOST_LIGHT = 16.0
"""Brightest exposed value that is read from a picture."""

_WHITE, _SHARE = 0.8, 97.0
"""Where the exposure puts that percentile of the luminance: photographs have their highlights there."""

_LEAST, _MOST = 1 / 8, 2.0
"""Range of the exposure, for a plate whose median is at mid-grey: a night stays dark."""

_CLIPPED = 0.985
"""Code from which a picture tells no light."""


@dataclass(frozen=True)
class Display:
    """The view of a plate: exposure is a factor on its values."""

    exposure: float

    @classmethod
    def of(cls, rgb: Float32) -> Display:
        """Choose it by pixels [h, w, 3] whose median luminance is at mid-grey."""
        bright = float(np.percentile(rgb @ LUMINANCE, _SHARE))
        return cls(float(np.clip(_WHITE / max(bright, 1e-6), _LEAST, _MOST)))

    def encode(self, rgb: Float32) -> Float32:
        """Return light [..., 3] >= 0 as a picture in 0..1."""
        return srgb_encode(roll_off(np.minimum(rgb * np.float32(self.exposure), np.float32(2.0**20))))

    def decode(self, picture: Float32) -> Float32:
        """Return the light [..., 3] of a picture: the inverse of `encode` up to MOST_LIGHT."""
        return roll_on(srgb_decode(picture), MOST_LIGHT) / np.float32(self.exposure)


def quantized(picture: Float32) -> Float32:
    """Return a picture in 0..1 in the steps of 8 bits, which image models are given."""
    return np.asarray(np.round(picture * np.float32(255)) / np.float32(255), np.float32)


def tells_light(picture: Float32) -> NDArray[np.bool_]:
    """Return where a picture [h, w, 3] is not clipped, [h, w]."""
    return np.asarray((picture < _CLIPPED).all(axis=-1))
