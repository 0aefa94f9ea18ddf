"""What the network is shown. Made here for work and for training alike, so that both see the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from relumix.engines.base import Float32, WorkingReference
from relumix.engines.flow.appearance import Bank, match
from relumix.engines.flow.correspondence import Track, View, sample, squared_length

FRAME_PLANES = 17
REFERENCE_PLANES = 7

_CLIP = 4.0  # stops, and units of spread, beyond which a clue says nothing more
_LEAST_SPREAD_STOPS = 0.05  # what is less is noise, and would be all that is seen if it were scaled up


@dataclass(frozen=True)
class Light:
    """A reference's light, as it is looked up.

    level   [3] its median stops; local [h, w, 3] what is left.
    trusted [h, w] in 0..1 where that is known; bank: the same to be matched by appearance.
    spread  stops: how far local strays from 0 (root mean square).
    """

    view: View
    level: Float32
    local: Float32
    trusted: Float32
    spread: float
    bank: Bank

    @classmethod
    def of(cls, reference: WorkingReference, view: View, edge_px: int) -> Light:
        """Look at a reference; edge_px: the long edge of the picture in which appearance is matched."""
        trusted = reference.lit * reference.known
        known = trusted > 0.5
        level = np.zeros(3, np.float32)
        if known.any():
            level = np.median(reference.stops[known], axis=0).astype(np.float32)
        local = reference.stops - level
        spread = float(np.sqrt(np.square(local[known]).mean())) if known.any() else 0.0
        return cls(view, level, local, trusted, spread, Bank.of(view, local, trusted, edge_px))


@dataclass(frozen=True)
class Candidates:
    """What is known, without learning, of a reference's light on a frame; at the frame's size, in stops.

    carried  [h, w, 3] local gain along the flow; matched [h, w, 3] local gain by appearance.
    sure     [h, w] in 0..1: how far the carried gain is to be believed.
    """

    carried: Float32
    matched: Float32
    sure: Float32


def candidates(light: Light, view: View, track: Track) -> Candidates:
    """Carry and match a reference's light to a frame whose track to it is given."""
    weight = sample(light.trusted, track.there)
    local = sample(light.local * light.trusted[..., None], track.there)
    carried: Float32 = local / np.maximum(weight, np.float32(1e-6))[..., None]
    sure = track.seen * track.alike(view, light.view) * weight * view.known
    return Candidates(carried, match(light.bank, view, track), sure)


def frame_clues(light: Light, view: View, track: Track, found: Candidates, size: tuple[int, int]) -> Float32:
    """[FRAME_PLANES, h, w] float32 at `size` (width, height): what is known of a frame.

    0-2 log2 of the frame at the reference's exposure; 3-5 the carried and 6-8 the matched gain, in units of spread;
    9 how sure the carried gain is; 10 whether the flow finds its way back; 11-13 the reference's plate, carried, less
    the frame, in stops; 14 whether the plate is known; 15 how far it moved, in long edges; 16 log2 of the spread.
    """
    scale = np.float32(1 / max(light.spread, _LEAST_SPREAD_STOPS))
    own: Float32 = view.log_rgb - np.float32(track.exposure)
    miss = sample(light.view.log_rgb, track.there) - own
    moved = np.sqrt(squared_length(track.there)) / np.float32(max(track.there.shape[:2]))
    planes: list[Float32] = [
        *(own / 2, np.clip(found.carried * scale, -_CLIP, _CLIP), np.clip(found.matched * scale, -_CLIP, _CLIP)),
        *(found.sure, track.seen, np.clip(miss, -_CLIP, _CLIP), view.known, moved.astype(np.float32)),
    ]
    small = [shrink(plane, size) for plane in planes]
    small.append(np.full(small[0].shape[:2], np.log2(max(light.spread, _LEAST_SPREAD_STOPS)), np.float32))
    return planar(small)


def reference_clues(light: Light, size: tuple[int, int]) -> Float32:
    """[REFERENCE_PLANES, h, w]: 0-2 log2 of its plate; 3-5 its gain, in units of spread; 6 where that is known."""
    scale = np.float32(1 / max(light.spread, _LEAST_SPREAD_STOPS))
    local = np.clip(light.local * scale, -_CLIP, _CLIP) * light.trusted[..., None]
    return planar([shrink(plane, size) for plane in (light.view.log_rgb / 2, local, light.trusted)])


def place(track: Track, size: tuple[int, int]) -> Float32:
    """[2, h, w]: where in the reference each pixel is expected, (x, y) in long edges from the middle."""
    height, width = track.there.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    middle = np.array([(width - 1) / 2, (height - 1) / 2], np.float32)
    where = (np.stack([x, y], -1) - middle + track.there) / np.float32(max(height, width))
    return planar([shrink(where, size)])


def shrink(image: Float32, size: tuple[int, int]) -> Float32:
    """Area-average to `size` (width, height)."""
    if image.shape[1::-1] == size:
        return image
    return cast(Float32, cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def planar(planes: list[Float32]) -> Float32:
    """[c, h, w] from [h, w] and [h, w, c] pictures."""
    stacked = np.concatenate([plane if plane.ndim == 3 else plane[..., None] for plane in planes], -1)
    return np.ascontiguousarray(stacked.transpose(2, 0, 1), np.float32)
