"""How much of a frame is noise: without it, what is dark is light all the same."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.types import Float32

_BLOCKS = 256
"""Blocks a side that are looked at; a median of their number is sure to a hundredth."""

_DARK_SHARE = 0.25
"""Noise grows with light, so the darkest part of a frame says how much there is in black."""

_AROUND = 9
"""Side of a block's surroundings, in blocks."""

_MEDIAN_OF_NORMAL = 0.6745
"""Median of |x| for x normal with deviation 1."""


def noise_of(rgb: Float32, seen: NDArray[np.bool_]) -> float:
    """Return the standard deviation of noise in the dark parts of a frame, in its own values; 0 where there is none.

    rgb   [h, w, 3] float32 at full size.
    seen  [h, w] bool: pixels that count. Exact blacks (bars, a matte's outside) count for nothing.

    It is that of the diagonal details of Haar's wavelet, by their median (Donoho and Johnstone, "Ideal Spatial
    Adaptation by Wavelet Shrinkage", 1994), in which shapes have little part. Noise that was scaled up is not found.
    """
    height, width = seen.shape
    rows, columns = (2 * np.arange(0, side // 2, max(1, side // (2 * _BLOCKS))) for side in (height, width))
    if not (rows.size and columns.size):
        return 0.0
    corners = [(rows[:, None] + y, columns + x) for y in (0, 1) for x in (0, 1)]
    first, right, below, last = (np.where(seen[at][..., None], rgb[at], np.float32(0)) for at in corners)
    usable = np.logical_and.reduce([seen[at] for at in corners]) & (first + right + below + last).any(-1)
    dark = usable & _darkest(np.maximum(first + right + below + last, 0).mean(-1), usable)
    detail = (first - right - below + last)[dark] / 2
    return float(np.median(np.abs(detail)) / _MEDIAN_OF_NORMAL) if len(detail) else 0.0


def _darkest(light: Float32, usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the blocks in the darkest surroundings: by their own light, they would be those of the least noise."""
    weight = usable.astype(np.float32)
    around, share = (np.asarray(cv2.blur(each, (_AROUND, _AROUND)), np.float32) for each in (light * weight, weight))
    mean = around / np.maximum(share, np.float32(1e-6))
    return np.asarray(mean <= np.quantile(mean[usable], _DARK_SHARE)) if usable.any() else usable
