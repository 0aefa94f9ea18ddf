"""`--transfer direct`: an engine's own pixels instead of its gain, for references that change content.

The engine returns its pixels as stops too, so that windows and references blend as gain does:

    stops = log2((shown + e) / (plate + e)),  both without the median gain, e = BLACK_OFFSET.

At full size its pixels are interpolated, and the plate's fine detail, which it never saw, is added back where both have
the same structure. Where the content was replaced, none is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from relumix.color.rec709 import LUMINANCE
from relumix.gain.downsample import Canvas, Pixels, proxy_frame
from relumix.gain.log_gain import BLACK_OFFSET
from relumix.gain.transfer import FittedTransfer, Gain, RelitPixels, Strip, black_offset
from relumix.shot.box import Box
from relumix.types import Float32

_OFFSET = np.float32(BLACK_OFFSET)
_RADIUS_PX = 4  # half the side of the neighbourhood whose structure is compared, at the working size
_FLAT_STOPS2 = 0.01  # variance below which a neighbourhood is flat: its detail is grain, and kept


def stops_to(plate: Float32, shown: Float32) -> Float32:
    """Return the stops from plate to shown pixels, [..., 3] float32.

    Both are >= 0, exposed, without the median gain.
    """
    stops: Float32 = np.log2((shown + _OFFSET) / (plate + _OFFSET))
    return stops


def shown_under(plate: Float32, stops: Float32) -> Float32:
    """Return the shown pixels, [..., 3] >= 0: the inverse of `stops_to`."""
    shown: Float32 = np.maximum((plate + _OFFSET) * np.exp2(stops) - _OFFSET, 0)
    return shown


@dataclass(frozen=True)
class DirectTransfer:
    """Delivers an engine's pixels, with the plate's fine detail where both agree. See `Transfer`."""

    canvas: Canvas

    def fit(self, gain: Gain, pixels: Pixels, data_window: Box) -> FittedTransfer:
        """Recover the engine's pixels from its stops, and compare their structure with the plate's."""
        seen = proxy_frame(self.canvas, 0, _filled_out(pixels, data_window), data_window)
        proxy = seen.rgb * np.float32(gain.exposure / seen.exposure)  # that of a mip level differs a little
        shown = shown_under(proxy, gain.gain_stops - gain.median_gain)
        agreement = _agreement(_log(proxy), _log(shown))
        columns, rows = self.canvas.positions(data_window, pixels.rgb.shape)
        small = _ProxyPixels(shown, proxy, agreement)
        return _FittedPixels(small, columns.astype(np.float32), rows.astype(np.float32), gain)


class _ProxyPixels(NamedTuple):
    """An engine's pixels of a frame, at the proxy size, exposed, without the median gain.

    shown, plate  [h, w, 3] float32: the engine's pixels; the plate's proxy.
    agreement     [h, w] float32 in 0..1: how far the two have the same structure.
    """

    shown: Float32
    plate: Float32
    agreement: Float32


@dataclass(frozen=True)
class _FittedPixels:
    """columns [W], rows [H] float32: where full-size pixels lie, in working pixels."""

    small: _ProxyPixels
    columns: Float32
    rows: Float32
    gain: Gain

    def relight(self, strip: Strip) -> RelitPixels:
        alpha, plate = strip.alpha, strip.plate
        cover = np.float32(1) if alpha is None else np.clip(np.nan_to_num(alpha), 0, 1)[..., None]
        straight = plate if alpha is None else np.divide(plate, cover, out=np.zeros_like(plate), where=cover > 1e-3)
        shown, proxy, agreement = (self._enlarged(each, strip.rows) for each in self.small)
        exposure = np.float32(self.gain.exposure)
        # The plate over its own proxy is fine detail: all of it where the structures agree, none where they do not.
        detail = (np.maximum(straight * exposure, 0) + _OFFSET) / (proxy + _OFFSET)
        light = np.maximum((shown + _OFFSET) * detail ** agreement[..., None] - _OFFSET, 0)
        pixels = light * np.exp2(self.gain.median_gain) * (cover / exposure)
        return RelitPixels(pixels, stops_between(plate, pixels, black_offset(alpha, self.gain.exposure)))

    def _enlarged(self, values: Float32, rows: slice) -> Float32:
        """Return working values at full size, linear between pixel centres, some rows of them."""
        y = self.rows[rows, None]
        shape = len(y), len(self.columns)
        map_x, map_y = (np.ascontiguousarray(np.broadcast_to(each, shape)) for each in (self.columns, y))
        out = cv2.remap(values, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(out, np.float32)


def stops_between(plate: Float32, result: Float32, offset: Float32) -> Float32:
    """Return the gain from plate to result in stops, [..., 3], for the gain map.

    offset  eps in plate values, premultiplied as the plate is. Where it is 0 and so is one of the two, the gain is 0.
    """
    before, after = np.maximum(plate, 0) + offset, np.maximum(result, 0) + offset
    ratio = np.divide(after, before, out=np.ones_like(after), where=(before > 0) & (after > 0))
    stops: Float32 = np.log2(ratio)
    return stops


@dataclass(frozen=True)
class _Pixels:
    rgb: Float32
    alpha: Float32 | None


def _filled_out(pixels: Pixels, data_window: Box) -> Pixels:
    """Return a mip level with a pixel for each of its data window's; nearest, so that bad pixels do not spread."""
    size = data_window.width, data_window.height
    if pixels.rgb.shape[1::-1] == size:
        return pixels
    rgb, alpha = (
        None if each is None else np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_NEAREST), np.float32)
        for each in (pixels.rgb, pixels.alpha)
    )
    assert rgb is not None
    return _Pixels(rgb, alpha)


def _log(rgb: Float32) -> Float32:
    return np.asarray(np.log2(rgb @ LUMINANCE + _OFFSET), np.float32)


def _agreement(one: Float32, other: Float32) -> Float32:
    """Return in 0..1 [h, w] how far two pictures in stops have the same structure: their local correlation, squared."""
    size = (2 * _RADIUS_PX + 1, 2 * _RADIUS_PX + 1)

    def mean(values: Float32) -> Float32:
        return np.asarray(cv2.blur(values, size, borderType=cv2.BORDER_REFLECT), np.float32)

    # Centred first, as in the guided filter: else float32 variances would be rounding noise.
    one, other = one - one.mean(), other - other.mean()
    first, second = mean(one), mean(other)
    variance, other_variance = (
        np.maximum(mean(v * v) - m * m, 0) + np.float32(_FLAT_STOPS2) for v, m in ((one, first), (other, second))
    )
    shared = mean(one * other) - first * second + np.float32(_FLAT_STOPS2)
    correlation: Float32 = np.clip(shared / np.sqrt(variance * other_variance), 0, 1)
    return correlation * correlation
