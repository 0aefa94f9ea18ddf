"""The Cineon log curve, which the built-in configuration of OpenColorIO has no name for.

Kodak: Conversion of 10-bit log film data to 8-bit linear or video data (1995): code 95 of 1023 is black and 685 white,
a code is 0.002 of density, and the gamma of the negative is 0.6.
"""

from __future__ import annotations

import numpy as np

from relumix.types import Float32

NAME = "Cineon"

_BLACK, _WHITE, _HIGHEST = 95.0, 685.0, 1023.0
_STOPS_A_CODE = 0.002 / 0.6
_OFFSET = 10 ** ((_BLACK - _WHITE) * _STOPS_A_CODE)


def decode(coded: Float32) -> Float32:
    """Return linear light of codes from 0 to 1; 1 is the white of the negative, code 685."""
    exponent = (coded.astype(np.float64) * _HIGHEST - _WHITE) * _STOPS_A_CODE
    return np.asarray((10**exponent - _OFFSET) / (1 - _OFFSET), np.float32)


def encode(linear: Float32) -> Float32:
    """Return codes of linear light; what is darker than code 0 can say is that code."""
    light = np.maximum(linear.astype(np.float64) * (1 - _OFFSET) + _OFFSET, 10 ** (-_WHITE * _STOPS_A_CODE))
    return np.asarray((np.log10(light) / _STOPS_A_CODE + _WHITE) / _HIGHEST, np.float32)
