"""Shadows where geometry puts them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.reference.lights.lighting import Geometry
from relumix.reference.lights.shadows import DepthScreen
from tests.reference.lights.stages import BALL, RADIUS, ball_on_floor, floor

SEEN = ball_on_floor(192, 108)


def screen(geometry, thickness=1.0, **options):
    return DepthScreen.of(
        geometry.camera, geometry.camera.depth(geometry.position), geometry.known, thickness, **options
    )


def hidden(geometry, light, **options):
    """Which pixels something hides a light from."""
    points = geometry.position[geometry.known]
    out = np.zeros(geometry.known.shape, bool)
    out[geometry.known] = screen(geometry, **options).hidden(points, np.broadcast_to(np.float32(light), points.shape))
    return out


def behind_the_ball(points, light):
    """Whether the way from points to a light goes through the ball."""
    way = light - points
    away = np.linalg.norm(way, axis=-1)
    way = way / away[..., None]
    offset = points - BALL
    along = -(offset * way).sum(-1)
    nearest = np.sqrt(np.maximum((offset**2).sum(-1) - along**2, 0))
    return (nearest < RADIUS) & (along > 0) & (along < away)


@settings(max_examples=25)
@given(st.floats(-3, 3), st.floats(0.5, 4), st.floats(-3.9, -0.5))
def test_the_shadow_of_a_ball(x, y, z):
    """On floor and wall it is what the ball hides, but for its unknown back side and a pixel along its edge."""
    geometry, light = SEEN.geometry, np.array([x, y, z])
    flat = SEEN.what != "ball"
    facing = flat & ((geometry.normal * (light - geometry.position)).sum(-1) > 0)
    truth = behind_the_ball(geometry.position.astype(float), light)
    found = hidden(geometry, light)
    # A shadow is known only of the half of the ball that the camera sees: less is found, never more than an edge.
    assert np.count_nonzero(found & ~truth & facing) < 0.01 * flat.sum()
    if truth[facing].sum() > 100:
        assert np.count_nonzero(found & truth & facing) > 0.4 * np.count_nonzero(truth & facing)


@settings(max_examples=25)
@given(st.floats(-30, 30), st.floats(-0.9, 30), st.floats(-60, 30))
def test_a_floor_does_not_hide_its_own_light(x, y, z):
    geometry = floor()
    assert not hidden(geometry, [x, y, z]).any()


def test_a_pole_a_pixel_wide_throws_its_shadow():
    """However far the ray steps."""
    geometry = floor(128, 72)
    column, rows = 40, np.arange(20, 60)
    position, known = geometry.position.copy(), geometry.known.copy()
    base = position[60, column]
    pixels = np.stack([np.full(40, column), rows, np.ones(40)], -1)
    position[rows, column] = pixels @ np.linalg.inv(geometry.camera.matrix[:, :3]).T * -base[2]
    known[rows, column] = True
    pole = Geometry(position, geometry.normal, geometry.albedo, known, geometry.camera)
    # It falls to the right and away from the camera, so upwards in the picture.
    shadow = hidden(pole, base + np.array([-2.0, 2.0, 1.0]), thickness=0.5) & geometry.known
    shadow[:, column] = False
    assert shadow[:60, column + 1 :].sum() > 10
    assert not shadow[:, : column - 1].any()
    assert not shadow[61:].any()


def test_what_is_thin_lets_light_pass_behind_it():
    """A card before a wall; a light beside it, behind it, still lights the wall that the picture shows beside it."""
    geometry = SEEN.geometry
    light = np.array([3.0, 0.0, -7.0])
    thick, thin = (hidden(geometry, light, thickness=each) for each in (1e3, 1e-3))
    wall = SEEN.what == "wall"
    assert np.count_nonzero(thin & wall) <= np.count_nonzero(thick & wall)
    assert np.count_nonzero(thin & wall) < 0.01 * wall.sum()


def test_a_wall_goes_on_beyond_the_picture_where_that_is_asked():
    geometry = SEEN.geometry
    wall = SEEN.what == "wall"
    far_below = [0.0, -30.0, -7.0]
    assert hidden(geometry, far_below, beyond=True)[wall].mean() >= hidden(geometry, far_below)[wall].mean()


@pytest.mark.parametrize("light", [[0, 0, 5.0], [0.0, 0, 0]])
def test_a_light_at_or_behind_the_camera_sees_what_it_sees(light):
    """From the camera nothing is hidden that the camera sees."""
    if not any(light):
        assert not hidden(SEEN.geometry, light).any()
    assert hidden(SEEN.geometry, light)[SEEN.what == "ball"].sum() == 0


def test_nothing_known_hides_nothing():
    geometry = SEEN.geometry
    nothing = DepthScreen.of(geometry.camera, np.zeros((108, 192), np.float32), np.zeros((108, 192), bool), 1.0)
    assert not nothing.hidden(geometry.position[0], geometry.position[0] + 5).any()


@pytest.mark.parametrize("spread", [1.2, 3])
def test_positions_off_their_pixels(spread):
    """As those of a lens with distortion are: some lie outside of the picture, where nothing is looked up."""
    geometry = SEEN.geometry
    points = geometry.position[geometry.known] * np.float32([spread, spread, 1])
    targets = np.broadcast_to(np.float32([0, 1, -2]), points.shape)
    assert screen(geometry).hidden(points, targets).shape == (len(points),)
