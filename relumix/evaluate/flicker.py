"""Flicker of the gain, for results without ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import LUMINANCE
from relumix.gain.log_gain import BLACK_OFFSET, MID_GREY
from relumix.preview.display import UInt8, fit
from relumix.types import Float32

MEASURING_EDGE_PX = 960
"""Long edge, at most, of the size that motion is followed at: finer flicker is grain."""

_SMALLEST_EDGE_PX = 64  # the flow solver's pyramid needs this much; smaller frames are padded
_LEAST_FOLLOWED = 1e-3
_DARKEST_STOPS, _BRIGHTEST_STOPS = -6.0, 4.0  # around mid-grey: what the solver's 8 bits span


class Flicker(NamedTuple):
    """The change of the light from one frame to the next.

    stops     mean absolute change of the gain over the pixels that could be followed; None where too few could.
    followed  share of the frame that could be followed, 0..1.
    map       [h, w] float32: the change of each pixel in stops, mean of the channels; NaN where it was not followed.
    """

    stops: float | None
    followed: float
    map: Float32


@dataclass(frozen=True)
class _Seen:
    gain: Float32
    grey: UInt8
    known: NDArray[np.bool_]


class GainFlicker:
    """Follows each point of the source from frame to frame and measures how its gain changes on the way.

    exposure  factor that brings the source's values to MID_GREY (see auto_exposure).

    The gain is log2 of result over source, both over BLACK_OFFSET and after the grade of the first frame (its median
    gain, a channel) is taken out: a pure grade has flicker 0, and noise in black has next to none. It is carried from
    the frame before along DIS optical flow (Kroeger et al. 2016) of the source. Pixels count where flow there and back
    agree (Sundaram, Brox and Keutzer 2010, eq. 5).

    What rightly changes on a moving surface, a shadow that passes or a highlight that slides, counts too: compare
    results with each other, not with 0.
    """

    def __init__(self, exposure: float) -> None:
        self._exposure = np.float32(exposure)
        self._grade: Float32 | None = None
        self._previous: _Seen | None = None
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def forget(self) -> None:
        """Do not compare the next frame with the last."""
        self._previous = None

    def step(self, result: Float32, source: Float32, known: NDArray[np.bool_]) -> Flicker | None:
        """Take the next frame; return its change against the one before, None for the first.

        result, source  [h, w, 3] float32, scene-linear; known [h, w] bool: where they are finite and there at all.
        """
        now = self._see(result, source, known)
        before, self._previous = self._previous, now
        if before is None:
            return None
        to_before = self._flow(now.grey, before.grey)
        where = to_before + _grid(now.grey.shape)
        back = _sample(self._flow(before.grey, now.grey), where)
        apart = np.square(to_before + back).sum(-1)
        moved = np.square(to_before).sum(-1) + np.square(back).sum(-1)
        height, width = now.grey.shape
        inside = (where >= 0).all(-1) & (where[..., 0] <= width - 1) & (where[..., 1] <= height - 1)
        followed = inside & now.known & (_sample(before.known.astype(np.float32), where) > 0.999)
        followed &= apart < 0.01 * moved + 0.5
        change = np.abs(now.gain - _sample(before.gain, where)).mean(-1)
        share = float(followed.mean())
        stops = float(change[followed].mean()) if share >= _LEAST_FOLLOWED else None
        return Flicker(stops, share, np.where(followed, change, np.float32(np.nan)))

    def _see(self, result: Float32, source: Float32, known: NDArray[np.bool_]) -> _Seen:
        height, width = source.shape[:2]
        scale = min(1.0, MEASURING_EDGE_PX / max(height, width))
        height, width = max(1, round(height * scale)), max(1, round(width * scale))
        inside = known[..., None]
        after = fit(np.where(inside, result, np.float32(0)), width, height) * self._exposure
        before = fit(np.where(inside, source, np.float32(0)), width, height) * self._exposure
        whole = fit(known.astype(np.float32), width, height) > 0.999
        if self._grade is None:
            self._grade = _median_gain(after, before, whole)
        lit, plain = (np.maximum(v, 0) + np.float32(BLACK_OFFSET) for v in (after / self._grade, before))
        return _Seen(np.log2(lit / plain), _log_grey(before), whole)

    def _flow(self, start: UInt8, end: UInt8) -> Float32:
        """Return where each pixel of `start` is in `end`, [h, w, 2] as (x, y) offsets in pixels."""
        height, width = start.shape
        padding = max(0, _SMALLEST_EDGE_PX - height), max(0, _SMALLEST_EDGE_PX - width)
        here, there = (cv2.copyMakeBorder(g, 0, padding[0], 0, padding[1], cv2.BORDER_REPLICATE) for g in (start, end))
        flow = self._dis.calc(here, there, np.zeros((*here.shape, 2), np.float32))
        return np.asarray(flow[:height, :width], np.float32)


def _median_gain(after: Float32, before: Float32, known: NDArray[np.bool_]) -> Float32:
    """Return the median of after over before a channel, [3]; 1 for a channel that is black in either."""
    gain = np.ones(3, np.float32)
    for c in range(3):
        seen = known & (before[..., c] > BLACK_OFFSET) & (after[..., c] > 0)
        if seen.any():
            gain[c] = np.median(after[..., c][seen] / before[..., c][seen])
    return gain


def _log_grey(rgb: Float32) -> UInt8:
    """Return log luminance as 8 bits, [h, w]: a change of exposure is then an offset, which the solver ignores."""
    stops = np.log2((np.maximum(rgb @ LUMINANCE, 0) + BLACK_OFFSET) / MID_GREY)
    codes = (stops - _DARKEST_STOPS) / (_BRIGHTEST_STOPS - _DARKEST_STOPS) * 255
    return np.asarray(np.clip(codes + 0.5, 0, 255), np.uint8)


def _grid(shape: tuple[int, ...]) -> Float32:
    """Return the position (x, y) of every pixel, [h, w, 2]."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.stack([x, y], -1)


def _sample(values: Float32, where: Float32) -> Float32:
    """Return values [h, w] or [h, w, c] interpolated at positions [h, w, 2]."""
    sampled = cv2.remap(values, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.float32)
