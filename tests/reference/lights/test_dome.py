"""Surroundings as suns."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.reference.lights.dome import Dome

Y, Z = np.array([0.0, 1, 0]), np.array([0.0, 0, 1])


def irradiance(dome, normal):
    """What a surface gets of it, [3]."""
    pieces = [*dome.suns, *dome.pieces]
    return sum(piece.irradiance * max(piece.towards @ normal, 0) for piece in pieces)


def spot_at(row, column, radius=1, height=32):
    picture = np.zeros((height, 2 * height, 3), np.float32)
    picture[row - radius : row + radius, column - radius : column + radius] = 1
    return picture


@settings(max_examples=20)
@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3).filter(lambda v: np.linalg.norm(v) > 0.1))
def test_radiance_1_from_everywhere_is_an_irradiance_of_pi(normal):
    """Of 64 pieces, within 2.5 %: that is the most it is off in any direction."""
    found = irradiance(Dome(np.ones((32, 64, 3), np.float32), Y), np.array(normal) / np.linalg.norm(normal))
    np.testing.assert_allclose(found, math.pi, rtol=0.026)


@pytest.mark.parametrize("up", [Y, Z, -Y, np.array([1.0, 0, 0])])
def test_all_of_the_light_is_there(up):
    picture = np.random.default_rng(0).uniform(0, 5, (30, 60, 3)).astype(np.float32)
    dome = Dome(picture, up)
    latitude = math.pi * (0.5 - np.arange(31) / 30)
    solid = (np.sin(latitude[:-1]) - np.sin(latitude[1:])) * 2 * math.pi / 60
    total = sum(piece.irradiance for piece in [*dome.suns, *dome.pieces])
    np.testing.assert_allclose(total, (picture * solid[:, None, None]).sum((0, 1)), rtol=1e-6)
    assert all(np.linalg.norm(piece.towards) == pytest.approx(1) for piece in dome.pieces)


def towards(picture, up, turn=0.0):
    dome = Dome(picture, up, turn)
    pieces = [*dome.suns, *dome.pieces]
    middle = sum(piece.towards * piece.irradiance.sum() for piece in pieces)
    return middle / np.linalg.norm(middle)


def test_the_middle_of_the_picture_is_ahead_and_its_right_is_on_the_right():
    middle, right, top = spot_at(16, 32), spot_at(16, 48), spot_at(1, 10)
    np.testing.assert_allclose(towards(middle, Y), [0, 0, -1], atol=0.01)
    np.testing.assert_allclose(towards(right, Y), [1, 0, 0], atol=0.01)
    np.testing.assert_allclose(towards(middle, Z), [0, 1, 0], atol=0.01)
    np.testing.assert_allclose(towards(right, Z), [1, 0, 0], atol=0.01)
    assert towards(top, Y)[1] > 0.95


@given(st.floats(-6, 6))
def test_it_turns_to_the_right(turn):
    expected = [math.sin(turn), 0, -math.cos(turn)]
    np.testing.assert_allclose(towards(spot_at(16, 32), Y, turn), expected, atol=0.01)


def test_pieces_turn_with_the_picture():
    picture = np.random.default_rng(1).uniform(0, 1, (16, 32, 3)).astype(np.float32)
    one, other = Dome(picture, Y).pieces, Dome(picture, Y, 0.3).pieces
    for piece, turned in zip(one, other, strict=True):
        np.testing.assert_allclose(piece.irradiance, turned.irradiance)
        assert piece.towards[1] == pytest.approx(turned.towards[1])


def test_a_sun_in_the_picture_is_one():
    picture = np.full((180, 360, 3), 0.1, np.float32)
    picture[60, 90] = 50000
    (sun,) = Dome(picture, Y).suns
    elevation = math.radians(90 - 60.5)
    expected = [-math.cos(elevation), math.sin(elevation), 0]
    np.testing.assert_allclose(sun.towards, expected, atol=0.02)
    assert math.degrees(sun.radius) < 1
    assert not Dome(np.ones((32, 64, 3), np.float32), Y).suns


def test_black_surroundings_shine_nothing():
    dome = Dome(np.zeros((16, 32, 3), np.float32), Y)
    assert (dome.suns, dome.pieces) == ([], [])
