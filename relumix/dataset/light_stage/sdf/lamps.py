"""The lights of a scene: a sky, suns and lamps."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable

import numpy as np

from relumix.dataset.light_stage.sdf.scene import Float64, Ground, Lamp, Sky
from relumix.dataset.light_stage.sdf.ways import View

Random = np.random.Generator
Streams = Callable[..., Random]

LOW_SUN_DEG, HIGH_SUN_DEG = (14.0, 40.0), (35.0, 75.0)
SUN_HARDNESS, LAMP_HARDNESS = (8.0, 120.0), (3.0, 40.0)
SUN_IRRADIANCE, LAMP_IRRADIANCE = 3.0, 3.0
_TRIED = 60


def lamps_of(stream: Streams, view: View, ground: Ground, setting: str, count: int) -> tuple[Lamp, ...]:
    """Return `count` lamps: a low and a high sun, a spot, then lamps with and without a cone, in and out of sight."""
    found = []
    for i in range(count):
        random = stream("lamp", i)
        if i < 2:
            found.append(_sun(random, ground, (LOW_SUN_DEG, HIGH_SUN_DEG)[i]))
        else:
            found.append(_lamp(random, view, ground, spot=i == 2 or random.random() < 0.2))
    return tuple(found)


def sky(random: Random) -> Sky:
    """Return a clear, overcast or evening sky, or a studio with a soft box."""
    kind = str(random.choice(["clear", "overcast", "evening", "studio"], p=[0.35, 0.25, 0.2, 0.2]))
    above, horizon, below = _tint(random, 0.5), _tint(random, 0.35), _tint(random, 0.3) * random.uniform(0.05, 0.3)
    if kind == "clear":
        above, horizon = np.array([0.3, 0.5, 1.0]) * random.uniform(0.5, 1), np.array([0.8, 0.9, 1.0])
    if kind == "overcast":
        above, horizon = above * 1.2, above * 0.5
    if kind == "studio":
        above, horizon = above * random.uniform(0.02, 0.3), horizon * random.uniform(0.02, 0.3)
    strength = {"clear": 0.6, "overcast": 0.0, "evening": 1.5, "studio": 4.0}[kind] * random.uniform(0.5, 1.5)
    lobe = _direction(random.uniform(-180, 180), random.uniform(8, 60))
    return Sky(above, horizon, below, lobe, _tint(random, 0.5) * strength, math.exp(random.uniform(1.0, 3.0)))


def _sun(random: Random, ground: Ground, elevation_deg: tuple[float, float]) -> Lamp:
    """A sun that no wall hides: walls are endless. Down a street it shines along, more or less."""
    elevation = random.uniform(*elevation_deg)
    towards = _direction(0.0, elevation)
    for _ in range(_TRIED):
        azimuth = random.uniform(-180, 180)
        towards = _direction(azimuth, elevation)
        along = abs(math.cos(math.radians(azimuth))) > 0.85 or elevation > 50
        if all(x * towards[0] + y * towards[1] > 0.08 for x, y, _ in ground.walls) and (not ground.houses or along):
            break
    warmth = float(np.clip(elevation / 40, 0, 1))
    tint = np.array([1.0, 0.55 + 0.4 * warmth, 0.25 + 0.65 * warmth])
    hardness = math.exp(random.uniform(*np.log(SUN_HARDNESS)))
    return Lamp("sun", towards, tint * SUN_IRRADIANCE, hardness, np.zeros(3))


def _lamp(random: Random, view: View, ground: Ground, spot: bool) -> Lamp:
    """A lamp over the picture, beside it or in it, before all walls."""
    wide = view.width(view.distance)
    target = np.array([random.normal(0, 0.15) * wide, random.normal(0, 0.15) * view.distance, 0.4])
    place = target + np.array([0, 0, 3.0])
    for _ in range(_TRIED):
        away = view.distance * random.uniform(0.25, 0.8)
        flat, up = random.uniform(0, math.tau), random.uniform(0.2, 1.1)
        offset = np.array([math.cos(flat) * math.cos(up), math.sin(flat) * math.cos(up), math.sin(up)])
        place = target + away * offset
        street = ground.houses is None or abs(place[0]) < ground.houses[0] - 0.1
        if street and all(x * place[0] + y * place[1] + d > 0.3 for x, y, d in ground.walls):
            break
    away = float(np.linalg.norm(target - place))
    axis = (target - place) / away
    cutoff = math.radians(random.uniform(14, 36)) if spot else math.pi
    hardness = math.exp(random.uniform(*np.log(LAMP_HARDNESS)))
    return Lamp(
        "spot" if spot else "lamp", place, _tint(random, 0.4) * LAMP_IRRADIANCE * away**2, hardness, axis, cutoff
    )


def _direction(azimuth_deg: float, elevation_deg: float) -> Float64:
    """A unit vector; azimuth counts from behind the camera."""
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    flat = np.array([math.sin(azimuth), -math.cos(azimuth), 0.0]) * math.cos(elevation)
    return np.asarray(flat + np.array([0, 0, math.sin(elevation)]))


def _tint(random: Random, saturation: float) -> Float64:
    """A colour of light of value 1: mostly between candle and blue sky, a fifth of the time any colour."""
    if random.random() < 0.2:
        return np.array(colorsys.hsv_to_rgb(random.random(), random.uniform(0, 2 * saturation), 1.0))
    warm = random.uniform(-1, 1) * saturation
    return np.array([1 - max(-warm, 0), 1 - 0.4 * abs(warm), 1 - max(warm, 0)])
