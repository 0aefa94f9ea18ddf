"""Where lamps stand: the shape of a frame, its picture, and its camera, over HTTP without a browser."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from relumix.web.examples import examples
from tests.web.rig import Rig, decoded, depth_clip, said


def opened(rig: Rig) -> tuple[Any, str]:
    """A visitor with a wall that is 4 units away."""
    depth_clip(rig.root)
    visitor = rig.visitor()
    clip = visitor.post("/api/open", json={"path": str(rig.root / "cg.####.exr")}).json()
    assert clip["lamps"]["shapes"]
    return visitor, f"/api/clips/{clip['name']}/frames/1002"


def seen(camera: list[float], point: list[float]) -> np.ndarray:
    """Across, down and depth of a point, as static/camera.js has it."""
    across, down, depth = np.reshape(camera, (3, 4)) @ [*point, 1]
    return np.array([across / depth, down / depth, depth])


def test_a_place_of_the_example_is_a_point_of_its_scene(rig: Rig):
    visitor = rig.visitor()
    clip = visitor.post("/api/examples/shot").json()
    shot = examples()["shot"]
    lamps = json.loads((shot.folder / "lights.json").read_text())
    assert (clip["lamps"]["frames"], clip["lamps"]["rig"]) == ([1001], lamps)
    assert "lights" in clip["makers"]
    path = f"/api/clips/{clip['name']}"
    at = [0.25, 0.45]  # on the ball
    found = visitor.post(f"{path}/frames/1001/place", json={"at": at}).json()
    np.testing.assert_allclose(seen(found["camera"], found["point"])[:2], at, atol=2e-3)
    assert np.linalg.norm(found["normal"]) == pytest.approx(1, abs=1e-3)
    assert 0 < found["point"][2] < 3  # It stands on a table whose top is at z = 0.
    table = visitor.post(f"{path}/frames/1001/place", json={"at": [0.5, 0.54]}).json()
    np.testing.assert_allclose(table["normal"], [0, 0, 1], atol=0.01)
    assert decoded(visitor.get(f"{path}/frames/1001/shape?size=480")).shape == (270, 480, 3)
    assert said(visitor.post(f"{path}/frames/1002/place")) == (404, "nothing says the shape of frame 1002")
    text = "the clip has no depth at frame 1002: it has some at 1001"
    assert said(visitor.post(f"{path}/lights/1002", json={"rig": lamps})) == (404, text)


def test_a_depth_needs_an_angle(rig: Rig):
    visitor, path = opened(rig)
    code, text = said(visitor.post(f"{path}/place", json={"at": [0.5, 0.375]}))
    assert (code, "no header says what the lens saw: give --fov" in text) == (422, True)
    found = visitor.post(f"{path}/place", json={"at": [0.5, 0.375], "fov": 50}).json()
    np.testing.assert_allclose(found["point"], [0, 0, -4], atol=0.1)
    np.testing.assert_allclose(found["normal"], [0, 0, 1], atol=0.01)
    assert found["depth"] == pytest.approx(4)
    right = seen(found["camera"], [4 * np.tan(np.radians(25)), 0, -4])  # at the edge of what 50 degrees show
    np.testing.assert_allclose(right, [1, 0.375, 4], atol=1e-4)
    shown = decoded(visitor.get(f"{path}/shape?fov=50"))
    assert shown.shape == (48, 64, 3)
    np.testing.assert_allclose(shown[24, 32], [255, 128, 128], atol=4)  # blue first: it faces the camera


def test_outside_of_the_picture_is_nothing(rig: Rig):
    visitor, path = opened(rig)
    found = visitor.post(f"{path}/place", json={"at": [2, 0.5], "fov": 50}).json()
    assert (found["point"], found["normal"]) == (None, None)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"at": [1]}, "at: expected two numbers, across and down"),
        ({"at": ["x", 1]}, "at is x: expected a number from -10 to 10"),
        ({"at": 3}, "at: expected two numbers, across and down"),
        ({"fov": 999}, "fov is 999: expected a number from 1 to 170"),
    ],
)
def test_places_that_make_no_sense(rig: Rig, fields: dict, text: str):
    visitor, path = opened(rig)
    assert said(visitor.post(f"{path}/place", json=fields)) == (422, text)
    assert said(visitor.get(f"{path}/shape?fov=x")) == (422, "fov is 'x': expected a number from 1 to 170")


def test_what_has_no_shape_is_told(clip):
    visitor, path = clip
    for answer in (visitor.get(f"{path}/frames/1001/shape"), visitor.post(f"{path}/frames/1001/place")):
        assert said(answer) == (404, "nothing says the shape of frame 1001")
