"""The pinhole that saw the plate: from points of a scene to pixels and depth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.errors import InputError
from relumix.types import Float32

Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

_POINTS = 20000
"""Points that a camera is fitted to."""

_ROUNDS = 5
_OUTLIER = 4.0
"""Points off by more than this many times the median are left out in the next round: edges that a renderer blended."""

_FLAT_SHARE = 1e-3
"""Spread of points across the plane that fits them best, over that in it, below which they lie in it."""

_WORST_SHARE = 0.01
"""Median error of the fitted camera, over the picture's width, above which what made P was no pinhole."""


@dataclass(frozen=True)
class Camera:
    """A pinhole in the space of the geometry.

    matrix  [3, 4] float64: of a point (x, y, z, 1) it makes (column * depth, row * depth, depth). Pixel centres have
            whole columns and rows; depth is the distance along the optical axis, in units of the scene, above 0 for
            what is in sight.
    """

    matrix: Float64

    @classmethod
    def of_fov(cls, fov_deg: float, width: float, middle: tuple[float, float], pixel_aspect: float = 1.0) -> Camera:
        """Return the camera at the origin: x to the right, y up, looking along -z.

        fov_deg       across the picture, between its outer edges; width: of the picture in pixels.
        middle        column and row that the optical axis meets.
        pixel_aspect  width of a pixel over its height.
        """
        focal_px = width / 2 / math.tan(math.radians(fov_deg) / 2)
        (column, row), down_px = middle, focal_px * pixel_aspect
        return cls(np.array([[focal_px, 0, -column, 0], [0, -down_px, -row, 0], [0, 0, -1, 0]], np.float64))

    @classmethod
    def seeing(cls, position: Float32, known: Mask, name: str, start: Camera | None = None) -> Camera:
        """Return the camera that sees each point at its own pixel, by least squares (direct linear transform).

        position  [h, w, 3] float32: the scene's point at each pixel.
        known     [h, w] bool: where there is one.
        name      what to call its channel in errors.
        start     a camera with the right field of view, for points that all lie in a plane, which say nothing of it.

        Hartley and Zisserman, Multiple View Geometry, 7.1. Raises InputError: fewer than 100 points, a plane without
        `start`, or points that no pinhole sees so.
        """
        rows, columns = np.nonzero(known)
        if len(rows) < 100:
            raise InputError(f"{name} shows {len(rows)} points: expected at least 100 to find the camera from")
        chosen = np.linspace(0, len(rows) - 1, min(_POINTS, len(rows))).astype(int)
        pixels = np.stack([columns[chosen], rows[chosen]], -1).astype(np.float64)
        points = position[rows[chosen], columns[chosen]].astype(np.float64)
        spread = _spread(points)
        if not spread[1] > _FLAT_SHARE * spread[0]:
            raise InputError(f"{name} has all of its points at one place, or on a line: expected those of surfaces")
        if spread[2] < _FLAT_SHARE * spread[0]:
            if start is None:
                raise InputError(f"{name} shows one flat surface, which says nothing of the lens: give --fov")
            return _placed(points, pixels, start)
        keep: Mask = np.ones(len(points), np.bool_)
        matrix: Float64 = np.zeros((3, 4))
        errors: Float64 = np.zeros(len(points))
        for _ in range(_ROUNDS):
            matrix = _resected(points[keep], pixels[keep])
            errors = np.linalg.norm(Camera(matrix).project(points)[:, :2] - pixels, axis=-1)
            keep = errors <= max(_OUTLIER * float(np.median(errors)), 1e-3)
        if np.median(errors) > _WORST_SHARE * known.shape[1]:
            raise InputError(
                f"{name} fits no pinhole camera: its points are {np.median(errors):.1f} pixels off in the median; "
                "expected positions in the world or the camera's space, of a lens without distortion"
            )
        return cls(matrix)

    def scaled(self, factor: float) -> Camera:
        """Return the same camera in a space where all lengths are `factor` times as long."""
        return Camera(self.matrix * [factor, factor, factor, factor * factor] / factor)

    def strided(self, step: int, first: int) -> Camera:
        """Return the camera of a picture that has every `step`th pixel of this one, from the one at (first, first)."""
        matrix = self.matrix.copy()
        matrix[:2] = (matrix[:2] - first * matrix[2]) / step
        return Camera(matrix)

    @property
    def eye(self) -> Float64:
        """Where it stands, [3]."""
        return np.asarray(-np.linalg.solve(self.matrix[:, :3], self.matrix[:, 3]), np.float64)

    @property
    def focal_px(self) -> float:
        """Pixels across that one unit at a depth of one takes."""
        across = np.cross(self.matrix[0, :3], self.matrix[2, :3])
        return float(np.linalg.norm(across))

    def project(self, points: NDArray[np.floating]) -> Float64:
        """Return (column, row, depth) of points [..., 3], float64. Behind the camera depth is below 0."""
        seen = self.homogeneous(points)
        depth = seen[..., 2:]
        return np.concatenate(
            [np.divide(seen[..., :2], depth, where=depth != 0, out=np.zeros_like(seen[..., :2])), depth], -1
        )

    def depth(self, points: NDArray[np.floating]) -> Float32:
        """Return the depth of points [..., 3], float32 [...]."""
        return np.asarray(points @ self.matrix[2, :3] + self.matrix[2, 3], np.float32)

    def points(self, depth: Float32, *, along_ray: bool = False) -> Float32:
        """Return the point of each pixel, [h, w, 3] float32, from its depth [h, w].

        along_ray  whether depth is the distance from the camera instead of that along its axis.
        """
        height, width = depth.shape
        rows, columns = np.mgrid[:height, :width]
        ways = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(self.matrix[:, :3]).T
        if along_ray:
            ways /= np.linalg.norm(ways, axis=-1, keepdims=True)
        return np.asarray(self.eye + ways * depth[..., None], np.float32)

    def homogeneous(self, points: NDArray[np.floating]) -> Float64:
        """Return (column * depth, row * depth, depth) of points [..., 3], float64: straight lines stay straight."""
        return np.asarray(points @ self.matrix[:, :3].T + self.matrix[:, 3], np.float64)


def _spread(points: Float64) -> Float64:
    """Return how far points [n, 3] lie from their middle, along three axes at right angles, [3] descending."""
    chosen = points[:: max(1, len(points) // 2000)]
    return np.asarray(np.linalg.svd(chosen - points.mean(0), compute_uv=False), np.float64)


def _resected(points: Float64, pixels: Float64) -> Float64:
    """Return the matrix [3, 4] that sees points [n, 3] at pixels [n, 2], depth in units of the scene and above 0."""
    to_points, to_pixels = _centring(points), _centring(pixels)
    world = np.concatenate([points, np.ones((len(points), 1))], -1) @ to_points.T
    image = np.concatenate([pixels, np.ones((len(pixels), 1))], -1) @ to_pixels.T
    nothing = np.zeros_like(world)
    across = np.concatenate([world, nothing, -image[:, :1] * world], -1)
    down = np.concatenate([nothing, world, -image[:, 1:2] * world], -1)
    equations = np.concatenate([across, down])
    _, vectors = np.linalg.eigh(equations.T @ equations)
    matrix = np.linalg.inv(to_pixels) @ vectors[:, 0].reshape(3, 4) @ to_points
    matrix /= np.linalg.norm(matrix[2, :3])
    depth = points @ matrix[2, :3] + matrix[2, 3]
    return np.asarray(matrix * (1.0 if np.median(depth) > 0 else -1.0), np.float64)


def _centring(values: Float64) -> Float64:
    """Return the homogeneous map that puts values [n, d] around 0 with a deviation of 1."""
    centre, scale = values.mean(0), 1 / max(float(values.std()), 1e-12)
    size = values.shape[1]
    out = np.eye(size + 1) * scale
    out[:size, size], out[size, size] = -centre * scale, 1
    return out


def _placed(points: Float64, pixels: Float64, lens: Camera) -> Camera:
    """Return the camera with the lens of another that sees points [n, 3] of a plane at pixels [n, 2]."""
    # OpenCV's camera has y down and looks along +z.
    inside = lens.matrix[:, :3] @ np.diag([1.0, -1.0, -1.0])
    found, turn, move = cv2.solvePnP(points, pixels, inside, None, flags=cv2.SOLVEPNP_IPPE)
    if not found:
        raise InputError("the points of a flat surface do not say where the camera stands: give --depth instead of P")
    rotation, _ = cv2.Rodrigues(turn)
    return Camera(inside @ np.concatenate([rotation, np.asarray(move).reshape(3, 1)], -1))
