"""Surfaces answer with no more light than they get."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.reference.lights.surface import Surface


def answered(surface, cosine, count=160):
    """What a white surface sends to an eye at a cosine to its normal, under light of 1 from everywhere: 1 at most."""
    step = (np.arange(count) + 0.5) / count
    height, turn = (each.ravel() for each in np.meshgrid(np.sqrt(step), 2 * math.pi * step))
    aside = np.sqrt(1 - height**2)
    ways = np.stack([aside * np.cos(turn), aside * np.sin(turn), height], -1).astype(np.float32)
    normal = np.broadcast_to(np.float32([0, 0, 1]), ways.shape)
    eye = np.broadcast_to(np.float32([math.sqrt(1 - cosine**2), 0, cosine]), ways.shape)
    gloss = surface.gloss(normal, eye, ways, np.zeros(len(ways), np.float32)) / (height / math.pi)
    matt = surface.matt(np.full(1, cosine, np.float32)) * surface.matt(height.astype(np.float32))
    return float(gloss.mean()), float(matt.mean())


@settings(max_examples=15)
@given(st.floats(0.4, 1), st.floats(0.02, 1), st.floats(0.15, 1))
def test_a_white_furnace_stays_white(roughness, specular, cosine):
    gloss, matt = answered(Surface(roughness, specular), cosine)
    assert gloss + matt == pytest.approx(1, abs=0.02)
    assert gloss == pytest.approx(Surface(roughness, specular).mirrored(cosine), abs=0.02)


def test_without_gloss_it_is_lambert():
    np.testing.assert_array_equal(Surface(0.5, 0.0).matt(np.float32([0.1, 0.5, 1])), 1)


def test_a_wider_light_has_a_wider_highlight():
    normal = np.float32([[0, 0, 1]])
    eye, off = normal, np.float32([[math.sin(0.6), 0, math.cos(0.6)]])
    narrow, wide = (Surface(0.2, 0.04).gloss(normal, eye, off, np.float32([each])) for each in (0, 0.5))
    assert wide > narrow
    middle = [Surface(0.2, 0.04).gloss(normal, eye, normal, np.float32([each])) for each in (0, 0.5)]
    assert middle[1] < middle[0]
