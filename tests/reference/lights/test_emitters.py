"""Lights in radiometric units, against what their formulas say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.reference.lights.emitters import COARSE, FINE, Rectangle, Sphere, Sun, beside

ORIGIN = np.zeros((1, 3), np.float32)
UP = np.array([[0.0, 0.0, 1.0]])


def irradiance(emitter, point=ORIGIN, normal=UP):
    """What a surface of that normal gets."""
    arriving = [emitter.arriving(np.asarray(point, np.float32), patch) for patch in range(emitter.count)]
    return float(sum(each.irradiance * np.maximum((each.way * normal).sum(-1), 0) for each in arriving)[0])


def above(away=1.0, **options):
    return Sphere(np.array([0.0, 0.0, away]), options.pop("radius", 0.0), options.pop("power", 1.0), **options)


def test_a_watt_at_a_metre():
    assert irradiance(above()) == pytest.approx(1 / (4 * math.pi), rel=1e-6)


@given(st.floats(0.1, 1000))
def test_the_light_of_a_point_falls_with_the_square_of_its_distance(away):
    assert irradiance(above(away)) == pytest.approx(1 / (4 * math.pi * away**2), rel=1e-5)


@given(st.floats(0.1, 100), st.sampled_from([0.0, 1.0, 3.0]), st.floats(0.01, 10), st.sampled_from([0.0, 0.1]))
def test_other_falloffs_are_as_bright_at_one_unit_and_fall_by_their_power(units, falloff, unit, radius):
    away = units * unit
    light = above(away, radius=radius * away, falloff=falloff, unit=unit)
    assert irradiance(light) == pytest.approx(1 / (4 * math.pi * unit**2) / units**falloff, rel=1e-3)


@pytest.mark.parametrize("degrees", [0, 10, 29])
def test_a_focused_cone_is_brightest_in_its_middle(degrees):
    cone = {"axis": np.array([0, 0, -1.0]), "inner": math.cos(math.radians(30)), "outer": math.cos(math.radians(30))}
    point = np.array([[math.tan(math.radians(degrees)), 0, 0]], np.float32)
    even, focused = (above(**cone, focus=focus).arriving(point, 0).irradiance[0] for focus in (0.0, 4.0))
    assert focused / even == pytest.approx(math.cos(math.radians(degrees)) ** 4, rel=1e-5)


@given(st.floats(0, 0.99), st.sampled_from([FINE, COARSE]))
def test_a_sphere_that_is_faced_sends_what_a_point_does(radius, patches):
    """Exactly, at any radius: Lambert's cosine law over a disc."""
    assert irradiance(above(radius=radius, patches=patches)) == pytest.approx(1 / (4 * math.pi), rel=1e-4)


def test_a_sphere_sets_at_the_horizon():
    """Half of it is above, and it sends E = L (a - sin a cos a) of its half angle a: less than nothing for a point."""
    sphere, point = Sphere(np.array([2.0, 0.0, 0.0]), 1.0, 4 * math.pi**2), Sphere(np.array([2.0, 0, 0]), 0.0, 1.0)
    angle = math.asin(0.5)
    exact = angle - math.sin(angle) * math.cos(angle)  # of radiance 1
    assert irradiance(sphere) == pytest.approx(exact, rel=0.05)
    assert irradiance(point) == 0
    assert irradiance(Sphere(np.array([2.0, 0.0, -1.001]), 1.0, 1.0)) == pytest.approx(0, abs=1e-4)


@given(st.floats(0.5, 10), st.sampled_from([FINE, COARSE]))
def test_a_rectangle_that_is_faced(away, patches):
    """Against its form factor from a point under its middle."""
    light = Rectangle(
        np.array([0, 0, away]), -UP[0], np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), (1, 0.5), 3.0, patches
    )
    a, b = 0.5 / away, 0.25 / away
    one = a / math.hypot(1, a) * math.atan(b / math.hypot(1, a)) + b / math.hypot(1, b) * math.atan(
        a / math.hypot(1, b)
    )
    exact = 4 * one / (2 * math.pi) * 3.0 / 0.5
    assert irradiance(light) == pytest.approx(exact, rel=0.03 if patches == FINE else 0.09)


def test_a_rectangle_sends_nothing_back():
    light = Rectangle(np.array([0, 0, 1.0]), UP[0], np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), (1, 1), 1.0)
    assert irradiance(light) == 0


@given(st.floats(0, 1.5), st.floats(0, 0.2))
def test_a_sun_goes_with_the_cosine(angle, radius):
    towards = np.array([math.sin(angle), 0, math.cos(angle)])
    expected = 3 * math.cos(angle)
    if angle + radius < math.pi / 2:  # else part of it has set
        assert irradiance(Sun(towards, 3.0, radius, 1e6)) == pytest.approx(expected, rel=0.03, abs=2e-3)


def test_a_spot_shines_in_its_cone_alone():
    spot = above(axis=np.array([0.0, 0, -1]), inner=math.cos(0.2), outer=math.cos(0.4))
    point = above()
    beside = np.tan([0.1, 0.3, 0.5])
    lit = [spot.arriving(np.array([[x, 0, 0]], np.float32), 0).irradiance[0] for x in beside]
    whole = [point.arriving(np.array([[x, 0, 0]], np.float32), 0).irradiance[0] for x in beside]
    assert lit[0] == pytest.approx(whole[0])
    assert 0 < lit[1] < whole[1]
    assert lit[2] == 0


@given(st.floats(-1, 1), st.floats(0, 7))
def test_frames_are_square(height, turn):
    flat = math.sqrt(1 - height**2)
    way = np.array([[flat * math.cos(turn), flat * math.sin(turn), height]])
    basis = np.concatenate([way, *beside(way)])
    np.testing.assert_allclose(basis @ basis.T, np.eye(3), atol=1e-6)


def test_rays_end_on_the_sphere():
    sphere = Sphere(np.array([1.0, 2.0, 3.0]), 0.5, 1.0)
    for patch in range(sphere.count):
        target = sphere.arriving(ORIGIN, patch).target[0]
        assert np.linalg.norm(target - sphere.position) == pytest.approx(0.5, rel=1e-3)
        assert np.linalg.norm(target) < np.linalg.norm(sphere.position)
