"""Dr.Jit's backends, where they work, and scenes whose light can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from relumix.dataset.light_stage.sdf.backend import Types, choose
from relumix.dataset.light_stage.sdf.scene import Camera, Ground, Lamp, Material, Part, Scene, Sky, Thing
from relumix.errors import InputError

GREY = Material((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
SIZE = (32, 20)


def types_of(device: str) -> Types:
    pytest.importorskip("drjit", reason="rendering needs drjit")
    try:
        return choose(device)
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def types() -> Types:
    return types_of("auto")


def unit(*vector: float) -> np.ndarray:
    return np.array(vector) / np.linalg.norm(vector)


def sun(*towards: float, colour=(2.0, 2.0, 2.0), hardness: float = 200.0) -> Lamp:
    return Lamp("sun", unit(*towards), np.array(colour), hardness, np.zeros(3))


def places(*spots, angles=None) -> np.ndarray:
    made = np.tile(np.eye(4), (len(spots), 1, 1))
    made[:, :3, 3] = spots
    for place, angle in zip(made, angles or [0.0] * len(spots), strict=True):
        c, s = math.cos(angle), math.sin(angle)
        place[:2, :2] = [[c, -s], [s, c]]
    return made


def ball(*spots, radius: float = 0.5, angles=None, material: Material = GREY) -> Thing:
    part = Part("ellipsoid", (radius, radius, radius))
    return Thing("ball", (part,), material, places(*spots, angles=angles))


def scene(things=(), lamps=(), eyes=((0, -5, 2),), targets=((0, 0, 0.5),), ground: Material = GREY) -> Scene:
    """A level ground, a white sky and what is asked for."""
    white = np.ones(3)
    sky = Sky(white, white, white, unit(0, 0, 1), np.zeros(3), 1.0)
    camera = Camera("dolly", np.array(eyes, float), np.array(targets, float), math.radians(50))
    around = Ground(0.0, 0.1, (), None, (ground, GREY, GREY))
    return Scene(1, 1, "open ground", around, tuple(things), camera, sky, tuple(lamps))
