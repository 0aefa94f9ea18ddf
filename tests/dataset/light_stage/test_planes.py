"""Where meshes go in the picture, against pinholes worked out by hand."""

from __future__ import annotations

import math

import numpy as np

from relumix.dataset.light_stage.layout import Camera, Layout, Thing
from relumix.dataset.light_stage.meshes import move, sheet
from relumix.dataset.light_stage.planes import Seen, depth, flow, in_camera
from relumix.dataset.light_stage.surfaces import Surface

FOV_DEG = 60.0
FOCAL_PX = 12 / math.tan(math.radians(FOV_DEG / 2))
SHAPE = (16, 24)
PAPER = Surface(np.ones((1, 1, 3), np.float32), np.zeros((1, 1, 1), np.float32), 0.5, 0.0, 0.5, "paper")


def plan(eyes: list[list[float]], places: np.ndarray | None = None) -> Layout:
    """A wall 5 units ahead of a camera that looks along +y, and a card at 4 that may move."""
    ahead = np.array(eyes) + np.array([0, 5.0, 0])
    camera = Camera("dolly", np.array(eyes, float), ahead, FOV_DEG)
    return Layout([Thing(sheet(1, 1), PAPER), Thing(sheet(1, 1), PAPER, places)], 1, [], camera, "room")


def wall(camera: Camera) -> Seen:
    """What a camera sees of the wall alone."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    ways = np.hypot(np.hypot((x - 12) / FOCAL_PX, (y - 8) / FOCAL_PX), 1)
    return Seen(np.zeros(SHAPE, np.int32), (5 * ways).astype(np.float32))


def test_a_wall_moves_against_the_camera_and_out_of_the_picture():
    scene = plan([[0, 0, 1], [0.5, 0, 1]])
    seen = [wall(scene.camera)] * 2
    moved, hidden = flow(scene, seen, 0, 1)
    np.testing.assert_allclose(moved[..., 0], -0.5 * FOCAL_PX / 5, atol=1e-3)
    np.testing.assert_allclose(moved[..., 1], 0, atol=1e-3)
    assert hidden[:, :2].all()
    assert not hidden[:, 3:].any()
    np.testing.assert_allclose(depth(seen[0].distance, scene.camera), 5, rtol=1e-5)


def test_what_moves_takes_its_pixels_along_and_hides_what_is_behind():
    places = np.stack([move(-1, 4, 1), move(1, 4, 1)])
    scene = plan([[0, 0, 1], [0, 0, 1]], places)
    seen = []
    for place in places:
        behind = wall(scene.camera)
        column = int(12 + place[0, 3] / 4 * FOCAL_PX)
        thing, distance = behind.thing.copy(), behind.distance.copy()
        thing[6:10, column - 2 : column + 2] = 1
        distance[thing == 1] *= 4 / 5
        seen.append(Seen(thing, distance))
    moved, hidden = flow(scene, seen, 0, 1)
    card = seen[0].thing == 1
    np.testing.assert_allclose(moved[card], [[2 * FOCAL_PX / 4, 0]] * card.sum(), atol=1e-2)
    assert not hidden[card].any()
    inner = np.zeros(SHAPE, bool)
    inner[7:9, np.flatnonzero((seen[1].thing == 1)[7])[1:-1]] = True
    assert hidden[inner].all()
    assert hidden[~card].mean() < 0.05


def test_normals_turn_into_the_cameras_space():
    scene = plan([[0, 0, 1]])
    towards = np.tile(np.array([0, -1, 0], np.float32), (2, 2, 1))
    up = np.tile(np.array([0, 0, 1], np.float32), (2, 2, 1))
    np.testing.assert_allclose(in_camera(towards, scene.camera, 0), np.tile([0, 0, 1], (2, 2, 1)), atol=1e-6)
    np.testing.assert_allclose(in_camera(up, scene.camera, 0), np.tile([0, 1, 0], (2, 2, 1)), atol=1e-6)
