"""The pinhole, and finding it from positions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.errors import InputError
from relumix.reference.lights.camera import Camera
from tests.reference.lights.stages import ball_on_floor, camera_of

SEEN = ball_on_floor()


def turned(seed):
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return turn * np.sign(np.linalg.det(turn))


def test_axes():
    """x to the right, y up, looking along -z."""
    camera = camera_of(101, 51)
    column, row, depth = camera.project(np.array([0.0, 0.0, -2.0]))
    assert (column, row, depth) == pytest.approx((50, 25, 2))
    assert camera.project(np.array([1.0, 0, -2]))[0] > 50
    assert camera.project(np.array([0, 1.0, -2]))[1] < 25


def test_the_field_of_view_ends_at_the_edges_of_the_picture():
    camera = Camera.of_fov(90, 100, (49.5, 24.5), pixel_aspect=2)
    assert camera.project(np.array([[-1.0, 0, -1], [1, 0, -1]]))[:, 0] == pytest.approx([-0.5, 99.5])
    assert camera.project(np.array([0, 0.25, -1]))[1] == pytest.approx(24.5 - 25)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-50, 50))
def test_it_is_found_from_positions_in_any_space(seed, scale, shift):
    turn = turned(seed)
    position = (SEEN.geometry.position @ turn.T * scale + shift).astype(np.float32)
    camera = Camera.seeing(position, SEEN.geometry.known, "P")
    assert camera.focal_px == pytest.approx(SEEN.geometry.camera.focal_px, rel=1e-2)
    np.testing.assert_allclose(camera.eye, shift, atol=0.02 * scale + 1e-3 * abs(shift))
    depth = SEEN.geometry.camera.depth(SEEN.geometry.position)
    np.testing.assert_allclose(camera.depth(position) / scale, depth, rtol=0.02, atol=0.02)


def test_edges_that_were_blended_do_not_spoil_it():
    position = SEEN.geometry.position.copy()
    position[:, 40] = (position[:, 40] + position[:, 60]) / 2
    camera = Camera.seeing(position, SEEN.geometry.known, "P")
    assert camera.focal_px == pytest.approx(SEEN.geometry.camera.focal_px, rel=1e-2)


def test_a_flat_surface_says_nothing_of_the_lens():
    wall = SEEN.what == "wall"
    with pytest.raises(
        InputError, match=r"^P of a.exr shows one flat surface, which says nothing of the lens: give --fov$"
    ):
        Camera.seeing(SEEN.geometry.position, wall, "P of a.exr")
    turn = turned(3)
    slanted = (SEEN.geometry.position @ turn.T + [1, 2, 3]).astype(np.float32)
    camera = Camera.seeing(slanted, SEEN.what == "floor", "P", SEEN.geometry.camera)
    np.testing.assert_allclose(camera.eye, [1, 2, 3], atol=0.05)


def test_what_no_pinhole_sees_is_refused():
    random = np.random.default_rng(0).normal(size=(54, 96, 3)).astype(np.float32)
    with pytest.raises(
        InputError, match=r"^P fits no pinhole camera: its points are \d+\.\d pixels off in the median; "
    ):
        Camera.seeing(random, SEEN.geometry.known, "P")


def test_few_points():
    known = np.zeros((54, 96), bool)
    known[0, :7] = True
    with pytest.raises(InputError, match=r"^P shows 7 points: expected at least 100 to find the camera from$"):
        Camera.seeing(SEEN.geometry.position, known, "P")


def test_points_of_depth_are_where_they_were():
    geometry = SEEN.geometry
    depth = geometry.camera.depth(geometry.position)
    np.testing.assert_allclose(geometry.camera.points(depth), geometry.position, atol=1e-4)
    along = geometry.camera.points(SEEN.distance.astype(np.float32), along_ray=True)
    np.testing.assert_allclose(along, geometry.position, atol=1e-4)


def test_scaled_and_strided():
    geometry = SEEN.geometry
    scaled = geometry.camera.scaled(10).project(geometry.position * 10)
    np.testing.assert_allclose(scaled, geometry.camera.project(geometry.position) * [1, 1, 10], rtol=1e-4, atol=1e-3)
    few = geometry.camera.strided(3, 1).project(geometry.position[1::3, 1::3])
    rows, columns = np.mgrid[: few.shape[0], : few.shape[1]]
    np.testing.assert_allclose(few[..., 0], columns, atol=1e-3)
    np.testing.assert_allclose(few[..., 1], rows, atol=1e-3)
