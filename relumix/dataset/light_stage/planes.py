"""What is true of a scene of meshes besides its light: where pixels are in the frames beside, and how they face."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relumix.dataset.light_stage.layout import Camera, Layout
from relumix.dataset.light_stage.textures import Float32, Float64

SKY_DISTANCE = 2000.0
_SAME_PLACE = 0.02
"""A surface that is nearer than a point by more than this share hides it."""


@dataclass(frozen=True)
class Seen:
    """What a frame shows at the middle of each pixel, [h, w]: the number of the thing (< 0: none) and its distance."""

    thing: NDArray[np.int32]
    distance: Float32


def axes(camera: Camera, frame: int) -> Float64:
    """Return right, up and ahead of a camera in a frame, as rows [3, 3]."""
    ahead = camera.targets[frame] - camera.eyes[frame]
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(right, ahead), ahead])


def in_camera(normal: Float32, camera: Camera, frame: int) -> Float32:
    """Return normals [h, w, 3] of the world in the camera's space: right, up, towards the camera."""
    turned = normal @ (axes(camera, frame) * np.array([[1.0], [1.0], [-1.0]])).T
    length = np.linalg.norm(turned, axis=-1, keepdims=True)
    return np.asarray(np.where(length > 0.1, turned / np.maximum(length, 1e-6), 0), np.float32)


def depth(distance: Float32, camera: Camera) -> Float32:
    """Return distances [h, w] along the rays as distances along the optical axis."""
    return np.asarray(distance / np.linalg.norm(_ways(camera, distance.shape), axis=-1), np.float32)


def flow(plan: Layout, seen: list[Seen], frame: int, other: int) -> tuple[Float32, NDArray[np.bool_]]:
    """Return where what a frame shows lies in another, in pixels from where it is [h, w, 2] (x, y), and what is hidden.

    Hidden [h, w] is also what is out of the other's picture. Sky stays with the sky.
    """
    shown, there, camera = seen[frame], seen[other], plan.camera
    ways = _ways(camera, shown.distance.shape)
    ways /= np.linalg.norm(ways, axis=-1, keepdims=True)
    distance = np.where(shown.thing < 0, SKY_DISTANCE, shown.distance)
    points = camera.eyes[frame] + distance[..., None] * (ways @ axes(camera, frame))
    for number, thing in enumerate(plan.things):
        if thing.places is not None:
            way = thing.places[other] @ np.linalg.inv(thing.places[frame])
            own = shown.thing == number
            points[own] = points[own] @ way[:3, :3].T + way[:3, 3]
    offset = points - camera.eyes[other]
    across, up, ahead = np.moveaxis(offset @ axes(camera, other).T, -1, 0)
    height, width = shown.distance.shape
    scale = width / 2 / math.tan(math.radians(camera.fov_deg) / 2) / np.maximum(ahead, 1e-6)
    x, y = width / 2 + across * scale, height / 2 - up * scale
    rows, columns = np.mgrid[:height, :width] + 0.5
    away = np.where(shown.thing < 0, np.inf, np.linalg.norm(offset, axis=-1))
    inside = (ahead > 1e-3) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    visible = inside & _there(there, np.where(inside, x, 0), np.where(inside, y, 0), shown.thing, away)
    moved = np.stack([x - columns, y - rows], -1)
    return np.asarray(np.where(ahead[..., None] > 1e-3, moved, 0), np.float32), ~visible


def _there(seen: Seen, x: Float64, y: Float64, thing: NDArray[np.int32], away: Float64) -> NDArray[np.bool_]:
    """Whether one of the four pixels around a place shows this thing, and nothing nearer."""
    found = np.zeros(thing.shape, bool)
    height, width = thing.shape
    for down in (0, 1):
        for right in (0, 1):
            column = np.clip(np.floor(x - 0.5).astype(int) + right, 0, width - 1)
            row = np.clip(np.floor(y - 0.5).astype(int) + down, 0, height - 1)
            behind = seen.distance[row, column] >= away * (1 - _SAME_PLACE) - 0.03
            found |= (seen.thing[row, column] == thing) & ((thing < 0) | behind)
    return found


def _ways(camera: Camera, shape: tuple[int, ...]) -> Float64:
    """The rays through the middles of pixels [h, w, 3]: right, up, and 1 ahead."""
    height, width = shape
    y, x = np.mgrid[:height, :width] + 0.5
    lens = math.tan(math.radians(camera.fov_deg) / 2)
    across, up = (2 * x - width) / width * lens, (height - 2 * y) / width * lens
    return np.stack([across, up, np.ones_like(across)], -1)
