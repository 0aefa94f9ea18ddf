"""Light of a dome: many faint suns, whose shadows are soft and may be found on a smaller picture.

Without shadows the light of all pieces is added up at each point. What part of it the shadows leave is found at every
few pixels, and spread from there along surfaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from relumix.reference.lights.dome import Piece
from relumix.reference.lights.emitters import Sun
from relumix.reference.lights.lighting import REACH, Geometry, Lamp, Stage
from relumix.reference.lights.surface import Surface
from relumix.types import Float32

SMALL_PX = 256
"""Long edge, in pixels, at which shadows of a dome are found."""

_APART_SHARE = 0.02
"""Distance from a point's surface, over its depth, at which another point says little of its light."""

_SMOOTH_PX = 4

_TILTED = 8
"""How much less a point of another tilt counts: the power of the cosine between their normals."""


def lamps_of(pieces: Sequence[Piece], color: NDArray[np.float64], *, shadows: bool) -> list[Lamp]:
    """Return each piece as a lamp of one patch."""
    return [
        Lamp(Sun(piece.towards, 1.0, piece.radius, REACH, patches=1), color * piece.irradiance, None, shadows)
        for piece in pieces
    ]


def lit(stage: Stage, geometry: Geometry, surface: Surface, thickness: float, lamps: Sequence[Lamp]) -> Float32:
    """Return the radiance that lamps of a dome add, [h, w, 3] float32."""
    total = sum((stage.lit(replace(lamp, shadows=False)) for lamp in lamps), np.zeros_like(geometry.position))
    if not any(lamp.shadows for lamp in lamps):
        return total
    step = max(1, -(-max(geometry.known.shape) // SMALL_PX))
    small = _strided(geometry, step)
    little = Stage(small, surface, thickness, beyond=True)
    nothing = np.zeros_like(small.position)
    unshadowed = sum((little.lit(replace(lamp, shadows=False)) for lamp in lamps), nothing)
    shadowed = sum((little.lit(lamp) for lamp in lamps), nothing)
    share = np.divide(shadowed, unshadowed, out=np.ones_like(shadowed), where=unshadowed > 0)
    share = _smoothed(share, small)
    return total * _spread(share, small, geometry, step)


def _strided(geometry: Geometry, step: int) -> Geometry:
    first = step // 2
    every = (slice(first, None, step), slice(first, None, step))
    position, normal, albedo = (
        np.ascontiguousarray(each[every]) for each in (geometry.position, geometry.normal, geometry.albedo)
    )
    known = np.ascontiguousarray(geometry.known[every])
    return Geometry(position, normal, albedo, known, geometry.camera.strided(step, first))


def _smoothed(share: Float32, small: Geometry) -> Float32:
    """Return shares [h, w, 3] averaged over points near by on the same surface: each piece has hard shadows alone."""
    height, width = small.known.shape
    depth = np.maximum(small.camera.depth(small.position), np.float32(1e-6))
    total, weights = np.zeros_like(share), np.zeros((height, width), np.float32)
    for down in range(-_SMOOTH_PX, _SMOOTH_PX + 1):
        for aside in range(-_SMOOTH_PX, _SMOOTH_PX + 1):
            at = np.ix_(
                np.clip(np.arange(height) + down, 0, height - 1), np.clip(np.arange(width) + aside, 0, width - 1)
            )
            weight = _alike(small.position[at], small.normal[at], small, depth) * small.known[at]
            total += share[at] * weight[..., None]
            weights += weight
    return np.divide(total, weights[..., None], out=share.copy(), where=weights[..., None] > 0)


def _alike(position: Float32, normal: Float32, geometry: Geometry, depth: Float32) -> Float32:
    """Return how far points [h, w, 3] are of the surfaces of a geometry, 0..1, [h, w]."""
    offset = ((position - geometry.position) * geometry.normal).sum(-1) / depth
    tilt = np.clip((normal * geometry.normal).sum(-1), 0, 1) ** _TILTED
    return np.asarray(tilt * np.exp(-np.square(offset / _APART_SHARE)), np.float32)


def _spread(share: Float32, small: Geometry, geometry: Geometry, step: int) -> Float32:
    """Return shares [h, w, 3] of a small picture at the size of the large one, from points of the same surface."""
    height, width = geometry.known.shape
    rows, columns = ((np.arange(count) - step // 2) / step for count in (height, width))
    depth = np.maximum(geometry.camera.depth(geometry.position), np.float32(1e-6))
    total, weights = np.zeros_like(geometry.position), np.zeros((height, width), np.float32)
    for down in (0, 1):
        row = np.clip(np.floor(rows).astype(int) + down, 0, share.shape[0] - 1)
        for aside in (0, 1):
            column = np.clip(np.floor(columns).astype(int) + aside, 0, share.shape[1] - 1)
            at = np.ix_(row, column)
            across = 1 - np.abs(np.clip(columns, 0, share.shape[1] - 1) - column)
            beside = (1 - np.abs(np.clip(rows, 0, share.shape[0] - 1) - row))[:, None] * across
            alike = _alike(small.position[at], small.normal[at], geometry, depth)
            weight = (beside + 1e-3) * (alike + 1e-6) * small.known[at]
            total += share[at] * weight[..., None].astype(np.float32)
            weights += weight.astype(np.float32)
    return np.divide(total, weights[..., None], out=np.ones_like(total), where=weights[..., None] > 0)
