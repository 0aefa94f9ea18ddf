"""From a small map of gain to full-size pixels: the one place where light meets the plate.

The gain is upsampled along the plate's own edges: at the working size it is fitted, around every pixel, by a line over
the plate's log luminance (the guided filter of He, Sun and Tang, 2013, eq. 5 to 8); the lines are interpolated and
evaluated on the full-size plate (He and Sun, 2015, "Fast Guided Filter"). What the lines miss is interpolated and
added, so at the working size nothing is lost. How light meets a pixel then is relumix.gain.log_gain's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.gain.direct_transfer import DirectPixels, stops_between
from relumix.gain.downsample import LUMINANCE, Canvas, Pixels, finite
from relumix.gain.log_gain import BLACK_OFFSET, apply
from relumix.gain.proxy import ProxyFrame
from relumix.shot.box import Box
from relumix.types import Float32

_RADIUS_PX = 4
"""Half the side of the fitting neighbourhood, at the working size."""

_FLATNESS_STOPS2 = 0.1
"""Variance of the guide below which a neighbourhood is flat: grain (about 0.1 stops) is, an edge is not."""

_STRIP_PIXELS = 1 << 17
"""Pixels handled at once: what bounds the memory at any plate size."""


@dataclass(frozen=True)
class Gain:
    """The light on one frame.

    stops  [h, w, 3] float32 at the working size: log2 gain, the grade included.
    grade  [3] float32: the share of it that is the same everywhere.
    guide  [h, w] float32: log2 luminance of the frame, as `log_luminance` makes it.
    """

    frame: int
    stops: Float32
    grade: Float32
    guide: Float32


def log_luminance(frame: ProxyFrame) -> Float32:
    """Return log2 of a working frame's luminance over BLACK_OFFSET, [h, w] in stops."""
    return np.asarray(np.log2(frame.rgb @ LUMINANCE + np.float32(BLACK_OFFSET)), np.float32)


def relight(
    pixels: Pixels,
    data_window: Box,
    canvas: Canvas,
    gain: Gain,
    *,
    mix: float = 1.0,
    mask: Float32 | None = None,
    reference: tuple[Float32, NDArray[np.bool_]] | None = None,
    stops: Float32 | None = None,
    direct: bool = False,
) -> Float32:
    """Relight one frame; returns its pixels [h, w, 3] float32, premultiplied as the plate's.

    pixels       the plate on `data_window`, in plate pixels; a mip level is given with the same data window.
    mix, mask    0 is the plate, bit for bit; mask [h, w] float32 in 0..1 or None for 1 everywhere.
    reference    at a reference's own frame, its pixels [h, w, 3], and where they are known [h, w] bool: there they are
                 the result.
    stops        [h, w, 3] float32, or None: is filled with the log2 gain at full size.
    direct       whether the stops are an engine's pixels, and not its light (see relumix.gain.direct_transfer).

    Pixels of the plate that are not finite come back as they are.
    """
    lines = _Lines.fit(gain, canvas, data_window, pixels.rgb.shape)
    shown = DirectPixels.fit(gain.stops, gain.grade, canvas, data_window, pixels) if direct else None
    rgb = np.empty_like(pixels.rgb)
    for rows in _strips(*pixels.rgb.shape[:2]):
        plate = pixels.rgb[rows]
        alpha = None if pixels.alpha is None else pixels.alpha[rows]
        sound = finite(plate)
        whole = bool(sound.all())
        if not whole:
            plate = np.where(sound[..., None], plate, np.float32(0))
        offset = _black_offset(alpha, canvas)
        if shown is not None:
            light = shown.evaluate(rows, plate, alpha, gain.grade)
            if stops is not None:
                stops[rows] = stops_between(plate, light, offset)
        else:
            local = lines.evaluate(rows, _guide(plate, alpha, canvas), None if whole else sound)
            if stops is not None:
                np.add(local, gain.grade, out=stops[rows])
            light = apply(plate, local, gain.grade, offset)
        if reference is not None:
            relit, known = reference[0][rows], reference[1][rows]
            light = np.where(known[..., None], relit, light)
        amount = mix if mask is None else mix * mask[rows][..., None]
        light = _blend(plate, light, amount)
        rgb[rows] = light if whole else np.where(sound[..., None], light, pixels.rgb[rows])
    return rgb


def _blend(plate: Float32, light: Float32, amount: float | Float32) -> Float32:
    """Return the plate where amount is 0 and the light where it is 1, both exactly."""
    if isinstance(amount, float) and amount in (0.0, 1.0):
        return light if amount else plate
    amount = np.asarray(amount, np.float32)
    return np.where(amount == 1, light, plate + amount * (light - plate))


def _black_offset(alpha: Float32 | None, canvas: Canvas) -> Float32:
    """Return eps in plate values, premultiplied as the plate is: a scalar, or [h, w, 1]."""
    offset = np.asarray(canvas.black_offset, np.float32)
    return offset if alpha is None else (offset * np.clip(np.nan_to_num(alpha), 0, 1))[..., None]


def _guide(plate: Float32, alpha: Float32 | None, canvas: Canvas) -> Float32:
    """Return log2 luminance of full-size pixels, as log_luminance does for working pixels, [h, w]."""
    luminance = np.maximum(plate @ LUMINANCE, 0)
    if alpha is not None:
        # Where alpha is 0 the pixel is light without matter: its luminance is what it is.
        luminance = np.divide(luminance, alpha, out=luminance, where=alpha > 1e-3)
    return np.asarray(np.log2(luminance * np.float32(canvas.exposure) + np.float32(BLACK_OFFSET)), np.float32)


@dataclass(frozen=True)
class _Lines:
    """Gain without its grade as lines over the guide: slope * guide + base, columns already at full width.

    slope, base  [h, W, 3] float32; rows are at the working size, interpolated as they are asked for.
    guide        [h, W] float32: the working guide, for pixels that have none of their own.
    low, high    [H] rows of the working size above and below each full-size row; share [H] of the one below.
    """

    slope: Float32
    base: Float32
    guide: Float32
    low: NDArray[np.intp]
    high: NDArray[np.intp]
    share: Float32

    @classmethod
    def fit(cls, gain: Gain, canvas: Canvas, data_window: Box, shape: tuple[int, ...]) -> _Lines:
        slope, base = _fit_lines(gain.guide, gain.stops - gain.grade)
        window = canvas.window
        left, right, across = _taps(shape[1], data_window.x - window.x, data_window.width, window.width, canvas.width)
        low, high, share = _taps(shape[0], data_window.y - window.y, data_window.height, window.height, canvas.height)

        def widen(values: Float32) -> Float32:
            weight = across[:, None] if values.ndim == 3 else across
            return values[:, left] * (1 - weight) + values[:, right] * weight

        return cls(widen(slope), widen(base), widen(gain.guide), low, high, share)

    def evaluate(self, rows: slice, guide: Float32, sound: NDArray[np.bool_] | None) -> Float32:
        """Return the local gain of full-size rows [n, W, 3] in stops; guide [n, W] counts where sound (None: all)."""
        low, high, share = self.low[rows], self.high[rows], self.share[rows][:, None]

        def between(values: Float32) -> Float32:
            weight = share[..., None] if values.ndim == 3 else share
            out = values[high] - values[low]
            out *= weight
            out += values[low]
            return out

        if sound is not None:
            guide = np.where(sound, guide, between(self.guide))
        local = between(self.slope)
        local *= guide[..., None]
        local += between(self.base)
        return local


def _fit_lines(guide: Float32, local: Float32) -> tuple[Float32, Float32]:
    """Return slope and base [h, w, 3] with slope * guide + base = local at every working pixel."""
    size = (2 * _RADIUS_PX + 1, 2 * _RADIUS_PX + 1)

    def mean(values: Float32) -> Float32:
        return np.asarray(cv2.blur(values, size, borderType=cv2.BORDER_REFLECT), np.float32)

    # Centred first: in float32, moments of values far from 0 leave a variance of rounding alone.
    centred = guide - np.float32(guide.mean())
    guide_mean, local_mean = mean(centred), mean(local)
    variance = np.maximum(mean(centred * centred) - guide_mean**2, 0)
    covariance = mean(centred[..., None] * local) - guide_mean[..., None] * local_mean
    slope = mean(covariance / (variance + np.float32(_FLATNESS_STOPS2))[..., None])
    return slope, local - slope * guide[..., None]


def _taps(
    count: int, offset: int, size: int, window_size: int, working_size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Float32]:
    """Return, for `count` samples over `size` plate pixels, the two working pixels around each and the second's share.

    offset  of the first plate pixel from the canvas. Beyond the canvas its edge goes on.
    """
    centre = offset + (np.arange(count) + 0.5) * (size / count)
    position = np.clip(centre * (working_size / window_size) - 0.5, 0, working_size - 1)
    low = np.floor(position).astype(np.intp)
    return low, np.minimum(low + 1, working_size - 1), (position - low).astype(np.float32)


def _strips(height: int, width: int) -> Iterator[slice]:
    rows = max(1, _STRIP_PIXELS // width)
    for start in range(0, height, rows):
        yield slice(start, min(start + rows, height))
