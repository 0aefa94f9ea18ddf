"""Light from all around, by a picture of the surroundings: an HDRI as a set of suns that shine as it does.

What is small and bright in it, as the sun is, becomes a sun of that size. The rest is cut in two where the light of
both halves is equal, again and again (Debevec, "A Median Cut Algorithm for Light Probe Sampling", 2005), and all of the
light of a piece comes from its middle. Pieces are of the picture: they turn with it, and do not crawl.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import LUMINANCE
from relumix.types import Float32

Float64 = NDArray[np.float64]

CUTS = 6
"""Times that the picture is cut: 2 to the power of it pieces."""

_LARGEST = (1024, 512)

_MOST_SUNS = 4
_SUN_RADIUS = math.radians(3.0)
_SUN_SHARE, _SUN_CONTRAST = 0.02, 20.0
"""A sun is what has so much of all light within its radius, and is so many times as bright there as the mean."""


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
    """The surroundings.

    picture  [h, w, 3] float32 radiance, W/(m2 sr): all round (latitude and longitude), up at the top. Its middle is
             ahead, and to the right of it is what is on the right.
    up       [3] unit vector.
    turn     angle in radians by which all is turned to the right.
    """

    picture: Float32
    up: Float64
    turn: float = 0.0

    @cached_property
    def suns(self) -> list[Piece]:
        """What is small and bright."""
        return self._parted[0]

    @cached_property
    def pieces(self) -> list[Piece]:
        """The rest. Black pieces are left out."""
        light, (solid, ways) = self._parted[1], self._sphere
        latitude = math.pi * (0.5 - (np.arange(len(light)) + 0.5) / len(light))
        found = [_piece(light[cut], solid[cut], ways[cut]) for cut in _cuts(light @ LUMINANCE, latitude)]
        return [piece for piece in found if piece.irradiance.any()]

    def axes(self) -> tuple[Float64, Float64]:
        """Return the ways to the right and ahead: x and -z where y is up, x and y where z is."""
        towards = (
            np.array([0.0, 0.0, -1.0]) if abs(self.up[2]) < 0.9 else np.array([0, math.copysign(1, self.up[2]), 0])
        )
        ahead = towards - self.up * (towards @ self.up)
        ahead = np.asarray(ahead / np.linalg.norm(ahead), np.float64)
        return np.asarray(np.cross(ahead, self.up), np.float64), ahead

    @cached_property
    def _shrunk(self) -> Float64:
        height, width = self.picture.shape[:2]
        size = min(width, _LARGEST[0]), min(height, _LARGEST[1])
        if size == (width, height):
            return np.asarray(self.picture, np.float64)
        return np.asarray(cv2.resize(self.picture, size, interpolation=cv2.INTER_AREA), np.float64)

    @cached_property
    def _sphere(self) -> tuple[Float64, Float64]:
        """The solid angle of each pixel, [h, w], and the way to it, [h, w, 3]."""
        height, width = self._shrunk.shape[:2]
        latitude = math.pi * (0.5 - (np.arange(height) + 0.5) / height)
        longitude = 2 * math.pi * ((np.arange(width) + 0.5) / width - 0.5) + self.turn
        # Exact for a row of pixels: the difference of the sines of its edges.
        edges = np.sin(math.pi * (0.5 - np.arange(height + 1) / height))
        solid = np.broadcast_to(((edges[:-1] - edges[1:]) * 2 * math.pi / width)[:, None], (height, width))
        right, ahead = self.axes()
        flat = np.cos(latitude)[:, None, None]
        ways = flat * (np.sin(longitude)[:, None] * right + np.cos(longitude)[:, None] * ahead)
        return solid, ways + np.sin(latitude)[:, None, None] * self.up

    @cached_property
    def _parted(self) -> tuple[list[Piece], Float64]:
        """The suns, and the light of each pixel without them, [h, w, 3] W/m2."""
        solid, ways = self._sphere
        light = self._shrunk * solid[..., None]
        bright = self._shrunk @ LUMINANCE
        whole = float((light @ LUMINANCE).sum())
        suns: list[Piece] = []
        while whole > 0 and len(suns) < _MOST_SUNS:
            inside = ways @ ways.reshape(-1, 3)[int(np.argmax(bright))] > math.cos(_SUN_RADIUS)
            own = float((light[inside] @ LUMINANCE).sum())
            mean = own / float(solid[inside].sum())
            if own < _SUN_SHARE * whole or mean < _SUN_CONTRAST * whole / (4 * math.pi):
                break
            disc = inside & (bright > bright[inside].max() / 2)
            suns.append(_piece(light[inside][None], solid[disc][None], ways[inside][None]))
            light, bright = np.where(inside[..., None], 0, light), np.where(inside, 0, bright)
        return suns, light


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
    if max(high, wide) < 2:
        return [block]
    # A pixel's width on the sphere shrinks towards the poles; the whole picture is twice as wide as high.
    widest = wide * (2 * len(latitude) / weight.shape[1]) * float(np.cos(latitude[rows]).max())
    down = (high >= widest and high > 1) or wide < 2
    total = np.cumsum(weight[block].sum(1 if down else 0))
    at = int(np.clip(np.searchsorted(total, total[-1] / 2) + 1, 1, len(total) - 1))
    if not down:
        return [(rows, slice(columns.start, columns.start + at)), (rows, slice(columns.start + at, columns.stop))]
    return [(slice(rows.start, rows.start + at), columns), (slice(rows.start + at, rows.stop), columns)]


def _piece(light: Float64, solid: Float64, ways: Float64) -> Piece:
    """Return light [h, w, 3] of some directions as a piece; solid: the angles that say how large it is."""
    middle = (ways * (light @ LUMINANCE)[..., None]).sum((0, 1))
    length = float(np.linalg.norm(middle))
    towards = middle / length if length > 0 else ways[0, 0]
    share = min(float(solid.sum()) / (2 * math.pi), 1.0)
    return Piece(towards, light.sum((0, 1)), math.acos(1 - share))
