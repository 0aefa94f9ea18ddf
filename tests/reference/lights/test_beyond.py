"""What surfaces at the picture's border hide beyond it."""

import numpy as np
import pytest

from relumix.reference.lights.beyond import Beyond
from relumix.reference.lights.shadows import DepthScreen
from tests.reference.lights.stages import FLOOR_Y, WALL_Z, ball_on_floor, camera_of, floor

FAR = 1e4


def of(seen):
    inverse = np.where(seen.known, 1 / np.maximum(seen.camera.depth(seen.position), 1e-6), 0).astype(np.float32)
    return Beyond.of(seen.camera, inverse)


@pytest.fixture(scope="module")
def room():
    """A floor one metre below the camera and a wall eight before it, with a ball."""
    return of(ball_on_floor().geometry)


def hidden(beyond, point, way):
    start = np.array([point], np.float32)
    (found,) = beyond.hidden(start, start + np.array([way], np.float32) * np.float32(FAR))
    return bool(found)


ON_WALL = [0, 0.2, WALL_Z + 0.01]


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ([0, -1, 4], True),  # into the floor, before the camera and below the picture
        ([0, -0.18, 1], True),  # into it, nearly under the camera
        ([0, 0.1, 1], False),  # over it
        ([0, -0.01, 1], False),  # into it far behind the camera, where there need be none
        ([-1, -0.3, 0.5], True),  # into it left of the picture
        ([-1, 0.3, 0.5], False),
    ],
)
def test_light_from_below_does_not_come_through_the_floor(room, way, expected):
    assert hidden(room, ON_WALL, way) is expected


@pytest.mark.parametrize(("way", "expected"), [([0, 2, -1], True), ([0, 20, -1], False), ([0, 1, 1], False)])
def test_a_wall_goes_on_upwards_as_far_as_it_is_away(room, way, expected):
    assert hidden(room, [0, FLOOR_Y + 0.01, -5], way) is expected


def test_what_the_picture_shows_is_left_to_it(room):
    assert not hidden(room, [0, FLOOR_Y + 0.01, -6], [0, 1, -2])


def test_a_floor_alone_hides_nothing_above_it():
    beyond = of(floor())
    for way in ([0, 1, 0], [1, 0.01, 0], [0, 0.01, 1], [-1, 0.2, -1]):
        assert not hidden(beyond, [0, FLOOR_Y, -4], way)


def test_things_that_are_not_flat_end_at_the_border():
    camera = camera_of(96, 54)
    rng = np.random.default_rng(0)
    assert len(Beyond.of(camera, rng.uniform(0.1, 1, (54, 96)).astype(np.float32)).plane) == 0
    assert len(Beyond.of(camera, np.zeros((54, 96), np.float32)).plane) == 0
    assert len(Beyond.of(camera, np.full((54, 96), 0.2, np.float32)).plane) > 0


def test_domes_alone_ask(room):
    seen = ball_on_floor().geometry
    depth = seen.camera.depth(seen.position)
    start = np.array([ON_WALL], np.float32)
    to = start + np.array([[2, -1, 4]], np.float32) * np.float32(FAR)
    for beyond in (False, True):
        screen = DepthScreen.of(seen.camera, depth, seen.known, 0.5, beyond=beyond)
        assert bool(screen.hidden(start, to)[0]) is beyond
