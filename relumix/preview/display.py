"""The display transform of previews: one exposure for the whole shot, a shoulder for highlights, sRGB."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import LUMINANCE, srgb_encode
from relumix.color.shoulder import roll_off
from relumix.gain.log_gain import MID_GREY
from relumix.shot.box import Box
from relumix.types import Float32

UInt8 = NDArray[np.uint8]

_BLACK = 1e-6
"""Luminance up to which a pixel is empty canvas, and says nothing about exposure."""


def auto_exposure(rgb: Float32) -> float:
    """Return the factor that brings a frame's log-average luminance to MID_GREY (the "key" of Reinhard et al. 2002).

    rgb [h, w, 3] float32, scene-linear. Black and non-finite pixels do not count; 1 where nothing else is there.
    Take it from a shot's first frame and keep it: an exposure of each frame's own would flicker.
    """
    luminance = rgb @ LUMINANCE
    luminance = luminance[np.isfinite(luminance) & (luminance > _BLACK)]
    return MID_GREY / float(np.exp(np.mean(np.log(luminance)))) if luminance.size else 1.0


def display(rgb: Float32, exposure: float) -> UInt8:
    """Return scene-linear pixels as 8-bit sRGB, [h, w, 3].

    rgb       [h, w, 3] float32, scene-linear. NaN is shown black, infinity white.
    exposure  factor on the values, see auto_exposure.

    Up to KNEE (relumix.color.shoulder) this is what a viewer with an sRGB display transform shows; from there each
    channel follows Reinhard's x / (1 + x), joined to the straight part without a break. A plain clip would hide whether
    values above 1 are still there; this leaves 8 times white distinct from 4 times white, at the price of white itself
    shown at 91 %.
    """
    with np.errstate(over="ignore"):
        return _view(float(exposure))[rgb.astype(np.float16).view(np.uint16)]


@lru_cache(maxsize=4)
def _view(exposure: float) -> UInt8:
    """Return the view of each of the 65536 half-float numbers: a table is 20 times as fast as the formula."""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    x = np.clip(np.nan_to_num(halves, nan=0.0, posinf=1e30) * np.float32(exposure), 0, 1e30)
    return (srgb_encode(roll_off(x)) * 255 + 0.5).astype(np.uint8)


def on_display_window(values: Float32, data_window: Box, display_window: Box) -> Float32:
    """Return what shows of values on the data window: overscan cut off, 0 where there are no data.

    values [h, w] or [h, w, c] float32 on the data window; returns the same on the display window.
    """
    if data_window == display_window:
        return values
    canvas = np.zeros((display_window.height, display_window.width, *values.shape[2:]), np.float32)
    canvas[data_window.slices_in(display_window)] = values[display_window.slices_in(data_window)]
    return canvas


def fit(values: Float32, width: int, height: int) -> Float32:
    """Return linear values [h, w] or [h, w, c] at another size: averaged down or interpolated up.

    Values that are not finite count as 0.
    """
    if not np.isfinite(values).all():
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    if values.shape[:2] == (height, width):
        return values
    smaller = width < values.shape[1] or height < values.shape[0]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, (width, height), interpolation=way), np.float32)
