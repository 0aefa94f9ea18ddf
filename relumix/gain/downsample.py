"""Makes proxies: plates averaged down, unpremultiplied, at one exposure, with holes filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.gain.log_gain import BLACK_OFFSET, MID_GREY, measure
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.shot.box import Box
from relumix.types import Float32

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of luminance for linear Rec.709; close enough for exposure in any primaries."""

_LEAST_COVERAGE = 1e-3
"""Coverage below which a proxy pixel counts as a hole: less than one plate pixel in a thousand."""


class Pixels(Protocol):
    """Full-size pixels of one frame (relumix.shot.Level is one)."""

    @property
    def rgb(self) -> Float32:
        """[h, w, 3] float32, scene-linear, premultiplied."""
        ...

    @property
    def alpha(self) -> Float32 | None:
        """[h, w] float32, or None where the frame has none."""
        ...


@dataclass(frozen=True)
class Canvas:
    """The area of the proxies, in pixels of the plate, and their size.

    window         the area; the same for all frames of a shot, whatever their data windows.
    width, height  the working size.
    exposure       factor from plate values to working values.
    """

    window: Box
    width: int
    height: int
    exposure: float = 1.0

    @classmethod
    def fit(cls, window: Box, work_size: int) -> Canvas:
        """Return a canvas over `window` whose long edge is at most `work_size`, never larger than the plate."""
        scale = min(1.0, work_size / max(window.width, window.height))
        return cls(window, max(1, round(window.width * scale)), max(1, round(window.height * scale)))

    @property
    def black_offset(self) -> float:
        """BLACK_OFFSET in plate values."""
        return BLACK_OFFSET / self.exposure

    def positions(self, data_window: Box, shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where the columns [w] and rows [h] of a picture lie, in pixels of the working size.

        The picture, of shape (h, w, ...), fills data_window: the plate itself, or a mip level with fewer pixels.
        """

        def along(count: int, offset: int, size: int, working: int, whole: int) -> NDArray[np.float64]:
            # Pixel centres: half a pixel is added at one size and subtracted at the other.
            centre = offset + (np.arange(count) + 0.5) * (size / count)
            return np.asarray(centre * (working / whole) - 0.5, np.float64)

        window, (height, width) = self.window, shape[:2]
        columns = along(width, data_window.x - window.x, data_window.width, self.width, window.width)
        return columns, along(height, data_window.y - window.y, data_window.height, self.height, window.height)

    def shrink(self, values: Float32, data_window: Box) -> Float32:
        """Average full-size values on `data_window` down to the working size; 0 outside of the data window.

        values [h, w] or [h, w, c] float32, finite. Returns [height, width] or [height, width, c].
        """
        if data_window != self.window:
            whole = np.zeros((self.window.height, self.window.width, *values.shape[2:]), np.float32)
            shared = self.window.intersect(data_window)
            whole[shared.slices_in(self.window)] = values[shared.slices_in(data_window)]
            values = whole
        return np.asarray(cv2.resize(values, (self.width, self.height), interpolation=cv2.INTER_AREA), np.float32)


def finite(rgb: Float32) -> NDArray[np.bool_]:
    """Return where pixels [h, w, 3] are finite in all channels, [h, w]."""
    sound = np.isfinite(rgb)
    # Many times faster than all() over an axis of three.
    return np.asarray(sound[..., 0] & sound[..., 1] & sound[..., 2])


def proxy_frame(canvas: Canvas, frame: int, pixels: Pixels, data_window: Box) -> ProxyFrame:
    """Return a plate frame as an engine sees it. Non-finite pixels count as not covered."""
    rgb, known = _average(canvas, pixels.rgb, pixels.alpha, finite(pixels.rgb), data_window)
    return ProxyFrame(frame, np.maximum(rgb, 0) * np.float32(canvas.exposure), known, exposure=canvas.exposure)


def exposure_of(canvas: Canvas, pixels: Pixels, data_window: Box) -> float:
    """Return the factor that brings the median luminance of a frame to MID_GREY; 1 where the frame is black."""
    rgb, known = _average(canvas, pixels.rgb, pixels.alpha, finite(pixels.rgb), data_window)
    luminance = (rgb @ LUMINANCE)[known > 0.5]
    luminance = luminance[luminance > 0]
    return MID_GREY / float(np.median(luminance)) if luminance.size else 1.0


def proxy_reference(
    canvas: Canvas, frame: int, pixels: Pixels, data_window: Box, relit: Float32, known: NDArray[np.bool_]
) -> tuple[ProxyReference, Float32]:
    """Return the gain of a reference as an engine sees it, and its median gain.

    pixels  the plate at the reference's frame; relit [h, w, 3] float32 and known [h, w] bool lie on its data window.

    The median gain [3] float32, in stops, is of plain ratios (see `median_stops`); a pure grade has no other gain.
    """
    plain = proxy_frame(canvas, frame, pixels, data_window)
    # Both are averaged over the same pixels: else the edge of a hole in one would look like a change of light.
    both = known & finite(pixels.rgb) & finite(relit)
    exposure = np.float32(canvas.exposure)
    before, lit = _average(canvas, pixels.rgb, pixels.alpha, both, data_window)
    after, _ = _average(canvas, relit, pixels.alpha, both, data_window)
    before, after = np.maximum(before, 0) * exposure, np.maximum(after, 0) * exposure
    # Taken out before the rest is measured, since BLACK_OFFSET would distort it: so a plain grade is exact.
    median_gain = median_stops(before, after, lit > 0.5)
    local = measure(before, after * np.exp2(-median_gain))
    gain = _fill(local, lit) + median_gain
    return ProxyReference(frame, plain.rgb, plain.known, gain, lit, exposure=canvas.exposure), median_gain


def median_stops(before: Float32, after: Float32, lit: NDArray[np.bool_]) -> Float32:
    """Return the median log2 gain a channel over lit pixels above black, [3]; 0 for a channel that has none."""
    median = np.zeros(3, np.float32)
    for c in range(3):
        # In blacks the ratio is noise over noise.
        measured = lit & (before[..., c] > BLACK_OFFSET) & (after[..., c] > 0)
        if measured.any():
            median[c] = np.median(np.log2(after[..., c][measured] / before[..., c][measured]))
    return median


def _average(
    canvas: Canvas, rgb: Float32, alpha: Float32 | None, usable: NDArray[np.bool_], data_window: Box
) -> tuple[Float32, Float32]:
    """Return (unpremultiplied mean of the usable pixels [h, w, 3], share of each working pixel they cover [h, w])."""
    if alpha is None and data_window == canvas.window and usable.all():  # most frames: nothing to weigh
        return canvas.shrink(rgb, data_window), np.ones((canvas.height, canvas.width), np.float32)
    coverage = np.where(usable, 1.0 if alpha is None else np.clip(np.nan_to_num(alpha), 0, 1), 0).astype(np.float32)
    light = canvas.shrink(np.where(usable[..., None], rgb, np.float32(0)), data_window)
    known = np.clip(canvas.shrink(coverage, data_window), 0, 1)
    covered = known > _LEAST_COVERAGE
    mean = np.divide(light, known[..., None], out=np.zeros_like(light), where=covered[..., None])
    known = np.where(covered, known, np.float32(0))
    return _fill(mean, known), known


def _fill(values: Float32, weight: Float32) -> Float32:
    """Fill values [h, w, 3] where weight [h, w] is 0 from ever larger surroundings (pull-push, Gortler et al. 1996)."""
    if (weight > 0).all():
        return values
    if not (weight > 0).any():
        return np.zeros_like(values)
    # Pull: halve the picture over known pixels; its own holes are filled recursively.
    height, width = weight.shape
    small = (max(1, width // 2), max(1, height // 2))
    coarse_weight = np.asarray(cv2.resize(weight, small, interpolation=cv2.INTER_AREA), np.float32)
    light = cv2.resize(values * weight[..., None], small, interpolation=cv2.INTER_AREA)
    coarse = np.zeros((small[1], small[0], 3), np.float32)
    np.divide(light, coarse_weight[..., None], out=coarse, where=coarse_weight[..., None] > 0)
    # Push: scale up again, into the holes alone.
    around = cv2.resize(_fill(coarse, coarse_weight), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(weight[..., None] > 0, values, around)
