"""Shapes, made with numpy: z is up. Grids of points [rows, columns, 3] become smooth meshes; meshes can be joined."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
UInt32 = NDArray[np.uint32]


@dataclass(frozen=True)
class Mesh:
    """Triangles that face outward: points [n, 3], unit normals [n, 3], uv [n, 2], faces [m, 3] of point numbers."""

    points: Float32
    normals: Float32
    uv: Float32
    faces: UInt32

    def moved(self, matrix: Float64) -> Mesh:
        """The mesh under an affine 4x4 matrix that doesn't mirror."""
        linear = matrix[:3, :3]
        normals = self.normals @ np.linalg.inv(linear)
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
        points = self.points @ linear.T + matrix[:3, 3]
        return Mesh(points.astype(np.float32), normals.astype(np.float32), self.uv, self.faces)

    def __add__(self, other: Mesh) -> Mesh:
        return Mesh(
            np.concatenate([self.points, other.points]),
            np.concatenate([self.normals, other.normals]),
            np.concatenate([self.uv, other.uv]),
            np.concatenate([self.faces, other.faces + np.uint32(len(self.points))]),
        )


def joined(meshes: list[Mesh]) -> Mesh:
    """Several meshes as one."""
    return reduce(Mesh.__add__, meshes)


def move(x: float, y: float, z: float) -> Float64:
    """The 4x4 matrix that places the origin at x, y, z."""
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def scale(x: float, y: float | None = None, z: float | None = None) -> Float64:
    """The 4x4 matrix that scales by one factor, or by three."""
    return np.diag([x, x if y is None else y, x if z is None else z, 1.0])


def turn(axis: str, degrees: float) -> Float64:
    """The 4x4 matrix that turns about "x", "y" or "z"."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix = np.eye(4)
    matrix[[first, first, second, second], [first, second, first, second]] = c, -s, s, c
    return matrix


def grid(points: Float64) -> Mesh:
    """A grid of points [rows, columns, 3] as a smooth mesh; u goes along the columns, v along the rows, from 0 to 1."""
    rows, columns = points.shape[:2]
    normals = np.cross(_slope(points, 1), _slope(points, 0))
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    corner = np.arange(rows * columns, dtype=np.uint32).reshape(rows, columns)
    quads = np.stack([corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]], axis=-1).reshape(-1, 4)
    return Mesh(
        points.reshape(-1, 3).astype(np.float32),
        normals.reshape(-1, 3).astype(np.float32),
        np.stack([u, v], axis=-1).reshape(-1, 2).astype(np.float32),
        np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]),
    )


def sheet(width: float, depth: float, repeats: float = 1) -> Mesh:
    """A flat rectangle in the plane z = 0 that faces up; its texture is repeated along each side."""
    x, y = np.meshgrid(np.array([-0.5, 0.5]) * width, np.array([-0.5, 0.5]) * depth)
    flat = grid(np.stack([x, y, np.zeros_like(x)], axis=-1))
    return Mesh(flat.points, flat.normals, flat.uv * np.float32(repeats), flat.faces)


def box(width: float, depth: float, height: float) -> Mesh:
    """A box around the origin, flat-faced, the whole texture on each of its sides."""
    top = sheet(1, 1).moved(move(0, 0, 0.5))
    turns = [np.eye(4), turn("x", 180), *(turn("z", 90 * k) @ turn("x", 90) for k in range(4))]
    return joined([top.moved(matrix) for matrix in turns]).moved(scale(width, depth, height))


def lathe(profile: list[tuple[float, float]], *, smoothing: int = 24, rows: int = 240, columns: int = 160) -> Float64:
    """A profile of (radius, z) turned around the z axis; its corners are rounded over `smoothing` of the rows."""
    knots = np.array(profile, np.float64)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(knots, axis=0).T))])
    at = np.linspace(0, along[-1], rows)
    window = np.hanning(smoothing + 2)[1:-1]
    radius, z = (
        np.convolve(np.pad(np.interp(at, along, knot), smoothing // 2, mode="edge"), window / window.sum(), "same")[
            smoothing // 2 : smoothing // 2 + rows
        ]
        for knot in knots.T
    )
    angle = np.linspace(0, math.tau, columns)
    return np.stack(
        [np.outer(radius, np.cos(angle)), np.outer(radius, np.sin(angle)), np.outer(z, np.ones(columns))], axis=-1
    )


def torus_knot(p: int, q: int, tube: float, *, rows: int = 900, columns: int = 64) -> Float64:
    """A tube along the (p, q) torus knot, about 2 units across, centred."""
    t = np.linspace(0, math.tau, rows)[:, None]
    ring = 0.7 + 0.3 * np.cos(q * t)
    centre = np.concatenate([ring * np.cos(p * t), ring * np.sin(p * t), 0.42 * np.sin(q * t)], axis=1)
    ahead = np.gradient(centre, axis=0)
    ahead[[0, -1]] = ahead[0] + ahead[-1]
    inward = np.cross(ahead, np.cross(centre, ahead))
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    aside = np.cross(ahead, inward)
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    angle = np.linspace(0, math.tau, columns)[None, :, None]
    return np.asarray(centre[:, None] + tube * (np.cos(angle) * inward[:, None] + np.sin(angle) * aside[:, None]))


def cloth(width: float, depth: float, *, seed: int, rows: int = 220, columns: int = 260) -> Float64:
    """A cloth that was dropped on the table: soft folds that fan out, with edges that nearly lie flat."""
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    random = np.random.default_rng(seed)
    height = np.zeros_like(x)
    for angle, frequency in zip(random.uniform(-0.5, 0.7, 4), (2.1, 3.4, 4.9, 7.3), strict=True):
        along = x * math.cos(angle) + y * math.sin(angle) + 0.18 * np.sin(2.1 * y + 3 * angle)
        height += np.maximum(np.sin(frequency * along * math.pi + random.uniform(0, math.tau)), -0.2) / frequency
    calm = np.clip(1.15 - np.maximum(np.abs(x), np.abs(y)), 0.15, 1)
    z = 0.03 + 0.55 * calm * (height - height.min())
    return np.stack([x * width / 2, y * depth / 2 + 0.12 * np.sin(3 * x), z], axis=-1)


def superellipsoid(power: float, round_power: float, *, rows: int = 40, columns: int = 64) -> Float64:
    """A ball (1, 1), a cushion, a can (small, 1) or a rounded cube (small, small), from -1 to 1 on each axis.

    The powers are those of A. Barr, "Superquadrics and angle-preserving transformations", 1981: of the outline seen
    from the side, and seen from above.
    """
    v, u = np.meshgrid(
        np.linspace(-math.pi / 2, math.pi / 2, rows), np.linspace(-math.pi, math.pi, columns), indexing="ij"
    )

    def bent(value: Float64, exponent: float) -> Float64:
        return np.asarray(np.sign(value) * np.abs(value) ** exponent)

    ring = np.maximum(np.cos(v), 1e-6) ** power
    x, y = ring * bent(np.cos(u), round_power), ring * bent(np.sin(u), round_power)
    return np.asarray(np.stack([x, y, bent(np.sin(v), power)], axis=-1))


def blob(random: np.random.Generator, roughness: float, *, rows: int = 56, columns: int = 88) -> Float64:
    """A ball of radius about 1 whose surface waves swell and dent by up to `roughness` of its radius."""
    ball = superellipsoid(1, 1, rows=rows, columns=columns)
    height = np.zeros(ball.shape[:2])
    for frequency in 1.3 * 1.5 ** np.arange(7):
        direction = random.standard_normal(3)
        wave = ball @ (direction / np.linalg.norm(direction)) * frequency
        height += np.sin(math.tau * wave / 2 + random.uniform(0, math.tau)) / frequency
    return np.asarray(ball * (1 + roughness * height / 1.5)[..., None])


def rod(start: Float64, end: Float64, radius: float, *, rows: int = 2, columns: int = 12) -> Mesh:
    """A round bar from point to point, without ends."""
    axis = np.asarray(end, np.float64) - start
    length = float(np.linalg.norm(axis))
    aside = np.cross(axis, (0.0, 0.0, 1.0) if abs(axis[2]) < 0.9 * length else (1.0, 0.0, 0.0))
    aside /= np.linalg.norm(aside)
    angle = np.linspace(0, math.tau, columns)[None, :, None]
    ring = radius * (np.cos(angle) * aside + np.sin(angle) * np.cross(axis / length, aside))
    return grid(start + np.linspace(0, 1, rows)[:, None, None] * axis + ring)


def _slope(points: Float64, axis: int) -> Float64:
    """Change along an axis; where the grid closes on itself, the seam is as smooth as the rest."""
    slope = np.moveaxis(np.gradient(points, axis=axis), axis, 0)
    ends = np.moveaxis(points, axis, 0)
    if len(ends) > 3 and np.allclose(ends[0], ends[-1]):
        slope[[0, -1]] = ends[1] - ends[-2]
    return np.moveaxis(slope, 0, axis)
