"""The light on a whole picture."""

import math
from dataclasses import replace

import numpy as np
import pytest

from relumix.reference.lights import ambient
from relumix.reference.lights.dome import Dome
from relumix.reference.lights.emitters import Sphere, Sun
from relumix.reference.lights.lighting import Lamp, Stage
from relumix.reference.lights.maker import added_light
from relumix.reference.lights.rig import Rig
from relumix.reference.lights.surface import Surface
from tests.reference.lights.stages import ball_on_floor, floor

MATT = Surface(0.5, 0.0)
WHITE = np.ones(3)
SEEN = ball_on_floor()


def lit(emitter, geometry=SEEN.geometry, color=WHITE, surface=MATT, **options):
    return Stage(geometry, surface, 1.0).lit(Lamp(emitter, np.asarray(color, float), **options))


def point(x=1.0, y=2.0, z=-2.0, power=100.0, radius=0.0):
    return Sphere(np.array([x, y, z]), radius, power)


def quiet(share, words):
    pass


def test_a_point_over_a_floor():
    """albedo / pi * power / (4 pi d^2) * cosine, at every pixel."""
    geometry = floor()
    offset = np.array([1.0, 2.0, -2.0]) - geometry.position
    away = np.linalg.norm(offset, axis=-1)
    exact = 0.5 / math.pi * 100 / (4 * math.pi * away**2) * np.maximum(offset[..., 1] / away, 0)
    np.testing.assert_allclose(lit(point(), geometry)[..., 0], np.where(geometry.known, exact, 0), rtol=1e-4)


def test_lights_add_up():
    """In their order or another, and each in its colour."""
    one, other = Lamp(point(), np.array([1.0, 0.5, 0])), Lamp(Sun(np.array([0.0, 1, 0]), 2, 0.01, 1e6), WHITE)
    rig = Rig(1.0, 1.0, MATT, None, (one, other), ())
    both = added_light(rig, SEEN.geometry, quiet)
    each = [added_light(replace(rig, lamps=(lamp,)), SEEN.geometry, quiet) for lamp in (one, other)]
    np.testing.assert_allclose(both, sum(each), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(each[0], each[0][..., :1] * [1, 0.5, 0], rtol=1e-5)


def test_twice_the_power_is_twice_the_light():
    np.testing.assert_allclose(lit(point(power=200)), 2 * lit(point()), rtol=1e-5)


def test_the_shadow_of_the_ball_is_dark_and_can_be_left_out():
    light = point(0, 4, -3.5)
    shadowed, open_light = lit(light), lit(light, shadows=False)
    assert (shadowed <= open_light + 1e-6).all()
    dark = (SEEN.what == "floor") & (shadowed[..., 0] == 0)
    assert dark.sum() > 20
    assert (open_light[dark] > 0).all()


def test_a_larger_light_has_a_softer_shadow_of_as_much_light():
    hard, soft = lit(point(0, 4, -3.5)), lit(point(0, 4, -3.5, radius=0.6))
    between = [
        np.count_nonzero((each[..., 0] > 0.05 * hard.max()) & (each[..., 0] < 0.6 * each[30:].max()))
        for each in (hard, soft)
    ]
    assert between[1] > between[0]
    assert soft.mean() == pytest.approx(hard.mean(), rel=0.03)


def test_the_same_twice():
    sized = point(radius=0.4)
    np.testing.assert_array_equal(lit(sized), lit(sized))


def test_the_sky_gets_nothing():
    geometry = floor()
    assert not lit(point(), geometry)[~geometry.known].any()


def test_a_picture_of_sky_alone():
    geometry = floor()
    nothing = replace(geometry, known=np.zeros_like(geometry.known))
    assert not added_light(Rig(1, 1, MATT, None, (Lamp(point(), WHITE),), ()), nothing, quiet).any()


def by_dome(geometry, *, shadows=True):
    pieces = Dome(np.ones((32, 64, 3), np.float32), np.array([0.0, 1, 0])).pieces
    lamps = tuple(ambient.lamps_of(pieces, WHITE, shadows=shadows))
    return added_light(Rig(1, 1, MATT, None, (), (lamps,)), geometry, quiet)


def test_an_even_dome_on_an_open_floor():
    """An irradiance of pi, of which an albedo of 0.5 sends on 0.5."""
    geometry = floor()
    np.testing.assert_allclose(by_dome(geometry)[geometry.known], 0.5, rtol=0.03)


def test_a_dome_is_darker_under_things():
    shadowed, free = by_dome(SEEN.geometry), by_dome(SEEN.geometry, shadows=False)
    ground = SEEN.what == "floor"
    apart = np.linalg.norm(SEEN.geometry.position[..., [0, 2]] - [0, -4], axis=-1)
    share = shadowed[..., 0] / np.maximum(free[..., 0], 1e-6)
    assert share[ground & (apart < 0.6)].mean() < 0.9 * share[ground & (apart > 1.2) & (apart < 2)].mean()
    assert share.max() <= 1 + 1e-4


def test_gloss_is_added():
    glossy = lit(point(), surface=Surface(0.3, 0.04))
    matt = lit(point())
    ball = SEEN.what == "ball"
    assert glossy[ball].max() > 1.2 * matt[ball].max()
