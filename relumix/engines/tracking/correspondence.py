"""Where each pixel of a frame is in a reference: optical flow, chained, refined and checked both ways.

The solver is DIS (Kroeger, Timofte, Dai, Van Gool: Fast Optical Flow using Dense Inverse Search, ECCV 2016), as OpenCV
has it. It sees log luminance, so that a change of exposure is an offset, which is measured and taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.gain.log_gain import BLACK_OFFSET, MID_GREY
from relumix.gain.proxy import ProxyFrame
from relumix.types import Float32

Bytes = NDArray[np.uint8]
Pixels = TypeVar("Pixels", Float32, Bytes)

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_DARKEST_STOPS, _BRIGHTEST_STOPS = -6.0, 4.0  # around mid-grey: what the solver's 8 bits span
SOLVER_EDGE_PX = (
    640  # long edge at which motion is solved: its vectors are finer than pixels, and half the time is here
)
_SMALLEST_SIDE_PX = 64  # the solver's pyramid needs room; smaller frames are padded
_SLACK_PX, _SLACK_SHARE = 1.0, 0.05  # a round trip may miss by this and this share of the way
_PATCH_SIGMA_PX = 1.5
_CHANGE_STOPS = 0.25  # a surface whose plate changed by this much is probably another, or lit otherwise
_STILL_SHARE = 1 / 1280  # of the long edge: half a pixel at 640


@dataclass(frozen=True)
class View:
    """A frame as this engine sees it.

    log_rgb  [h, w, 3] float32, stops around mid-grey; log_luma likewise, [h, w].
    known    [h, w] float32, see WorkingFrame.
    digest   of the pixels: frames with the same digest are the same picture.
    """

    log_rgb: Float32
    log_luma: Float32
    known: Float32
    digest: bytes

    @cached_property
    def solver_luma(self) -> Float32:
        """log_luma at the size that the solver sees."""
        height, width = self.log_luma.shape
        scale = min(1.0, SOLVER_EDGE_PX / max(height, width))
        if scale == 1:
            return self.log_luma
        size = max(1, round(width * scale)), max(1, round(height * scale))
        return cast(Float32, cv2.resize(self.log_luma, size, interpolation=cv2.INTER_AREA))

    @classmethod
    def of(cls, frame: ProxyFrame) -> View:
        """See a frame."""
        log_rgb = np.log2((frame.rgb + BLACK_OFFSET) / MID_GREY)
        log_luma = np.log2((frame.rgb @ _LUMA + BLACK_OFFSET) / MID_GREY)
        digest = blake2b(frame.rgb.tobytes(), digest_size=16, salt=str(frame.rgb.shape[1]).encode()).digest()
        return cls(log_rgb, log_luma, frame.known, digest)

    @cached_property
    def patches(self) -> Float32:
        """[h, w, 3] log_rgb, each pixel the mean of the patch around it: what survives grain."""
        return cast(Float32, cv2.GaussianBlur(self.log_rgb, (0, 0), _PATCH_SIGMA_PX))

    def grey(self, exposure_stops: float) -> Bytes:
        """8 bits at the solver's size, as if exposed `exposure_stops` darker."""
        scale = 255 / (_BRIGHTEST_STOPS - _DARKEST_STOPS)
        levels: Float32 = (self.solver_luma - np.float32(exposure_stops + _DARKEST_STOPS)) * np.float32(scale) + 0.5
        return levels.clip(0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Track:
    """How a frame and another, mostly a reference, correspond.

    there     [h, w, 2] float32, px, (x, y): pixel p of the frame is at p + there[p] in the other.
    back      [h, w, 2] float32, px: pixel p of the other is at p + back[p] in the frame.
    exposure  stops by which the frame is brighter than the other.
    """

    there: Float32
    back: Float32
    exposure: float

    def reversed(self) -> Track:
        """The same, seen from the other."""
        return Track(self.back, self.there, -self.exposure)

    @cached_property
    def seen(self) -> Float32:
        """[h, w] in 0..1: how near going there and back ends to where it began; 0 for what leaves the picture."""
        height, width = self.there.shape[:2]
        where = self.there + _grid(height, width)
        x, y = where[..., 0], where[..., 1]
        inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
        miss = squared_length(self.there + sample(self.back, self.there))
        slack = _SLACK_PX + _SLACK_SHARE * np.sqrt(squared_length(self.there))
        return np.where(inside, np.exp(-miss / np.square(slack)), 0).astype(np.float32)

    @cached_property
    def still_share(self) -> float:
        """The share of the picture that is seen and has not moved: near 1 for a locked-off camera."""
        height, width = self.there.shape[:2]
        reach = max(height, width) * _STILL_SHARE
        return float((self.seen * (squared_length(self.there) < reach**2)).mean())

    def alike(self, here: View, other: View) -> Float32:
        """[h, w] in 0..1: how alike the patches are that this track joins."""
        return alike(here.patches - np.float32(self.exposure), sample(other.patches, self.there))


def alike(patches: Float32, others: Float32) -> Float32:
    """[h, w] in 0..1 from two fields of log2 patches, [h, w, 3]: 1 where they are equal."""
    difference = squared_length(patches - others)
    return cast(Float32, np.exp(difference * np.float32(-0.5 / 3 / _CHANGE_STOPS**2)))


def squared_length(vectors: Float32) -> Float32:
    """[h, w] from [h, w, c]: the sum of squares. numpy's own sum takes ten times as long over so short an axis."""
    return cast(Float32, np.einsum("...c,...c->...", vectors, vectors))


def sample(image: Float32, flow: Float32) -> Float32:
    """image at p + flow[p], bilinear, edges held. [h, w] or [h, w, c <= 4]; exact where flow is 0."""
    where = flow + _grid(*flow.shape[:2])
    sampled = cv2.remap(image, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cast(Float32, sampled)


def stay(view: View) -> Track:
    """A frame's correspondence with itself."""
    still = np.zeros((*view.log_luma.shape, 2), np.float32)
    return Track(still, still, 0.0)


def step(now: View, last: View) -> Track:
    """A frame's correspondence with a neighbour, solved directly."""
    if now.digest == last.digest:
        return stay(now)
    there = _solve(now.grey(0), last.grey(0), now.log_luma.shape)
    back = _solve(last.grey(0), now.grey(0), now.log_luma.shape)
    return Track(there, back, float(np.median((now.log_luma - sample(last.log_luma, there))[::4, ::4])))


def follow(moved: Track, track: Track, now: View, reference: View) -> Track:
    """The track of `now` to a reference, given its step to a neighbour and the neighbour's track.

    The two chained are where a direct solve begins: so it follows far, and does not drift.
    """
    if now.digest == reference.digest:
        return stay(now)
    there = moved.there + sample(track.there, moved.there)
    back = track.back + sample(moved.back, track.back)
    exposure = moved.exposure + track.exposure
    seen, kept = now.grey(exposure), reference.grey(0)
    shape = now.log_luma.shape
    return Track(_solve(seen, kept, shape, there), _solve(kept, seen, shape, back), exposure)


def _grid(height: int, width: int) -> Float32:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x, y], -1)


def _solve(here: Bytes, there: Bytes, shape: tuple[int, ...], guess: Float32 | None = None) -> Float32:
    """[h, w, 2] px of `shape` from here to there; solved to the last pixel where a guess says where to begin."""
    height, width = here.shape
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    begin: Float32 = np.zeros((height, width, 2), np.float32)
    if guess is not None:
        begin = _resized(guess, here.shape)
        solver.setFinestScale(0)
    flow = cast(Float32, solver.calc(_roomy(here), _roomy(there), _roomy(begin)))
    return _resized(np.ascontiguousarray(flow[:height, :width]), shape)


def _resized(flow: Float32, shape: tuple[int, ...]) -> Float32:
    """A flow at another size, its vectors in pixels of that size."""
    height, width = shape
    if flow.shape[:2] == (height, width):
        return flow
    scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    way = cv2.INTER_AREA if width < flow.shape[1] else cv2.INTER_LINEAR
    return cast(Float32, cv2.resize(flow, (width, height), interpolation=way)) * scale


def _roomy(image: Pixels) -> Pixels:
    """A copy that is large enough for the solver: edges repeated below and at the right."""
    height, width = image.shape[:2]
    below, right = max(0, _SMALLEST_SIDE_PX - height), max(0, _SMALLEST_SIDE_PX - width)
    return cast(Pixels, cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE))
