"""What the network is shown. Made here for work and for training alike, so that both see the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from relumix.engines.base import Float32, WorkingReference
from relumix.engines.flow.correspondence import Track, View, sample, squared_length
from relumix.engines.flow.proposals import Proposals, ReferenceLight

NET_EDGE_PX = 384
"""Long edge of what the network sees."""

MATCH_SHARE = 176 / NET_EDGE_PX
"""Of that edge: the long edge of the picture in which appearance is matched."""

FRAME_PLANES = 17
REFERENCE_PLANES = 7

_CLIP = 4.0  # stops, and units of spread, beyond which a clue says nothing more
_LEAST_SPREAD_STOPS = 0.05  # what is less is noise, and would be all that is seen if it were scaled up


@dataclass(frozen=True)
class Known:
    """A reference's light, and how far its local gain strays from 0 (root mean square, in stops)."""

    light: ReferenceLight
    spread: float

    @classmethod
    def of(cls, reference: WorkingReference, view: View, size: tuple[int, int]) -> Known:
        """Look at a reference that the network sees at `size` (width, height)."""
        light = ReferenceLight.of(reference, view, round(MATCH_SHARE * max(size)))
        trusted = light.trusted > 0.5
        return cls(light, float(np.sqrt(np.square(light.local[trusted]).mean())) if trusted.any() else 0.0)


def frame_clues(known: Known, view: View, track: Track, found: Proposals, size: tuple[int, int]) -> Float32:
    """[FRAME_PLANES, h, w] float32 at `size` (width, height): what is known of a frame.

    0-2 log2 of the frame at the reference's exposure; 3-5 the carried and 6-8 the matched gain, in units of spread;
    9 how sure the carried gain is; 10 whether the flow finds its way back; 11-13 the reference's plate, carried, less
    the frame, in stops; 14 whether the plate is known; 15 how far it moved, in long edges; 16 log2 of the spread.
    """
    scale = np.float32(1 / max(known.spread, _LEAST_SPREAD_STOPS))
    own: Float32 = view.log_rgb - np.float32(track.exposure)
    miss = sample(known.light.view.log_rgb, track.there) - own
    moved = np.sqrt(squared_length(track.there)) / np.float32(max(track.there.shape[:2]))
    planes: list[Float32] = [
        *(
            own * np.float32(0.5),
            np.clip(found.carried * scale, -_CLIP, _CLIP),
            np.clip(found.matched * scale, -_CLIP, _CLIP),
        ),
        *(found.sure, track.seen, np.clip(miss, -_CLIP, _CLIP), view.known, moved.astype(np.float32)),
    ]
    small = [shrink(plane, size) for plane in planes]
    small.append(np.full(small[0].shape[:2], np.log2(max(known.spread, _LEAST_SPREAD_STOPS)), np.float32))
    return planar(small)


def reference_clues(known: Known, size: tuple[int, int]) -> Float32:
    """[REFERENCE_PLANES, h, w]: 0-2 log2 of its plate; 3-5 its gain, in units of spread; 6 where that is known."""
    scale = np.float32(1 / max(known.spread, _LEAST_SPREAD_STOPS))
    local = np.clip(known.light.local * scale, -_CLIP, _CLIP) * known.light.trusted[..., None]
    return planar(
        [shrink(plane, size) for plane in (known.light.view.log_rgb * np.float32(0.5), local, known.light.trusted)]
    )


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
