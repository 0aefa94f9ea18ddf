"""The shapes of the example shot: each a grid of points [rows, columns, 3], z up, one unit is a decimetre."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


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
    return centre[:, None] + tube * (np.cos(angle) * inward[:, None] + np.sin(angle) * aside[:, None])


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


def write_obj(path: Path, points: Float64) -> Path:
    """Write a grid of points as a smooth OBJ mesh; u goes along the columns, v along the rows, both from 0 to 1."""
    rows, columns = points.shape[:2]
    normals = np.cross(_slope(points, 1), _slope(points, 0))
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    corner = np.arange(1, rows * columns + 1).reshape(rows, columns)
    quads = np.stack([corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]], axis=-1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    with path.open("w") as file:
        np.savetxt(file, points.reshape(-1, 3), "v %.6f %.6f %.6f")
        np.savetxt(file, np.stack([u, v], axis=-1).reshape(-1, 2), "vt %.6f %.6f")
        np.savetxt(file, normals.reshape(-1, 3), "vn %.6f %.6f %.6f")
        np.savetxt(file, np.repeat(triangles, 3, axis=1), "f %d/%d/%d %d/%d/%d %d/%d/%d")
    return path


def _slope(points: Float64, axis: int) -> Float64:
    """Change along an axis; where the grid closes on itself, the seam is as smooth as the rest."""
    slope = np.moveaxis(np.gradient(points, axis=axis), axis, 0)
    grid = np.moveaxis(points, axis, 0)
    if np.allclose(grid[0], grid[-1]):
        slope[[0, -1]] = grid[1] - grid[-2]
    return np.moveaxis(slope, 0, axis)
