"""A ball on a floor before a wall, by arithmetic: what a camera at the origin sees of it, at any size."""

from dataclasses import dataclass

import numpy as np

from relumix.reference.lights.camera import Camera
from relumix.reference.lights.lighting import Geometry

FOV_DEG = 50.0
BALL, RADIUS = np.array([0.0, -0.5, -4.0]), 0.5
FLOOR_Y, WALL_Z = -1.0, -8.0


@dataclass(frozen=True)
class Seen:
    """geometry, what is at each pixel ("ball", "floor", "wall"), and its distance."""

    geometry: Geometry
    what: np.ndarray
    distance: np.ndarray


def ball_on_floor(width=96, height=54, albedo=0.5):
    camera = camera_of(width, height)
    rows, columns = np.mgrid[:height, :width]
    ways = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(camera.matrix[:, :3]).T
    ways /= np.linalg.norm(ways, axis=-1, keepdims=True)
    along = ways @ BALL
    inside = along**2 - (BALL @ BALL - RADIUS**2)
    with np.errstate(divide="ignore"):
        distances = [
            np.where(inside > 0, along - np.sqrt(np.maximum(inside, 0)), np.inf),
            np.where(ways[..., 1] < 0, FLOOR_Y / ways[..., 1], np.inf),
            WALL_Z / ways[..., 2],
        ]
    distance, number = np.min(distances, 0), np.argmin(distances, 0)
    position = ways * distance[..., None]
    normals = np.stack([(position - BALL) / RADIUS, *np.broadcast_arrays([0.0, 1, 0], [0.0, 0, 1], position)[:2]])
    normal = np.take_along_axis(normals, number[None, ..., None], 0)[0]
    known = np.ones((height, width), bool)
    maps = (each.astype(np.float32) for each in (position, normal, np.full_like(position, albedo)))
    what = np.array(["ball", "floor", "wall"])[number]
    return Seen(Geometry(*maps, known, camera), what, distance)


def camera_of(width, height):
    return Camera.of_fov(FOV_DEG, width, ((width - 1) / 2, (height - 1) / 2))


def floor(width=64, height=36, albedo=0.5):
    """A floor one metre below, up to the horizon, alone."""
    camera = camera_of(width, height)
    rows, columns = np.mgrid[:height, :width]
    ways = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(camera.matrix[:, :3]).T
    known = ways[..., 1] < -1e-2
    position = np.where(known[..., None], ways * (FLOOR_Y / np.where(known, ways[..., 1], 1))[..., None], 0)
    maps = (
        np.asarray(each, np.float32)
        for each in (position, np.broadcast_to([0, 1, 0], position.shape), position * 0 + albedo)
    )
    return Geometry(*maps, known, camera)
