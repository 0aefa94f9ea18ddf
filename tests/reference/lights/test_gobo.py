"""Pictures in the way of a light."""

import numpy as np

from relumix.reference.lights.gobo import Gobo

PICTURE = np.zeros((2, 2, 3), np.float32)
PICTURE[0, 1] = [1, 0.5, 0.25]  # up on the right


def gobo(around=0.0):
    """At the origin, for light that comes from -z: it sees x on its right and y up."""
    return Gobo(PICTURE, np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), (4.0, 4.0), around)


def passing(points, light=(0, 0, -10.0), **options):
    points = np.atleast_2d(np.float32(points))
    return gobo(**options).passing(points, np.broadcast_to(np.float32(light), points.shape))


def test_it_is_upright_as_the_light_sees_it():
    np.testing.assert_allclose(passing([2, 2, 10]), [[1, 0.5, 0.25]])
    np.testing.assert_allclose(passing([[-2, 2, 10], [-2, -2, 10], [2, -2, 10]]), np.zeros((3, 3)))


def test_it_grows_with_the_distance():
    np.testing.assert_allclose(passing([20, 20, 190]), [[1, 0.5, 0.25]])


def test_around_it():
    np.testing.assert_allclose(passing([30, 0, 10]), [[0, 0, 0]])
    np.testing.assert_allclose(passing([30, 0, 10], around=0.75), [[0.75] * 3])


def test_what_is_not_behind_it_gets_all():
    np.testing.assert_allclose(passing([0.5, 0.5, -5]), [[1, 1, 1]])
    np.testing.assert_allclose(passing([0.5, 0.5, -30]), [[1, 1, 1]])


def test_as_many_points_as_there_are():
    points = np.tile(np.float32([[2, 2, 10]]), (70001, 1))
    np.testing.assert_allclose(passing(points), np.tile([[1, 0.5, 0.25]], (70001, 1)))
