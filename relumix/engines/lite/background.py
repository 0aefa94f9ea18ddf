"""How the picture moves because the camera does: what stands still in the world lies along it, what moves does not."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from relumix.engines.base import Float32
from relumix.engines.flow.correspondence import Track

_EVERY_PX = 8
_LEAST_POINTS = 24
_SEEN = 0.5
_MISS_SHARE = 1 / 256  # of the long edge: what misses by more moves by itself, or lies at another depth


def background(track: Track) -> Float32:
    """[h, w, 2] px, (x, y): where each pixel of a frame would be in the other if nothing but the camera had moved.

    The homography that most of what the track is sure of agrees with (RANSAC: Fischler, Bolles 1981): exact for a
    camera that stands or only turns, and near what most of the picture does for one that travels. Where too little
    was seen to tell, nothing has moved.
    """
    height, width = track.there.shape[:2]
    half = _EVERY_PX // 2
    sure = track.seen[half::_EVERY_PX, half::_EVERY_PX] > _SEEN
    y, x = (_EVERY_PX * place.astype(np.float32) + half for place in np.nonzero(sure))
    here = np.stack([x, y], -1)
    if len(here) < _LEAST_POINTS:
        return np.zeros((height, width, 2), np.float32)
    there = here + track.there[half::_EVERY_PX, half::_EVERY_PX][sure]
    found, _ = cv2.findHomography(here, there, cv2.RANSAC, max(1.0, _MISS_SHARE * max(height, width)))
    if np.shape(found) != (3, 3):
        return np.zeros((height, width, 2), np.float32)
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
    moved = cv2.perspectiveTransform(grid.reshape(-1, 1, 2), found).reshape(height, width, 2) - grid
    return cast(Float32, np.nan_to_num(moved).clip(-max(height, width), max(height, width)))
