"""Makes proxies: plates averaged down, unpremultiplied, each at its own exposure, with holes filled.

What is not finite is no light. Nor is what is finite and yet no camera or renderer measured: it is unseen as well, for
otherwise its neighbours would be lost in the average, and the frame in infinities once it is multiplied.

Averages are exposed in double precision and rounded once: so a plate under any exposure has the same proxy to the last
bit, as far as float32 holds that plate exactly. Correspondence works on 8-bit codes of it, and where the last bit
differs a value on the edge of two of them falls to either side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import LUMINANCE
from relumix.gain.log_gain import BLACK_OFFSET, MID_GREY, measure
from relumix.gain.noise import noise_of
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.shot.box import Box
from relumix.types import Float32, Float64

_Values = TypeVar("_Values", Float32, Float64)

DARKEST, BRIGHTEST = -1.0, 2.0**20
"""Range of exposed values that are taken for light: from noise and filters' ringing to 22 stops over mid-grey."""

_LARGEST = 2.0**100
"""Plate values beyond it would overflow in an average."""

_LEAST_LEVEL = 2.0**-64
"""Median luminance below which a frame is black: its exposure would be no number for float32."""

_MOST_GRADE_STOPS = 60.0
"""Beyond it a median gain would overflow."""

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
    """

    window: Box
    width: int
    height: int

    @classmethod
    def fit(cls, window: Box, work_size: int) -> Canvas:
        """Return a canvas over `window` whose long edge is at most `work_size`, never larger than the plate."""
        scale = min(1.0, work_size / max(window.width, window.height))
        return cls(window, max(1, round(window.width * scale)), max(1, round(window.height * scale)))

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
    """Return a plate frame as an engine sees it. Pixels that are no light count as not covered."""
    pixels, data_window = _inside(canvas, pixels, data_window)
    seen, rgb, known, level = _light_of(canvas, pixels, data_window)
    exposure = MID_GREY / level if level else 1.0
    exposed = _exposed(rgb, exposure)
    return ProxyFrame(frame, exposed, known, exposure=exposure, noise=noise_of(pixels.rgb, seen) * exposure)


def _exposed(rgb: Float64, exposure: float) -> Float32:
    # Clipped above too: over little alpha, premultiplied light may exceed it.
    return np.clip(rgb * exposure, 0, BRIGHTEST).astype(np.float32)


def _light_of(canvas: Canvas, pixels: Pixels, data_window: Box) -> tuple[NDArray[np.bool_], Float64, Float32, float]:
    """Return which full-size pixels are light, their average and what it covers (see `_average`), and its median."""
    usable = _within(pixels.rgb, -_LARGEST, _LARGEST)
    rgb, known = _average(canvas, pixels.rgb, pixels.alpha, usable, data_window)
    level = _median_luminance(rgb, known)
    seen = usable & light(pixels.rgb, level)
    if not np.array_equal(seen, usable):
        rgb, known = _average(canvas, pixels.rgb, pixels.alpha, seen, data_window)
        level = _median_luminance(rgb, known)
    return seen, rgb, known, level


def _median_luminance(rgb: Float64, known: Float32) -> float:
    """Return the median of what is lit, in an average; 0 where it is black."""
    # Slivers at a matte's edge count only where there is nothing else, as in smoke.
    covered = known > 0.5 if (known > 0.5).any() else known > 0
    luminance = (rgb @ LUMINANCE)[covered]
    luminance = luminance[luminance > 0]
    level = float(np.median(luminance)) if luminance.size else 0.0
    return level if level > _LEAST_LEVEL else 0.0


def light(rgb: Float32, level: float) -> NDArray[np.bool_]:
    """Return where values [h, w, 3] are light, [h, w], in a frame of that median luminance (0: black)."""
    scale = level / MID_GREY if level else 1.0
    return _within(rgb, max(DARKEST * scale, -_LARGEST), min(BRIGHTEST * scale, _LARGEST))


def _within(rgb: Float32, least: float, most: float) -> NDArray[np.bool_]:
    inside = (rgb >= np.float32(least)) & (rgb <= np.float32(most))
    return np.asarray(inside[..., 0] & inside[..., 1] & inside[..., 2])


def _lit(rgb: Float32) -> NDArray[np.bool_]:
    some = rgb != 0
    return np.asarray(some[..., 0] | some[..., 1] | some[..., 2])


class _Pixels(NamedTuple):
    rgb: Float32
    alpha: Float32 | None


def _inside(canvas: Canvas, pixels: Pixels, data_window: Box) -> tuple[Pixels, Box]:
    """Return the pixels that lie on a canvas, and where they do."""
    seen = canvas.window.intersect(data_window)
    if seen == data_window:
        return pixels, data_window
    at = seen.slices_in(data_window)
    return _Pixels(pixels.rgb[at], None if pixels.alpha is None else pixels.alpha[at]), seen


def proxy_reference(
    canvas: Canvas, frame: int, pixels: Pixels, data_window: Box, relit: Float32, known: NDArray[np.bool_]
) -> tuple[ProxyReference, Float32]:
    """Return the gain of a reference as an engine sees it, and its median gain.

    pixels  the plate at the reference's frame; relit [h, w, 3] float32 and known [h, w] bool lie on its data window.

    The median gain [3] float32, in stops, is of plain ratios (see `median_stops`); a pure grade has no other gain.
    """
    plain = proxy_frame(canvas, frame, pixels, data_window)
    at = canvas.window.slices_in(data_window)
    relit, known = relit[at], known[at]
    pixels, data_window = _inside(canvas, pixels, data_window)
    level = 0.0 if plain.black else MID_GREY / plain.exposure
    # Both are averaged over the same pixels: else the edge of a hole in one would look like a change of light. Black of
    # the plate says nothing of it.
    both = known & light(pixels.rgb, level) & light(relit, level) & _lit(pixels.rgb)
    average, lit = _average(canvas, pixels.rgb, pixels.alpha, both, data_window)
    relit_average, _ = _average(canvas, relit, pixels.alpha, both, data_window)
    before, after = (_exposed(each, plain.exposure) for each in (average, relit_average))
    # Taken out before the rest is measured, since BLACK_OFFSET would distort it: so a plain grade is exact.
    median_gain = median_stops(before, after, lit > 0.5)
    local = measure(before, after * np.exp2(-median_gain))
    gain = fill(local, lit) + median_gain
    made = ProxyReference(frame, plain.rgb, plain.known, gain, lit, exposure=plain.exposure, noise=plain.noise)
    return made, median_gain


def median_stops(before: Float32, after: Float32, lit: NDArray[np.bool_]) -> Float32:
    """Return the median log2 gain a channel over lit pixels above black, [3]; 0 for a channel that has none."""
    median = np.zeros(3, np.float32)
    for c in range(3):
        # In blacks the ratio is noise over noise.
        measured = lit & (before[..., c] > BLACK_OFFSET) & (after[..., c] > 0)
        if measured.any():
            median[c] = np.median(np.log2(after[..., c][measured] / before[..., c][measured]))
    return np.clip(median, -_MOST_GRADE_STOPS, _MOST_GRADE_STOPS)


def _average(
    canvas: Canvas, rgb: Float32, alpha: Float32 | None, usable: NDArray[np.bool_], data_window: Box
) -> tuple[Float64, Float32]:
    """Return (unpremultiplied mean of the usable pixels [h, w, 3], share of each working pixel they cover [h, w])."""
    if alpha is None and data_window == canvas.window and usable.all():  # most frames: nothing to weigh
        return canvas.shrink(rgb, data_window).astype(np.float64), np.ones((canvas.height, canvas.width), np.float32)
    coverage = np.where(usable, 1.0 if alpha is None else np.clip(np.nan_to_num(alpha), 0, 1), 0).astype(np.float32)
    light = canvas.shrink(np.where(usable[..., None], rgb, np.float32(0)), data_window).astype(np.float64)
    known = np.clip(canvas.shrink(coverage, data_window), 0, 1)
    covered = known > _LEAST_COVERAGE
    mean = np.divide(light, known[..., None], out=np.zeros_like(light), where=covered[..., None])
    known = np.where(covered, known, np.float32(0))
    return fill(mean, known), known


def fill(values: _Values, weight: Float32) -> _Values:
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
    coarse = np.zeros((small[1], small[0], 3), values.dtype)
    np.divide(light, coarse_weight[..., None], out=coarse, where=coarse_weight[..., None] > 0)
    # Push: scale up again, into the holes alone.
    around = cv2.resize(fill(coarse, coarse_weight), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(weight[..., None] > 0, values, around)
