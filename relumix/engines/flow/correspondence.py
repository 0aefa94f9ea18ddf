"""Where each pixel of a frame is in a reference: optical flow, chained, refined and checked both ways.

The solver is DIS (Kroeger, Timofte, Dai, Van Gool: Fast Optical Flow using Dense Inverse Search, ECCV 2016), as OpenCV
has it. It sees log luminance, so that a change of exposure is an offset, which its mean-normalised patches ignore.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.engines.base import BLACK_OFFSET, MID_GREY, Float32, WorkingFrame

Bytes = NDArray[np.uint8]
Pixels = TypeVar("Pixels", Float32, Bytes)

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_DARKEST_STOPS, _BRIGHTEST_STOPS = -6.0, 4.0  # around mid-grey: what the solver's 8 bits span
_SMALLEST_SIDE_PX = 64  # the solver's pyramid needs room; smaller frames are padded
_SLACK_PX, _SLACK_SHARE = 1.0, 0.05  # round trips may miss by this and this share of the motion


@dataclass(frozen=True)
class View:
    """A frame as the solver sees it: log2 luminance in stops around mid-grey, and a digest of the pixels behind it."""

    stops: Float32
    digest: bytes

    @classmethod
    def of(cls, frame: WorkingFrame) -> View:
        """See a frame."""
        luminance = frame.rgb @ LUMA
        digest = blake2b(frame.rgb.tobytes(), digest_size=16).digest()
        return cls(np.log2((luminance + BLACK_OFFSET) / MID_GREY), digest)

    def grey(self, exposure_stops: float) -> Bytes:
        """[h, w] 8 bits, as if exposed `exposure_stops` darker."""
        scale = 255 / (_BRIGHTEST_STOPS - _DARKEST_STOPS)
        levels: Float32 = (self.stops - exposure_stops - _DARKEST_STOPS) * scale + 0.5
        return levels.clip(0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Track:
    """How a frame and a reference correspond.

    there     [h, w, 2] float32, px, (x, y): pixel p of the frame is at p + there[p] in the reference.
    back      [h, w, 2] float32, px: pixel p of the reference is at p + back[p] in the frame.
    exposure  stops by which the frame is brighter than the reference.
    """

    there: Float32
    back: Float32
    exposure: float


def sample(image: Float32, flow: Float32) -> Float32:
    """image at p + flow[p], bilinear, edges held. [h, w] or [h, w, c <= 4]; exact where flow is 0."""
    where = flow + _grid(*flow.shape[:2])
    sampled = cv2.remap(image, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cast(Float32, sampled)


def round_trip(track: Track) -> Float32:
    """[h, w] in 0..1: how far going to the reference and back ends where it began; 0 for what leaves the picture."""
    height, width = track.there.shape[:2]
    where = track.there + _grid(height, width)
    inside = ((where >= -0.5) & (where <= (width - 0.5, height - 0.5))).all(-1)
    miss = np.square(track.there + sample(track.back, track.there)).sum(-1)
    slack = _SLACK_PX + _SLACK_SHARE * np.sqrt(np.square(track.there).sum(-1))
    return np.where(inside, np.exp(-miss / np.square(slack)), 0).astype(np.float32)


def start(view: View) -> Track:
    """A reference's correspondence with itself."""
    still = np.zeros((*view.stops.shape, 2), np.float32)
    return Track(still, still, 0.0)


def follow(track: Track, reference: View, last: View, now: View) -> Track:
    """The track of `now`, given that of `last`: last's, moved on by one step, is where a direct solve begins."""
    if now.digest == reference.digest:
        return start(reference)
    if now.digest == last.digest:
        return track
    step = _solve(now.grey(0), last.grey(0), None)
    unstep = _solve(last.grey(0), now.grey(0), None)
    exposure = track.exposure + float(np.median((now.stops - sample(last.stops, step))[::4, ::4]))
    there, back = step + sample(track.there, step), track.back + sample(unstep, track.back)
    seen, kept = now.grey(exposure), reference.grey(0)
    return Track(_solve(seen, kept, there), _solve(kept, seen, back), exposure)


def follow_all(track: Track, reference: View, last: View, views: Sequence[View]) -> Iterator[Track]:
    """One track for each view, each followed from the one before."""
    for view in views:
        track = follow(track, reference, last, view)
        last = view
        yield track


def _grid(height: int, width: int) -> Float32:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x, y], -1)


def _solve(here: Bytes, there: Bytes, guess: Float32 | None) -> Float32:
    """[h, w, 2] px from here to there."""
    height, width = here.shape
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    begin = np.zeros((height, width, 2), np.float32) if guess is None else guess
    flow = cast(Float32, solver.calc(_roomy(here), _roomy(there), _roomy(begin)))
    return np.ascontiguousarray(flow[:height, :width])


def _roomy(image: Pixels) -> Pixels:
    """A copy that is large enough for the solver: edges repeated below and at the right."""
    height, width = image.shape[:2]
    below, right = max(0, _SMALLEST_SIDE_PX - height), max(0, _SMALLEST_SIDE_PX - width)
    return cast(Pixels, cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE))
