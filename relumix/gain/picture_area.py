"""Where a frame holds picture: a data window may reach far beyond that (a merge's, a transform's bounding box)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import LUMINANCE
from relumix.gain.downsample import Pixels
from relumix.shot.box import Box
from relumix.types import Float32

_OVERSCAN = 1.5
"""Data windows up to so many times the display window are overscan, and seen whole."""

_LEAST_LIGHT = 1 / 64
"""Of the picture's median luminance: pixels below it are empty, or noise."""

_STRAY_SHARE = 1e-3
"""Of the lit pixels: so many on each side may be lost pixels rather than picture."""

_MARGIN = 1 / 16
"""Of the picture's size: room around it, where it lies outside of the display window, for what moves."""


def seen_area(pixels: Pixels, data_window: Box, display_window: Box) -> Box:
    """Return the area of a shot that engines see, in plate pixels, from one of its frames.

    It is what display and data window cover. Where that is far more than the frame itself, it is as much of it as holds
    picture, so that the working size is not spent on black; display windows and overscan are never cut.
    """
    whole = display_window.union(data_window)
    if all(side <= _OVERSCAN * own for side, own in zip(whole.size, display_window.size, strict=True)):
        return whole
    with np.errstate(over="ignore", invalid="ignore"):
        luminance = np.nan_to_num(pixels.rgb @ LUMINANCE, nan=0, posinf=0, neginf=0)
    least = np.float32(_LEAST_LIGHT * _median_of_light(luminance, data_window, display_window))
    held = _held(luminance > least, data_window)
    return display_window if display_window.contains(held) else whole.intersect(display_window.union(_grown(held)))


def _median_of_light(luminance: Float32, data_window: Box, display_window: Box) -> float:
    framed = luminance[display_window.slices_in(data_window)]
    lit = framed[framed > 0]
    lit = lit if lit.size else luminance[luminance > 0]
    return float(np.median(lit)) if lit.size else 0.0


def _held(lit: NDArray[np.bool_], data_window: Box) -> Box:
    """Return the box of lit pixels without stray ones; empty where none is lit."""
    if not lit.any():
        return Box(data_window.x, data_window.y, 0, 0)
    (left, width), (top, height) = (_extent(lit.sum(axis)) for axis in (0, 1))
    return Box(data_window.x + left, data_window.y + top, width, height)


def _extent(counts: NDArray[np.int_]) -> tuple[int, int]:
    """Return start and length of the part of a line that holds nearly all counts."""
    share = np.cumsum(counts) / counts.sum()
    first, last = np.searchsorted(share, (_STRAY_SHARE, 1 - _STRAY_SHARE))
    return int(first), int(last) + 1 - int(first)


def _grown(box: Box) -> Box:
    x, y = (int(np.ceil(_MARGIN * side)) for side in box.size)
    return Box(box.x - x, box.y - y, box.width + 2 * x, box.height + 2 * y)
