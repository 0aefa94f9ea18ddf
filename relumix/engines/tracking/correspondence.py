"""Where each pixel of a frame is in a reference: optical flow, chained, refined and checked both ways.

The solver is DIS (Kroeger, Timofte, Dai, Van Gool: Fast Optical Flow using Dense Inverse Search, ECCV 2016), in
OpenCV's implementation. It sees log luminance, where a change of exposure is an offset, which is measured and removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

import cv2
import numpy as np

from relumix.engines.tracking.log_frame import LogFrame, darker
from relumix.types import Float32, UInt8

_Pixels = TypeVar("_Pixels", Float32, UInt8)

_SMALLEST_SIDE_PX = 64  # the solver's pyramid needs room; smaller frames are padded
_SLACK_PX, _SLACK_SHARE = 1.0, 0.05  # tolerated round-trip error: fixed, plus this share of the flow's length
_CHANGE_STOPS = 0.25  # a surface whose plate changed by this much is probably another, or lit otherwise
_STATIC_SHARE = 1 / 1280  # of the long edge: half a pixel at 640


@dataclass(frozen=True)
class Track:
    """The correspondence of a frame and another one, mostly a reference.

    forward         [h, w, 2] float32, px, (x, y): pixel p of the frame is at p + forward[p] in the other.
    backward        [h, w, 2] float32, px: pixel p of the other is at p + backward[p] in the frame.
    exposure_stops  how much brighter the frame is than the other.
    """

    forward: Float32
    backward: Float32
    exposure_stops: float

    def reversed(self) -> Track:
        """Return the same, from the other to the frame."""
        return Track(self.backward, self.forward, -self.exposure_stops)

    @cached_property
    def consistency(self) -> Float32:
        """[h, w] in 0..1: forward-backward consistency; 0 where the flow leaves the picture.

        It is exp(-|F(p) + B(p + F(p))|² / slack²): how close a round trip ends to its start. The slack
        grows with the flow, as in Sundaram, Brox, Keutzer: Dense Point Trajectories by GPU-accelerated Large
        Displacement Optical Flow, ECCV 2010, which has a hard threshold instead.
        """
        inside = beyond_edges(self.forward) <= 0.5
        error = squared_length(self.forward + warp(self.backward, self.forward))
        slack = _SLACK_PX + _SLACK_SHARE * np.sqrt(squared_length(self.forward))
        return np.where(inside, np.exp(-error / np.square(slack)), 0).astype(np.float32)

    @cached_property
    def static_share(self) -> float:
        """The share of the picture that is visible in both and has not moved: near 1 for a locked-off camera."""
        height, width = self.forward.shape[:2]
        reach = max(height, width) * _STATIC_SHARE
        return float((self.consistency * (squared_length(self.forward) < reach**2)).mean())

    def similarity(self, frame: LogFrame, other: LogFrame) -> Float32:
        """[h, w] in 0..1: how similar the patches are that this track joins; 1 where equal.

        Flow can be consistent but wrong, where a surface is hidden by another of the same motion, or its light changed.
        """
        patches = darker(frame.patches, self.exposure_stops)
        difference = squared_length(patches - warp(other.patches, self.forward))
        # A normal density over the difference: a mean of three channels, each with a deviation of _CHANGE_STOPS.
        return cast(Float32, np.exp(difference * np.float32(-0.5 / 3 / _CHANGE_STOPS**2)))


def beyond_edges(flow: Float32) -> Float32:
    """Return [h, w] px: how far p + flow[p] lies outside the picture, beyond the centres of its outermost pixels."""
    height, width = flow.shape[:2]
    away = np.abs(flow + (_grid(height, width) - _middle(height, width))) - _middle(height, width)
    return cast(Float32, np.maximum(away.max(-1), 0))


def squared_length(vectors: Float32) -> Float32:
    """[h, w] from [h, w, c]: the sum of squares. numpy's own sum takes ten times as long over so short an axis."""
    return cast(Float32, np.einsum("...c,...c->...", vectors, vectors))


def warp(image: Float32, flow: Float32) -> Float32:
    """Return image at p + flow[p], bilinear, edges held. [h, w] or [h, w, c <= 4]; exact where flow is 0."""
    where = flow + _grid(*flow.shape[:2])
    warped = cv2.remap(image, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cast(Float32, warped)


def identity_track(frame: LogFrame) -> Track:
    """Return a frame's correspondence with itself."""
    still = np.zeros((*frame.log_luma.shape, 2), np.float32)
    return Track(still, still, 0.0)


def track_neighbour(frame: LogFrame, neighbour: LogFrame) -> Track:
    """Return a frame's correspondence with a neighbour, solved without an initial guess."""
    if frame.digest == neighbour.digest:
        return identity_track(frame)
    here, there, shape = frame.grey(0), neighbour.grey(0), frame.log_luma.shape
    forward, backward = _solve(here, there, shape), _solve(there, here, shape)
    # Every 16th pixel is plenty for a median.
    change = (frame.log_luma - warp(neighbour.log_luma, forward))[::4, ::4]
    return Track(forward, backward, float(np.median(change)))


def extend_track(step: Track, track: Track, frame: LogFrame, reference: LogFrame) -> Track:
    """Return the track of `frame` to a reference, given its step to a neighbour and the neighbour's track.

    A direct solve starts from the two chained: it can follow far, and errors do not add up.
    """
    if frame.digest == reference.digest:
        return identity_track(frame)
    # F(p) = S(p) + T(p + S(p)), and likewise backward.
    forward = step.forward + warp(track.forward, step.forward)
    backward = track.backward + warp(step.backward, track.backward)
    exposure = step.exposure_stops + track.exposure_stops
    here, there, shape = frame.grey(exposure), reference.grey(0), frame.log_luma.shape
    return Track(_solve(here, there, shape, forward), _solve(there, here, shape, backward), exposure)


def _grid(height: int, width: int) -> Float32:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x, y], -1)


def _middle(height: int, width: int) -> Float32:
    return np.array([(width - 1) / 2, (height - 1) / 2], np.float32)


def _solve(here: UInt8, there: UInt8, shape: tuple[int, ...], guess: Float32 | None = None) -> Float32:
    """[h, w, 2] px of `shape` from here to there; solved at the finest scale if there is a guess to start from."""
    height, width = here.shape
    # A new solver each time: it keeps buffers, so threads cannot share one.
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    begin: Float32 = np.zeros((height, width, 2), np.float32)
    if guess is not None:
        begin = _resized(guess, here.shape)
        # The preset stops at half size, too coarse for the little that a chain drifts. With a guess the rest is cheap.
        solver.setFinestScale(0)
    flow = cast(Float32, solver.calc(_padded(here), _padded(there), _padded(begin)))
    return _resized(np.ascontiguousarray(flow[:height, :width]), shape)


def _resized(flow: Float32, shape: tuple[int, ...]) -> Float32:
    """Return a flow at another size, its vectors in pixels of that size."""
    height, width = shape
    if flow.shape[:2] == (height, width):
        return flow
    scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    interpolation = cv2.INTER_AREA if width < flow.shape[1] else cv2.INTER_LINEAR
    return cast(Float32, cv2.resize(flow, (width, height), interpolation=interpolation)) * scale


def _padded(image: _Pixels) -> _Pixels:
    """Return a copy large enough for the solver: edges repeated at the bottom and right."""
    height, width = image.shape[:2]
    below, right = max(0, _SMALLEST_SIDE_PX - height), max(0, _SMALLEST_SIDE_PX - width)
    return cast(_Pixels, cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE))
