"""What surfaces at the border of the picture hide of a dome: they are taken to go on beyond it, as planes.

A floor goes on under the camera and behind it, where nothing has a place in the picture. With h = (x w, y w, w) of a
point that is seen at column x, row y in the depth w, which is linear in the point, a plane is where a * h = 1; so a * h
changes linearly along a ray, wherever that goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relumix.reference.lights.camera import Camera
from relumix.types import Float32

Mask = NDArray[np.bool_]

_A_SIDE = 6
"""Places along each side of the picture, its corners included, whose surfaces go on."""

_PATCH_SHARE = 1 / 16
"""Half the side of what is looked at around such a place, over the long edge."""

_FLAT = 0.02
"""Median difference of inverse depth from the plane, over it, above which a surface is none."""

_GOES_ON = 1.0
"""How far a surface goes on beyond the border: as far as it is away from the camera there."""

_SLACK = 1e-3
"""Share of its depth that a point has to be in front of a plane by."""


@dataclass(frozen=True)
class Beyond:
    """The planes of surfaces at the border of a picture.

    shape  (height, width) of the picture.
    plane  [n, 3] float64: a, as above; edge: [n, 3], h of the place at the border that it goes on from.
    """

    camera: Camera
    shape: tuple[int, int]
    plane: NDArray[np.float64]
    edge: NDArray[np.float64]

    @classmethod
    def of(cls, camera: Camera, inverse: Float32) -> Beyond:
        """Find them in an inverse depth, [h, w] float32, 0 where there is nothing."""
        height, width = inverse.shape
        found = [
            (plane, (column / nearness, row / nearness, 1 / nearness))
            for row, column in _places(height, width)
            if (plane := _plane(inverse, row, column)) is not None and (nearness := float(plane @ (column, row, 1))) > 0
        ]
        planes, edges = (np.array([pair[i] for pair in found], np.float64).reshape(-1, 3) for i in (0, 1))
        return cls(camera, (height, width), planes, edges)

    def hidden(self, points: Float32, targets: Float32) -> Mask:
        """Return which of the ways from points [n, 3] to targets [n, 3] go into one of the planes out of sight, [n]."""
        start, end = (self.camera.homogeneous(each) for each in (points, targets))
        to_scene = np.linalg.inv(self.camera.matrix[:, :3]).T
        out = np.zeros(len(points), np.bool_)
        for plane, edge in zip(self.plane, self.edge, strict=True):
            before, after = start @ plane - 1, end @ plane - 1
            ask = np.flatnonzero((before < -_SLACK) & (after > 0) & ~out)
            share = before[ask] / (before[ask] - after[ask])
            meets = start[ask] + (end[ask] - start[ask]) * share[:, None]
            away = np.linalg.norm((meets - edge) @ to_scene, axis=-1)
            out[ask[(away < _GOES_ON * edge[2]) & ~self._in_sight(meets)]] = True
        return out

    def _in_sight(self, place: NDArray[np.floating]) -> Mask:
        """Tell which places, as h [n, 3], the picture shows or would show."""
        height, width = self.shape
        depth = place[:, 2]
        across, down = (
            np.abs(place[:, i] - (count - 1) / 2 * depth) < count / 2 * depth for i, count in enumerate((width, height))
        )
        return np.asarray((depth > 0) & across & down)


def _places(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield rows and columns along the border."""
    for column in np.rint(np.linspace(0, width - 1, _A_SIDE)).astype(int):
        yield from ((0, int(column)), (height - 1, int(column)))
    for row in np.rint(np.linspace(0, height - 1, _A_SIDE)).astype(int)[1:-1]:
        yield from ((int(row), 0), (int(row), width - 1))


def _plane(inverse: Float32, row: int, column: int) -> NDArray[np.float64] | None:
    """Return the plane of the surface around a place, [3]; None where there is none, or it is not flat."""
    size = max(2, round(max(inverse.shape) * _PATCH_SHARE))
    top, left = max(row - size, 0), max(column - size, 0)
    patch = inverse[top : row + size + 1, left : column + size + 1].astype(np.float64)
    rows, columns = np.nonzero(patch > 0)
    if len(rows) < patch.size / 2 or patch[row - top, column - left] <= 0:
        return None
    at = np.stack([columns + left, rows + top, np.ones_like(rows)], -1).astype(np.float64)
    values = patch[rows, columns]
    plane = np.linalg.lstsq(at, values, rcond=None)[0]
    off = np.median(np.abs(at @ plane - values) / values)
    return np.asarray(plane) if off < _FLAT else None
