"""What the network is shown. Made here for work and for training alike, so that both see the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.engines.tracking.candidates import Proposals, ReferenceLight
from relumix.engines.tracking.correspondence import Track, View, sample, squared_length
from relumix.engines.tracking.motion_averaging import Light
from relumix.gain.proxy import ProxyReference
from relumix.types import Float32

NET_EDGE_PX = 384
"""Long edge of what the network sees."""

MATCH_EDGE_PX = 224
"""Long edge of the picture in which appearance is matched: more than the flow engine's, since much hangs on it."""

FRAME_PLANES = 23
REFERENCE_PLANES = 7
LOOK, CARRIED, MATCHED, PLACE, STEADY = slice(0, 3), slice(3, 6), slice(6, 9), slice(17, 19), slice(19, 22)
"""Which of a frame's planes are what (see `frame_clues`, `steady_clues`); LOOK holds for a reference's too."""

Halves = NDArray[np.float16]

_CLIP = 4.0  # stops, and units of spread, beyond which a clue says nothing more
_LEAST_SPREAD_STOPS = 0.05  # what is less is noise, and would be all that is seen if it were scaled up


@dataclass(frozen=True)
class Known:
    """A reference's light, and how far its local gain strays from 0 (root mean square, in stops)."""

    light: ReferenceLight
    spread: float

    @classmethod
    def of(cls, reference: ProxyReference, view: View, match_edge_px: int = MATCH_EDGE_PX) -> Known:
        """Look at a reference. match_edge_px: long edge of the picture in which appearance is matched."""
        light = ReferenceLight.of(reference, view, match_edge_px)
        trusted = light.trusted > 0.5
        return cls(light, float(np.sqrt(np.square(light.local[trusted]).mean())) if trusted.any() else 0.0)

    def in_spreads(self, local: Float32) -> Float32:
        """A local gain in units of the spread, what is far out cut off."""
        return np.clip(local * np.float32(1 / max(self.spread, _LEAST_SPREAD_STOPS)), -_CLIP, _CLIP)


def frame_clues(known: Known, view: View, track: Track, found: Proposals, size: tuple[int, int]) -> Halves:
    """[19, h, w] at `size` (width, height): what is known of a frame by itself.

    0-2 log2 of the frame at the reference's exposure; 3-5 the carried and 6-8 the matched gain, in units of spread;
    9 how sure the carried gain is; 10 whether the flow finds its way back; 11-13 the reference's plate, carried, less
    the frame, in stops; 14 whether the plate is known; 15 how far it moved, in long edges; 16 log2 of the spread; 17-18
    where in the reference the flow expects it, (x, y) in long edges from the middle.
    """
    own: Float32 = view.log_rgb - np.float32(track.exposure)
    miss = sample(known.light.view.log_rgb, track.there) - own
    moved = track.there / np.float32(max(track.there.shape[:2]))
    planes: list[Float32] = [
        own * np.float32(0.5),
        known.in_spreads(found.carried),
        known.in_spreads(found.matched),
        *(found.sure, track.seen, np.clip(miss, -_CLIP, _CLIP), view.known),
        np.sqrt(squared_length(moved)).astype(np.float32),
        np.full(own.shape[:2], np.log2(max(known.spread, _LEAST_SPREAD_STOPS)), np.float32),
        moved + _places(*own.shape[:2]),
    ]
    return planar([shrink(plane, size) for plane in planes])


def steady_clues(known: Known, light: Light, size: tuple[int, int]) -> Halves:
    """[4, h, w]: 0-2 the light that was averaged along the motion, in units of spread; 3 log2 of how much it counts."""
    stops, counts = light
    planes = known.in_spreads(stops - known.light.level), np.log2(counts)
    return planar([shrink(plane, size) for plane in planes])


def reference_clues(known: Known, size: tuple[int, int]) -> Halves:
    """[REFERENCE_PLANES, h, w]: 0-2 log2 of its plate; 3-5 its gain, in units of spread; 6 where that is known."""
    light = known.light
    planes = (
        light.view.log_rgb * np.float32(0.5),
        known.in_spreads(light.local) * light.trusted[..., None],
        light.trusted,
    )
    return planar([shrink(plane, size) for plane in planes])


def _places(height: int, width: int) -> Float32:
    """[h, w, 2]: each pixel's place, (x, y) in long edges from the middle."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    middle = np.array([(width - 1) / 2, (height - 1) / 2], np.float32)
    return (np.stack([x, y], -1) - middle) / np.float32(max(height, width))


def shrink(image: Float32, size: tuple[int, int]) -> Float32:
    """Area-average to `size` (width, height)."""
    if image.shape[1::-1] == size:
        return image
    return cast(Float32, cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def planar(planes: Sequence[Float32]) -> Halves:
    """[c, h, w] float16 from [h, w] and [h, w, c] pictures."""
    stacked = np.concatenate([plane if plane.ndim == 3 else plane[..., None] for plane in planes], -1)
    return np.ascontiguousarray(stacked.transpose(2, 0, 1), np.float16)
