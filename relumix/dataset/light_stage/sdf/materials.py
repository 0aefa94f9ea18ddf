"""What things, ground, walls and houses are made of."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable

import numpy as np

from relumix.dataset.light_stage.sdf.scene import Material
from relumix.dataset.light_stage.sdf.textures import NAMES

Random = np.random.Generator
Streams = Callable[..., Random]

PHOTO_SHARE = 0.3
GLOSSY_SHARE, METAL_SHARE = 0.4, 0.1

ON_THINGS = ("flat", "clouds", "checks", "stripes", "tiles", "speckles", "dots", "planks", "marble")
ON_GROUND = ("flat", "clouds", "checks", "bricks", "tiles", "speckles", "planks")
ON_WALLS = ("flat", "clouds", "stripes", "bricks", "tiles", "planks")


def material(random: Random) -> Material:
    """Return a thing's material: matt, glossy or metal."""
    return _made(random, ON_THINGS, (0.3, 1.6), METAL_SHARE)


def ground_materials(stream: Streams) -> tuple[Material, Material, Material]:
    """Return the materials of ground, walls and houses."""
    houses = stream("material", "houses")
    fronts = ("windows",) if houses.random() < 0.75 else ON_WALLS
    return (
        _made(stream("material", "ground"), ON_GROUND, (0.08, 0.5), 0.0),
        _made(stream("material", "walls"), ON_WALLS, (0.1, 0.5), 0.0),
        _made(houses, fronts, (0.12, 0.3), 0.0),
    )


def colour(random: Random) -> tuple[float, float, float]:
    """Return an albedo from near black to near white, mostly of restrained saturation."""
    saturation, value = random.beta(1.3, 3.2), random.uniform(0.2, 0.95)
    encoded = np.array(colorsys.hsv_to_rgb(random.random(), saturation, value))
    red, green, blue = 0.02 + 0.83 * encoded**2.2
    return float(red), float(green), float(blue)


def _made(random: Random, kinds: tuple[str, ...], scales: tuple[float, float], metal_share: float) -> Material:
    photo = kinds != ("windows",) and random.random() < PHOTO_SHARE
    kind = "leaves" if photo else kinds[int(random.integers(len(kinds)))]
    numbers = [i for i, name in enumerate(NAMES) if name == kind]
    texture = numbers[int(random.integers(len(numbers)))]
    scale = math.exp(random.uniform(*np.log(scales))) * (2 if photo else 1)
    first, second = colour(random), colour(random)
    if photo:
        red, green, blue = np.clip(0.55 + 0.45 * random.random() + random.normal(0, 0.06, 3), 0.3, 1.1)
        first = (float(red), float(green), float(blue))
    glossy, metal = random.random() < GLOSSY_SHARE, random.random() < metal_share
    gloss = random.uniform(0.02, 0.08) if glossy or metal else 0.0
    roughness = random.uniform(0.12, 0.55)
    if metal:
        first, second = ((max(r, 0.3), max(g, 0.3), max(b, 0.3)) for r, g, b in (first, second))
    return Material(first, second, texture, scale, float(photo), gloss, roughness, float(metal))
