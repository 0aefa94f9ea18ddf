"""Which points see which lights: looked for sparsely, and in full only where a shadow begins or ends."""

from __future__ import annotations

import enum

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.reference.lights.emitters import Emitter
from relumix.reference.lights.shadows import DepthScreen
from relumix.reference.lights.threads import Places, in_pieces
from relumix.types import Float32

Mask = NDArray[np.bool_]

_PROBE_STEP_PX = 2
_PROBE_AROUND_PX = 7


class Seen(enum.IntEnum):
    """How much of a light a point sees."""

    NOTHING = 0
    ALL = 1
    PART = 2


class Visibility:
    """The points of a picture and what is between them and lights."""

    def __init__(self, screen: DepthScreen, points: Float32, normals: Float32, place: Places) -> None:
        """Keep points and their normals [n, 3]; place [n]: which pixels they are, counted row by row."""
        self._screen, self._points, self._normals, self._place = screen, points, normals, place

    def seen(self, emitter: Emitter) -> NDArray[np.int8]:
        """Return what of a light points see, [n], as numbers of Seen.

        The middle and the rim of the light are looked for from every second pixel. Where all around agree, so do all.
        """
        height, width = self._screen.inverse.shape
        row, column = np.divmod(self._place, width)
        probed = np.flatnonzero((row % _PROBE_STEP_PX == 0) & (column % _PROBE_STEP_PX == 0))
        lit, dark = (np.zeros((height, width), np.uint8) for _ in range(2))
        for at, (open_way, blocked) in in_pieces(probed, lambda at: self._probe(emitter, at)):
            lit.ravel()[self._place[at[open_way]]] = 1
            dark.ravel()[self._place[at[blocked]]] = 1
        around = np.ones((_PROBE_AROUND_PX, _PROBE_AROUND_PX), np.uint8)
        some_lit, some_dark = (cv2.dilate(each, around).ravel()[self._place] > 0 for each in (lit, dark))
        return np.where(some_lit == some_dark, Seen.PART, np.where(some_lit, Seen.ALL, Seen.NOTHING)).astype(np.int8)

    def hidden(self, emitter: Emitter, chosen: Places) -> Mask:
        """Return which of the patches of a light some points do not see, [patches, len(chosen)]."""
        out = np.zeros((emitter.count, len(chosen)), np.bool_)

        def trace(at: Places) -> Mask:
            patch, number = np.divmod(at, max(len(chosen), 1))
            blocked = np.zeros(len(at), np.bool_)
            for each in np.unique(patch):
                mine = np.flatnonzero(patch == each)
                blocked[mine] = self._blocked(emitter, int(each), chosen[number[mine]])[0]
            return blocked

        for at, blocked in in_pieces(np.arange(out.size), trace):
            out.ravel()[at] = blocked
        return out

    def _probe(self, emitter: Emitter, chosen: Places) -> tuple[Mask, Mask]:
        """Return which of some points see a probed patch, and which have one hidden from them."""
        lit, dark = (np.zeros(len(chosen), np.bool_) for _ in range(2))
        for patch in emitter.probes:
            blocked, facing = self._blocked(emitter, patch, chosen)
            lit |= facing & ~blocked
            dark |= blocked
        return lit, dark

    def _blocked(self, emitter: Emitter, patch: int, chosen: Places) -> tuple[Mask, Mask]:
        """Return from which of some points a patch is hidden that they face, and which face it."""
        arriving = emitter.arriving(self._points[chosen], patch)
        facing = (np.einsum("ni,ni->n", self._normals[chosen], arriving.way) > 0) & (arriving.irradiance > 0)
        ask = np.flatnonzero(facing)
        blocked = np.zeros(len(chosen), np.bool_)
        blocked[ask] = self._screen.hidden(self._points[chosen[ask]], arriving.target[ask])
        return blocked, facing
