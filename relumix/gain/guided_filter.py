"""The guided filter: a small map enlarged so that its edges lie where those of a full-size picture are.

Around every small pixel the map is taken for a linear function of a guide, which is known at both sizes; the functions
are averaged, enlarged and evaluated on the full-size guide (He, Sun and Tang, "Guided Image Filtering", PAMI 2013; He
and Sun, "Fast Guided Filter", 2015). There are three versions here:

`LuminanceLines`  with a luminance guide, for the gain of a frame on its way to full size: a line takes two numbers a
                  pixel and channel, and can be evaluated a strip at a time on plates of any size. The small map itself
                  is reproduced exactly, since at a reference it is the artist's own gain. For its confidence too.
`upsample_by_color`  with all three channels, for small maps inside an engine: surfaces that differ in hue alone are
                  told apart. What the map has that the guide has not is taken for noise, and smoothed.
`smoothed`        of a map by itself, at one size: it loses what is flat enough, and keeps its edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.types import Float32

_FLATNESS_STOPS2 = 0.1
"""eps of the paper: the guide's variance below which a neighbourhood is flat. Grain (about 0.1 stops) is, an edge is
not."""

_LINES_RADIUS_PX, _COLOR_RADIUS_PX = 4, 2
"""r of the paper, at the small size; smaller by colour, where the maps are smaller too."""


@dataclass(frozen=True)
class LuminanceLines:
    """A small map as lines over a luminance guide, slope * guide + base, columns already at full width.

    slope, base  [h, W, c] float32; rows are at the small size, interpolated as they are asked for.
    guide        [h, W] float32: the small guide, for pixels that have none of their own.
    rows         where each full-size row lies.
    """

    slope: Float32
    base: Float32
    guide: Float32
    rows: _Taps

    @classmethod
    def fit(
        cls, values: Float32, guide: Float32, columns: NDArray[np.float64], rows: NDArray[np.float64]
    ) -> LuminanceLines:
        """Fit lines to values [h, w, c] over guide [h, w].

        columns [W], rows [H]: where full-size pixels lie, in small pixels; beyond the map its edge is repeated.
        """
        slope, base = _fit_lines(guide, values)
        across = _Taps.at(columns, guide.shape[1])

        def widen(values: Float32) -> Float32:
            share = across.share[:, None] if values.ndim == 3 else across.share
            return values[:, across.low] * (1 - share) + values[:, across.high] * share

        return cls(widen(slope), widen(base), widen(guide), _Taps.at(rows, guide.shape[0]))

    def evaluate(self, rows: slice, guide: Float32, sound: NDArray[np.bool_] | None) -> Float32:
        """Return the map for full-size rows [n, W, c]; guide [n, W] counts where sound (None: everywhere)."""
        if sound is not None:
            guide = np.where(sound, guide, self._between(self.guide, rows))
        values = self._between(self.slope, rows)
        values *= guide[..., None]  # in place: a strip of a wide plate is as large as the cache
        values += self._between(self.base, rows)
        return values

    def _between(self, values: Float32, rows: slice) -> Float32:
        low, high, share = self.rows.low[rows], self.rows.high[rows], self.rows.share[rows]
        out = values[high] - values[low]
        out *= share.reshape(-1, *[1] * (values.ndim - 1))
        out += values[low]
        return out


@dataclass(frozen=True)
class _Taps:
    """Linear interpolation along one axis: the two small pixels around each sample, and the second's share."""

    low: NDArray[np.intp]
    high: NDArray[np.intp]
    share: Float32

    @classmethod
    def at(cls, positions: NDArray[np.float64], count: int) -> _Taps:
        inside = np.clip(positions, 0, count - 1)
        low = np.floor(inside).astype(np.intp)
        return cls(low, np.minimum(low + 1, count - 1), (inside - low).astype(np.float32))


def _fit_lines(guide: Float32, values: Float32) -> tuple[Float32, Float32]:
    """Return slope and base [h, w, c] with slope * guide + base = values at every small pixel."""
    # Centred first: in float32 the variance of values far from 0 would be rounding noise.
    centred = guide - np.float32(guide.mean())
    guide_mean, values_mean = _reflected_mean(centred), _reflected_mean(values)
    variance = np.maximum(_reflected_mean(centred * centred) - guide_mean**2, 0)
    covariance = _reflected_mean(centred[..., None] * values) - guide_mean[..., None] * values_mean
    # a_k = cov(I, p) / (var(I) + eps), eq. 5, averaged over the windows that hold a pixel, eq. 8.
    slope = _reflected_mean(covariance / (variance + np.float32(_FLATNESS_STOPS2))[..., None])
    # Not the mean of b_k (eq. 6): the residual goes into the base, so that the small map is reproduced exactly.
    return slope, values - slope * guide[..., None]


def upsample_by_color(image: Float32, guide: Float32, full_guide: Float32) -> Float32:
    """Return [H, W, 3] float32: a small image, enlarged along the edges of the full-size guide.

    image, guide [h, w, 3]; full_guide [H, W, 3]; all float32. The result is linear in the image, and adding a constant
    to the image adds it to the result.
    """
    mean_guide, mean_image = _held_mean(guide), _held_mean(image)
    spread = np.empty((*guide.shape[:2], 3, 3), np.float32)
    shared = np.empty_like(spread)
    for i in range(3):
        spread[..., i, :] = _held_mean(guide[..., i : i + 1] * guide) - mean_guide[..., i : i + 1] * mean_guide
        shared[..., i, :] = _held_mean(guide[..., i : i + 1] * image) - mean_guide[..., i : i + 1] * mean_image
    # a = (Sigma + eps U)^-1 cov(I, p), b = mean(p) - a mean(I): the paper's lines, for a guide of three channels.
    slope = np.linalg.solve(spread + _FLATNESS_STOPS2 * np.eye(3, dtype=np.float32), shared)
    base = mean_image - np.einsum("hwij,hwi->hwj", slope, mean_guide)
    # q = mean(a) I + mean(b), with the means enlarged and I at full size, as in the fast filter.
    out = _enlarged(_held_mean(base), full_guide.shape)
    for i in range(3):
        slope_i = np.ascontiguousarray(slope[..., i, :])
        out += _enlarged(_held_mean(slope_i), full_guide.shape) * full_guide[..., i : i + 1]
    return out


def smoothed(values: Float32, radius_px: int, edge_stops: float) -> Float32:
    """Return values in stops [h, w] averaged over squares of that radius; steps of more than `edge_stops` are kept."""

    def mean(each: Float32) -> Float32:
        return _mean(each, radius_px, cv2.BORDER_REFLECT)

    centre = np.float32(values.mean())
    values = values - centre
    local = mean(values)
    variance = np.maximum(mean(values * values) - local * local, 0)
    # a = var(I) / (var(I) + eps), b = (1 - a) mean(I): eq. 5 and 6 where the guide is the image itself.
    slope = np.asarray(variance / (variance + np.float32(edge_stops**2)), np.float32)
    return np.asarray(mean(slope) * values + mean(local - slope * local) + centre, np.float32)


def _reflected_mean(values: Float32) -> Float32:
    return _mean(values, _LINES_RADIUS_PX, cv2.BORDER_REFLECT)


def _held_mean(values: Float32) -> Float32:
    return _mean(values, _COLOR_RADIUS_PX, cv2.BORDER_REPLICATE)


def _mean(values: Float32, radius_px: int, border: int) -> Float32:
    side = 2 * radius_px + 1
    # OpenCV drops the axis of a single channel.
    return np.asarray(cv2.blur(values, (side, side), borderType=border), np.float32).reshape(values.shape)


def _enlarged(image: Float32, shape: tuple[int, ...]) -> Float32:
    return np.asarray(cv2.resize(image, shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
