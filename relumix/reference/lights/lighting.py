"""The light that a rig adds to a picture: what its lights send, what stops it, and what surfaces make of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relumix.reference.lights.camera import Camera
from relumix.reference.lights.emitters import Emitter
from relumix.reference.lights.gobo import Gobo
from relumix.reference.lights.shadows import DepthScreen
from relumix.reference.lights.surface import Surface
from relumix.reference.lights.threads import Places, in_pieces
from relumix.reference.lights.visibility import Seen, Visibility
from relumix.types import Float32

Mask = NDArray[np.bool_]

REACH = 1e7
"""How far rays to suns are followed, in metres."""


@dataclass(frozen=True)
class Geometry:
    """What a picture shows, in metres.

    position  [h, w, 3] float32.
    normal    [h, w, 3] float32, unit vectors, in the same space.
    albedo    [h, w, 3] float32, 0..1.
    known     [h, w] bool: where there is anything; the rest is sky, and stays as it is.
    camera    that sees it so.
    """

    position: Float32
    normal: Float32
    albedo: Float32
    known: Mask
    camera: Camera


@dataclass(frozen=True)
class Lamp:
    """A light of one colour: color [3] float64 multiplies what the emitter sends; a gobo may be before it."""

    emitter: Emitter
    color: NDArray[np.float64]
    gobo: Gobo | None = None
    shadows: bool = True


class Stage:
    """A picture that light is added to."""

    def __init__(self, geometry: Geometry, surface: Surface, thickness: float, *, beyond: bool = False) -> None:
        """thickness (in metres, the most), beyond: see relumix.reference.lights.shadows."""
        self._shape, self._surface = geometry.known.shape, surface
        self._place = np.flatnonzero(geometry.known)
        self._points, self._normals, self._albedo = (
            each.reshape(-1, 3)[self._place] for each in (geometry.position, geometry.normal, geometry.albedo)
        )
        eyes = geometry.camera.eye.astype(np.float32) - self._points
        self._eyes = eyes / np.maximum(np.sqrt(np.square(eyes).sum(-1, keepdims=True)), np.float32(1e-12))
        depth = geometry.camera.depth(geometry.position)
        screen = DepthScreen.of(geometry.camera, depth, geometry.known, thickness, beyond=beyond)
        self._visibility = Visibility(screen, self._points, self._normals, self._place)
        self._matt = surface.matt(np.clip(np.einsum("ni,ni->n", self._normals, self._eyes), 0, 1))

    def lit(self, lamp: Lamp) -> Float32:
        """Return the radiance that a lamp adds, [h, w, 3] float32."""
        added = np.zeros((self._shape[0] * self._shape[1], 3), np.float32)
        everything = np.full(len(self._place), Seen.ALL, np.int8)
        seen = self._visibility.seen(lamp.emitter) if lamp.shadows else everything
        whole, part = (np.flatnonzero(seen == kind) for kind in (Seen.ALL, Seen.PART))
        for at, light in in_pieces(whole, lambda at: self._radiance(lamp, lamp.emitter.coarse, at)):
            added[self._place[at]] = light
        hidden = self._visibility.hidden(lamp.emitter, part)
        # Which of `part` a piece of it is: pieces are of places.
        number = np.zeros(len(self._place), np.intp)
        number[part] = np.arange(len(part))
        for at, light in in_pieces(part, lambda at: self._radiance(lamp, lamp.emitter, at, hidden[:, number[at]])):
            added[self._place[at]] = light
        with np.errstate(over="ignore"):  # what is beyond float32 is as bright as can be
            return (added * lamp.color.astype(np.float32)).reshape(*self._shape, 3)

    def _radiance(self, lamp: Lamp, emitter: Emitter, at: Places, hidden: Mask | None = None) -> Float32:
        """Return what some points send to the eye, [n, 3], of a light of colour 1.

        hidden  [patches, n] bool: what they do not see of it; None where they see all.
        """
        points, normals = self._points[at], self._normals[at]
        matt, shine = (np.zeros((len(points), 3), np.float32) for _ in range(2))
        for patch in range(emitter.count):
            arriving = emitter.arriving(points, patch)
            cosine = np.einsum("ni,ni->n", normals, arriving.way)
            lit = (cosine > 0) & (arriving.irradiance > 0)
            lit = np.flatnonzero(lit if hidden is None else lit & ~hidden[patch])
            amount = arriving.irradiance[lit, None]
            if lamp.gobo is not None:
                amount = amount * lamp.gobo.passing(points[lit], arriving.target[lit])
            cosine = cosine[lit]
            matt[lit] += amount * (cosine * self._surface.matt(cosine))[:, None]
            if self._surface.specular:
                way, spread = arriving.way[lit], arriving.spread[lit]
                shine[lit] += amount * self._surface.gloss(normals[lit], self._eyes[at[lit]], way, spread)[:, None]
        return matt * (self._albedo[at] * (self._matt[at] / np.float32(np.pi))[:, None]) + shine
