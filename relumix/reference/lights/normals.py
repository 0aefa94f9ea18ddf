"""Normals: of positions where none are given, and turned into the space of the positions where they are."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.reference.lights.camera import Camera
from relumix.types import Float32

Mask = NDArray[np.bool_]

_SMOOTH_SHARE = 0.02
"""Change of depth from pixel to pixel, over the depth, up to which a surface is smooth enough to have a normal."""

_SAME_DEG = 20.0
"""Median angle to the normals of the positions up to which two sets of normals are in one space."""


def of_positions(position: Float32, known: Mask, camera: Camera) -> tuple[Float32, Mask]:
    """Return the unit normals of positions [h, w, 3] where they are known, towards the camera, and where they are sure.

    At edges they are of the side that is smoother.
    """
    depth = camera.depth(position)
    across, sure_across = _tangent(position, depth, known, 1)
    down, sure_down = _tangent(position, depth, known, 0)
    normal = np.cross(across, down)
    length = np.sqrt(np.square(normal).sum(-1, keepdims=True))
    towards = camera.eye.astype(np.float32) - position
    away = towards / np.maximum(np.sqrt(np.square(towards).sum(-1, keepdims=True)), np.float32(1e-20))
    normal = np.where(length > 0, normal / np.maximum(length, np.float32(1e-30)), away)
    normal *= np.where((normal * towards).sum(-1, keepdims=True) < 0, -1, 1)
    return normal.astype(np.float32), sure_across & sure_down & known


def unit(normal: Float32, known: Mask) -> tuple[Float32, Mask]:
    """Return normals at a length of 1, and where there are any."""
    length = np.sqrt(np.square(np.nan_to_num(normal)).sum(-1))
    sound = known & (length > 0.1)
    return np.where(sound[..., None], normal / np.maximum(length, np.float32(1e-6))[..., None], 0).astype(
        np.float32
    ), sound


def in_space_of(normal: Float32, sound: Mask, surface: Float32, sure: Mask) -> tuple[Float32, float, bool]:
    """Return normals turned into the space of the positions, how far off they are, in degrees, and whether turned.

    normal, sound  unit normals as given [h, w, 3], in the world or the camera's space, and where there are any [h, w].
    surface, sure  those of the positions (`of_positions`), and where they are sure.

    What turns one set into the other is found by least squares (Kabsch 1976), mirrored if need be. The median angle
    that is left says whether they are normals of this surface at all.
    """
    both = sound & sure
    if np.count_nonzero(both) < 16:
        return normal, 0.0, False
    given, own = normal[both].astype(np.float64), surface[both].astype(np.float64)
    apart = _median_deg(given, own)
    if apart <= _SAME_DEG:
        return normal, apart, False
    left, _, right = np.linalg.svd(own.T @ given)
    turn = left @ right
    turned = _median_deg(given @ turn.T, own)
    if turned > apart / 2:
        return normal, apart, False
    return np.asarray(normal @ turn.T.astype(np.float32), np.float32), turned, True


def _median_deg(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.degrees(np.median(np.arccos(np.clip((one * other).sum(-1), -1, 1)))))


def _tangent(position: Float32, depth: Float32, known: Mask, axis: int) -> tuple[Float32, Mask]:
    """Return the step from pixel to pixel along an axis, [h, w, 3], and where the surface goes on so far."""
    kernel = np.array([[0, 0, 0], [0, -1, 1], [0, 0, 0]], np.float32)
    kernel = kernel if axis == 1 else kernel.T.copy()
    valid = known.astype(np.float32)
    steps, jumps = [], []
    for each in (kernel, -kernel[::-1, ::-1]):
        step = cv2.filter2D(position, cv2.CV_32F, each, borderType=cv2.BORDER_REPLICATE)
        jump = np.abs(cv2.filter2D(depth, cv2.CV_32F, each, borderType=cv2.BORDER_REPLICATE)) / np.maximum(depth, 1e-20)
        there = cv2.filter2D(valid, cv2.CV_32F, np.abs(each), borderType=cv2.BORDER_CONSTANT) > 1.5
        steps.append(step)
        jumps.append(np.where(there, jump, np.inf))
    both = (jumps[0] < _SMOOTH_SHARE) & (jumps[1] < _SMOOTH_SHARE)
    best = np.where((jumps[0] <= jumps[1])[..., None], steps[0], steps[1])
    mean = (steps[0] + steps[1]) / 2
    return np.where(both[..., None], mean, best).astype(np.float32), np.asarray(np.minimum(*jumps) < _SMOOTH_SHARE)
