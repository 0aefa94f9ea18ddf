"""Numbers of Rec.709 and sRGB, for looking at pictures and comparing them. Files are converted by `spaces`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relumix.types import Float32

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of luminance for linear Rec.709; close enough for exposure in any primaries."""


def srgb_encode(linear: Float32) -> Float32:
    """Return the sRGB encoding (IEC 61966-2-1) of linear values, both float32; clipped to 0..1."""
    x = np.clip(linear, 0, 1)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055).astype(np.float32)


def srgb_decode(coded: NDArray[np.floating]) -> Float32:
    """Return the linear values, float32, of an sRGB encoding; clipped to 0..1."""
    x = np.clip(coded, 0, 1)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)
