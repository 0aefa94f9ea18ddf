"""Light from all around, by a picture of the surroundings: an HDRI as a set of suns that shine as it does.

The picture is cut in two where the light of both halves is equal, again and again (Debevec, "A Median Cut Algorithm for
Light Probe Sampling", 2005): what is bright is cut finely, and a sun in it becomes suns of its own. All of the light
of a piece then comes from its middle. The pieces are of the picture: they turn with it, and do not crawl.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import LUMINANCE
from relumix.types import Float32

Float64 = NDArray[np.float64]

CUTS = 7
"""Times that the picture is cut: 2 to the power of it suns."""

_LARGEST = (1024, 512)


class Piece(NamedTuple):
    """A piece of the surroundings.

    towards     [3] unit vector to its middle.
    irradiance  [3] W/m2 on a surface that faces it.
    radius      half the angle under which it is seen, in radians.
    """

    towards: Float64
    irradiance: Float64
    radius: float


@dataclass(frozen=True)
class Dome:
    """The surroundings as pieces.

    picture  [h, w, 3] float32 radiance, W/(m2 sr): all round (latitude and longitude), up at the top. Its middle is
             ahead, and to the right of it is what is on the right.
    up       [3] unit vector.
    turn     angle in radians by which all is turned to the right.
    """

    picture: Float32
    up: Float64
    turn: float = 0.0

    def pieces(self) -> list[Piece]:
        """Return the pieces, brightest first. Black ones are left out."""
        picture = self._shrunk()
        height, width = picture.shape[:2]
        latitude = math.pi * (0.5 - (np.arange(height) + 0.5) / height)
        longitude = 2 * math.pi * ((np.arange(width) + 0.5) / width - 0.5) + self.turn
        # Exact for a row of pixels: the difference of the sines of its edges.
        edges = np.sin(math.pi * (0.5 - np.arange(height + 1) / height))
        solid = np.broadcast_to(((edges[:-1] - edges[1:]) * 2 * math.pi / width)[:, None], (height, width))
        light = picture * solid[..., None]
        right, ahead = self.axes()
        flat = np.cos(latitude)[:, None, None]
        ways = flat * (np.sin(longitude)[:, None] * right + np.cos(longitude)[:, None] * ahead)
        ways = ways + np.sin(latitude)[:, None, None] * self.up
        found = [_piece(light[cut], solid[cut], ways[cut]) for cut in _cuts(light @ LUMINANCE, latitude)]
        return sorted((piece for piece in found if piece.irradiance.any()), key=lambda piece: -piece.irradiance.sum())

    def axes(self) -> tuple[Float64, Float64]:
        """Return the ways to the right and ahead: x and -z where y is up, x and y where z is."""
        towards = (
            np.array([0.0, 0.0, -1.0]) if abs(self.up[2]) < 0.9 else np.array([0.0, math.copysign(1, self.up[2]), 0])
        )
        ahead = towards - self.up * (towards @ self.up)
        ahead = ahead / np.linalg.norm(ahead)
        return np.cross(ahead, self.up), ahead

    def _shrunk(self) -> Float64:
        height, width = self.picture.shape[:2]
        size = min(width, _LARGEST[0]), min(height, _LARGEST[1])
        if size == (width, height):
            return np.asarray(self.picture, np.float64)
        return np.asarray(cv2.resize(self.picture, size, interpolation=cv2.INTER_AREA), np.float64)


Cut = tuple[slice, slice]


def _cuts(weight: Float64, latitude: Float64) -> Iterator[Cut]:
    """Yield blocks of equal weight of [h, w], as rows and columns."""
    blocks: list[Cut] = [(slice(0, weight.shape[0]), slice(0, weight.shape[1]))]
    for _ in range(CUTS):
        blocks = [half for block in blocks for half in _halves(weight, latitude, block)]
    yield from blocks


def _halves(weight: Float64, latitude: Float64, block: Cut) -> list[Cut]:
    rows, columns = block
    high, wide = rows.stop - rows.start, columns.stop - columns.start
    # A pixel's width on the sphere shrinks towards the poles.
    widest = 2 * wide * len(latitude) / weight.shape[1] * float(np.cos(latitude[rows]).max())
    down = high >= widest
    if max(high, wide) < 2:
        return [block]
    if (high if down else wide) < 2:
        down = not down
    total = np.cumsum(weight[block].sum(1 if down else 0))
    at = int(np.clip(np.searchsorted(total, total[-1] / 2) + 1, 1, len(total) - 1))
    if not down:
        return [(rows, slice(columns.start, columns.start + at)), (rows, slice(columns.start + at, columns.stop))]
    return [(slice(rows.start, rows.start + at), columns), (slice(rows.start + at, rows.stop), columns)]


def _piece(light: Float64, solid: Float64, ways: Float64) -> Piece:
    weight = (light @ LUMINANCE)[..., None]
    middle = (ways * weight).sum((0, 1)) if weight.any() else (ways * solid[..., None]).sum((0, 1))
    length = float(np.linalg.norm(middle))
    towards = middle / length if length > 0 else np.array([0.0, 1.0, 0.0])
    share = min(float(solid.sum()) / (2 * math.pi), 1.0)
    return Piece(towards, light.sum((0, 1)), math.acos(1 - share))
