"""`--transfer direct`: an engine's own pixels in place of its light, for references that change content.

Such an engine says what it shows as stops too, so that windows and references blend as light does:

    stops = log2((shown + e) / (plate + e)),  both without the grade, e = BLACK_OFFSET.

At full size what it shows is interpolated, and the plate's fine detail, which it never saw, is added back: as much of
it as what is shown has the plate's own structure there. Where the content was replaced, none is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from relumix.gain.downsample import LUMINANCE, Canvas, Pixels, proxy_frame
from relumix.gain.log_gain import BLACK_OFFSET
from relumix.shot.box import Box
from relumix.types import Float32

_OFFSET = np.float32(BLACK_OFFSET)
_RADIUS_PX = 4  # half the side of the neighbourhood whose structure is compared, at the working size
_FLAT_STOPS2 = 0.01  # variance below which there is no structure to disagree about: detail is grain then, and kept


def stops_to(plate: Float32, shown: Float32) -> Float32:
    """Return the stops from plate light to what is shown, [..., 3] float32; both >= 0, exposed, without the grade."""
    stops: Float32 = np.log2((shown + _OFFSET) / (plate + _OFFSET))
    return stops


def shown_under(plate: Float32, stops: Float32) -> Float32:
    """Return what is shown, [..., 3] >= 0: undoes `stops_to`."""
    shown: Float32 = np.maximum((plate + _OFFSET) * np.exp2(stops) - _OFFSET, 0)
    return shown


@dataclass(frozen=True)
class DirectPixels:
    """What an engine shows of one frame, to be looked at with the plate's detail.

    shown, seen, agreement  [h, w, 3], [h, w, 3], [h, w] float32 at the working size, exposed: what is shown without the
                            grade; the plate as the engine saw it; and in 0..1 how far the two have the same structure.
    data_window, size       of the full-size plate: where it lies, and its (height, width).
    """

    shown: Float32
    seen: Float32
    agreement: Float32
    canvas: Canvas
    data_window: Box
    size: tuple[int, int]

    @classmethod
    def fit(cls, stops: Float32, grade: Float32, canvas: Canvas, data_window: Box, pixels: Pixels) -> DirectPixels:
        """Make it from an engine's stops [h, w, 3] at the working size, the grade [3] included.

        pixels  the plate, or a mip level of it, on data_window.
        """
        seen = proxy_frame(canvas, 0, _enlarged(pixels, data_window), data_window).rgb
        shown = shown_under(seen, stops - grade)
        agreement = _agreement(_log(seen), _log(shown))
        height, width = pixels.rgb.shape[:2]
        return cls(shown, seen, agreement, canvas, data_window, (height, width))

    def evaluate(self, rows: slice, plate: Float32, alpha: Float32 | None, grade: Float32) -> Float32:
        """Return rows of the result [n, W, 3] in plate values, premultiplied as the plate [n, W, 3] is."""
        cover = np.float32(1) if alpha is None else np.clip(alpha, 0, 1)[..., None]
        straight = plate if alpha is None else np.divide(plate, cover, out=np.zeros_like(plate), where=cover > 1e-3)
        shown, seen, agreement = (self._enlarged(each, rows) for each in (self.shown, self.seen, self.agreement))
        exposure = np.float32(self.canvas.exposure)
        detail = (np.maximum(straight * exposure, 0) + _OFFSET) / (seen + _OFFSET)
        light = np.maximum((shown + _OFFSET) * detail ** agreement[..., None] - _OFFSET, 0)
        out: Float32 = light * np.exp2(grade) * (cover / exposure)
        return out

    def _enlarged(self, values: Float32, rows: slice) -> Float32:
        """Return working values at full size, linear between pixel centres, some rows of them."""
        window, canvas, (height, width) = self.data_window, self.canvas, self.size
        x, y = (
            ((offset + (np.arange(count) + 0.5) * (size / count)) * (working / whole) - 0.5).astype(np.float32)
            for offset, count, size, working, whole in (
                (window.x - canvas.window.x, width, window.width, canvas.width, canvas.window.width),
                (window.y - canvas.window.y, height, window.height, canvas.height, canvas.window.height),
            )
        )
        y = y[rows, None]
        map_x, map_y = (np.ascontiguousarray(np.broadcast_to(each, (len(y), width))) for each in (x, y))
        out = cv2.remap(values, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(out, np.float32)


def stops_between(plate: Float32, result: Float32, black_offset: Float32) -> Float32:
    """Return the gain from plate to result in stops, [..., 3], as a gain map tells it."""
    stops: Float32 = np.log2((np.maximum(result, 0) + black_offset) / (np.maximum(plate, 0) + black_offset))
    return stops


@dataclass(frozen=True)
class _Pixels:
    rgb: Float32
    alpha: Float32 | None


def _enlarged(pixels: Pixels, data_window: Box) -> Pixels:
    """Return a mip level with a pixel for each of its data window's; by nearest ones, so that bad ones stay alone."""
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

    one, other = one - one.mean(), other - other.mean()
    first, second = mean(one), mean(other)
    variance, other_variance = (
        np.maximum(mean(v * v) - m * m, 0) + np.float32(_FLAT_STOPS2) for v, m in ((one, first), (other, second))
    )
    shared = mean(one * other) - first * second + np.float32(_FLAT_STOPS2)
    correlation: Float32 = np.clip(shared / np.sqrt(variance * other_variance), 0, 1)
    return correlation * correlation
