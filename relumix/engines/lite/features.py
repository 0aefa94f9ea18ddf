"""The network's input features, for inference and training alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from relumix.engines.tracking.correspondence import Track, squared_length, warp
from relumix.engines.tracking.log_frame import LogFrame, darker
from relumix.engines.tracking.motion_averaging import WeightedGain
from relumix.engines.tracking.reference_light import ReferenceLight, TrackedGain
from relumix.gain.proxy import ProxyReference
from relumix.types import Float16, Float32

NET_EDGE_PX = 384
"""Long edge of the network's input."""

MATCH_EDGE_PX = 224
"""Long edge of the picture that is matched: larger than the flow engine's, since the network relies on it."""

FRAME_PLANES = 23
REFERENCE_PLANES = 7
PLATE, CARRIED, MATCHED, PLACE, AVERAGED = slice(0, 3), slice(3, 6), slice(6, 9), slice(17, 19), slice(19, 22)
"""Slices of a frame's planes (see `frame_features`, `averaged_features`); PLATE holds for a reference's too."""

_CLIP = 4.0  # stops, or units of spread: outliers must not dominate the network's input
_LEAST_SPREAD_STOPS = 0.05  # a smaller spread is noise, which dividing by it would amplify


@dataclass(frozen=True)
class SpreadLight:
    """A reference's light, and its spread: the root mean square of its local gain.

    In units of the spread weak and strong light look alike to the network, so that it need not learn both.
    """

    light: ReferenceLight
    spread_stops: float

    @classmethod
    def of(cls, reference: ProxyReference, match_edge_px: int = MATCH_EDGE_PX) -> SpreadLight:
        """Make it from a reference. match_edge_px: long edge of the picture in which appearance is matched."""
        light = ReferenceLight.of(reference, match_edge_px)
        trusted = light.trusted > 0.5
        spread = float(np.sqrt(np.square(light.local_stops[trusted]).mean())) if trusted.any() else 0.0
        return cls(light, spread)

    def in_spreads(self, local_stops: Float32) -> Float32:
        """Return a local gain in units of the spread, clipped."""
        return np.clip(local_stops * np.float32(1 / max(self.spread_stops, _LEAST_SPREAD_STOPS)), -_CLIP, _CLIP)


def frame_features(
    reference: SpreadLight, frame: LogFrame, track: Track, carried: TrackedGain, matched: Float32, size: tuple[int, int]
) -> Float16:
    """Return [19, h, w] at `size` (width, height): the features of a frame by itself.

    0-2 log2 of the frame at the reference's exposure; 3-5 the carried and 6-8 the matched gain, in units of spread;
    9 the carried gain's confidence; 10 the flow's forward-backward consistency; 11-13 the reference's plate, carried,
    less the frame, in stops; 14 whether the plate is known; 15 how far it moved, in long edges; 16 log2 of the spread;
    17-18 where in the reference the flow expects it, (x, y) in long edges from the middle.
    """
    # At the reference's exposure: a change of the camera's exposure is no change of light.
    own = darker(frame.log_rgb, track.exposure_stops)
    difference = warp(reference.light.log_frame.log_rgb, track.forward) - own
    moved = track.forward / np.float32(max(track.forward.shape[:2]))
    planes: list[Float32] = [
        own * np.float32(0.5),
        reference.in_spreads(carried.local_stops),
        reference.in_spreads(matched),
        *(carried.confidence, track.consistency, np.clip(difference, -_CLIP, _CLIP), frame.known),
        np.sqrt(squared_length(moved)).astype(np.float32),
        np.full(own.shape[:2], np.log2(max(reference.spread_stops, _LEAST_SPREAD_STOPS)), np.float32),
        moved + _places(*own.shape[:2]),
    ]
    return planar([shrink(plane, size) for plane in planes])


def averaged_features(reference: SpreadLight, gain: WeightedGain, size: tuple[int, int]) -> Float16:
    """Return [4, h, w]: 0-2 the gain averaged along the motion, in units of spread; 3 log2 of its weight."""
    local = gain.gain_stops - reference.light.median_gain
    return planar([shrink(plane, size) for plane in (reference.in_spreads(local), np.log2(gain.weight))])


def reference_features(reference: SpreadLight, size: tuple[int, int]) -> Float16:
    """Return [REFERENCE_PLANES, h, w]: 0-2 log2 of its plate; 3-5 its gain, in spreads; 6 where that is known."""
    light = reference.light
    planes = (
        light.log_frame.log_rgb * np.float32(0.5),
        reference.in_spreads(light.local_stops) * light.trusted[..., None],
        light.trusted,
    )
    return planar([shrink(plane, size) for plane in planes])


def shrink(image: Float32, size: tuple[int, int]) -> Float32:
    """Area-average to `size` (width, height)."""
    if image.shape[1::-1] == size:
        return image
    return cast(Float32, cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def planar(planes: Sequence[Float32]) -> Float16:
    """Return [c, h, w] float16 from [h, w] and [h, w, c] pictures.

    Half precision, since training stores its examples so: inference must see the same rounding.
    """
    stacked = np.concatenate([plane if plane.ndim == 3 else plane[..., None] for plane in planes], -1)
    return np.ascontiguousarray(stacked.transpose(2, 0, 1), np.float16)


def _places(height: int, width: int) -> Float32:
    """[h, w, 2]: each pixel's place, (x, y) in long edges from the middle."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    middle = np.array([(width - 1) / 2, (height - 1) / 2], np.float32)
    return (np.stack([x, y], -1) - middle) / np.float32(max(height, width))
