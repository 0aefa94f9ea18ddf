"""Tells whether two pictures show the same, and how far apart, whatever light is on either.

Orientation correlation (Fitch, Kadyrov, Christmas and Kittler, "Orientation correlation", BMVC 2002): gradients as
complex numbers, of which the angle counts rather than the size, are correlated by Fourier transform. The angle is
doubled here, so that an edge is the same edge when its bright side becomes the dark one. Needs numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import LUMINANCE
from relumix.types import Float32

Edges = NDArray[np.complex64]
"""[h, w]: the edges of a picture, see `edges_of`."""

_BLACK_SHARE = 1 / 64
"""Share of the median luminance that is added before the log, so that noise in black is no edge."""

_LEAST_STOPS = 0.003
"""Root mean square of the steps between neighbouring pixels below which a picture shows nothing, as black ones do."""

_LEAST_NORMAL = float(np.finfo(np.float32).tiny)

_NOISE_SHARE = 1.04
"""Averaged over 2x2 pixels, noise keeps this share of its steps (0.99); pictures have larger ones than before (1.6)."""

UNLIKE, LIKE = 7.0, 10.0
"""Peaks below UNLIKE are chance (unrelated pictures: 2 to 5.5), above LIKE they are none (one place under two lights:
17 to 29, one place and light: 18 to 60)."""


@dataclass(frozen=True)
class Shift:
    """Where one picture lies best on another.

    x, y  by how many pixels it is moved, to a fraction of one.
    peak  how far the correlation there stands out, in standard deviations of that everywhere: see UNLIKE and LIKE.
    """

    x: float
    y: float
    peak: float


def log_luminance(rgb: Float32) -> Float32:
    """Return log2 luminance [h, w] of a picture [h, w, 3], with an offset that keeps noise in black small."""
    with np.errstate(over="ignore", invalid="ignore"):
        luminance = np.nan_to_num(rgb @ LUMINANCE, nan=0, posinf=0, neginf=0)
    luminance = np.maximum(luminance, 0)
    lit = luminance[luminance > 0]
    black = _BLACK_SHARE * float(np.median(lit)) if lit.size else 1.0
    return np.asarray(np.log2(luminance + np.float32(max(black, _LEAST_NORMAL))), np.float32)


def edges_of(values: Float32) -> Edges | None:
    """Return the edges of log luminance [h, w], None where it shows nothing."""
    if min(values.shape) < 2:
        return None  # a line of pixels has no edge across it
    down, across = np.gradient(values)
    size = np.hypot(across, down)
    if _size_of(down, across) < _LEAST_STOPS:
        return None
    # The square doubles the angle; of the size its root stays, so that a few strong edges do not decide alone.
    edges = (across + 1j * down) ** 2 / np.maximum(size, 1e-6) ** 1.5
    return np.asarray(edges - edges.mean(), np.complex64)


def is_noise(values: Float32) -> bool:
    """Tell whether log luminance [h, w] shows hardly more than noise."""
    coarse = shrunk(values, max(values.shape) // 2)
    if min(coarse.shape) < 2:
        return False
    steps = _size_of(np.diff(coarse, axis=0), np.diff(coarse, axis=1))
    return steps < _NOISE_SHARE * _size_of(*np.gradient(values))


def _size_of(down: Float32, across: Float32) -> float:
    return float(np.sqrt(np.mean(down**2) + np.mean(across**2)))


def shift_between(before: Edges, after: Edges) -> Shift:
    """Return how far the picture `before`, of the same size or smaller, has to be moved to lie best on `after`."""
    correlation = correlate(before, after)
    height, width = correlation.shape
    row, column = (int(at) for at in np.unravel_index(correlation.argmax(), correlation.shape))
    peak = stands_out(correlation)
    y = row + _vertex(correlation[:, column], row)
    x = column + _vertex(correlation[row], column)
    return Shift(x - width // 2, y - height // 2, peak)


def find(part: Edges, whole: Edges) -> Shift:
    """Return where the picture `part` lies best in all of `whole`, from upper left corner to upper left corner."""
    padded = tuple(a + b for a, b in zip(part.shape, whole.shape, strict=True))
    spectrum = np.fft.fft2(whole, padded) * np.conj(np.fft.fft2(part, padded))
    correlation = np.asarray(np.fft.ifft2(spectrum).real[: whole.shape[0], : whole.shape[1]], np.float32)
    row, column = (int(at) for at in np.unravel_index(correlation.argmax(), correlation.shape))
    return Shift(float(column), float(row), stands_out(correlation))


def correlate(before: Edges, after: Edges) -> Float32:
    """Return the correlation at each shift by up to half the larger picture [h, w]; no shift is at [h // 2, w // 2]."""
    height, width = (max(sizes) for sizes in zip(before.shape, after.shape, strict=True))
    padded = 2 * height, 2 * width
    spectrum = np.fft.fft2(after, padded) * np.conj(np.fft.fft2(before, padded))
    correlation = np.fft.fftshift(np.fft.ifft2(spectrum).real)
    top, left = height - height // 2, width - width // 2
    return np.asarray(correlation[top : top + height, left : left + width], np.float32)


def stands_out(correlation: Float32, value: float | None = None) -> float:
    """Return how far the largest value, or one, is above the median, in standard deviations as the others have them."""
    middle = float(np.median(correlation))
    spread = 1.4826 * float(np.median(np.abs(correlation - middle)))
    return ((float(correlation.max()) if value is None else value) - middle) / max(spread, 1e-12)


def _vertex(line: Float32, at: int) -> float:
    """Return where the parabola through a peak and its neighbours has its vertex, -0.5..0.5 from the peak."""
    if not 0 < at < len(line) - 1:
        return 0.0
    before, here, after = (float(value) for value in line[at - 1 : at + 2])
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def shrunk(values: Float32, longest: int) -> Float32:
    """Average [h, w, ...] over whole squares of pixels, to the fewest of at least `longest` on the long edge."""
    step = max(1, max(values.shape[:2]) // longest)
    if step == 1:
        return values
    height, width = values.shape[0] // step * step, values.shape[1] // step * step
    if not (height and width):
        return values
    blocks = values[:height, :width].reshape(height // step, step, width // step, step, *values.shape[2:])
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)
