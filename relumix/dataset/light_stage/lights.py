"""The lights of a scene: described here with numpy, lit one at a time by the stage."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relumix.dataset.light_stage.meshes import Mesh, grid, move, scale, sheet, superellipsoid, turn
from relumix.dataset.light_stage.textures import Float32, Float64, noise

Random = np.random.Generator

SUN_DISTANCE = 400.0
SUN_FACETS = 20
SKY_SHAPE = (64, 128)


@dataclass(frozen=True)
class Light:
    """One light around `origin` [3]. `radiance` [3] is what it shines with (a spot: its intensity), in relative units.

    A dome has a `sky` [h, w, 3], equirectangular, zenith first, that radiance multiplies; a spot has no size, points at
    `target` and sends a cone of `cutoff_deg` to each side; all others are a `mesh` that shines.
    """

    kind: str
    radiance: Float64
    origin: Float64
    mesh: Mesh | None = None
    sky: Float32 | None = None
    target: Float64 = field(default_factory=lambda: np.zeros(3))
    cutoff_deg: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def extent(self) -> float:
        """How far it reaches around its origin."""
        return 0.0 if self.mesh is None else float(np.linalg.norm(self.mesh.points - self.origin, axis=1).max())


def dome(random: Random) -> Light:
    """A clear, overcast or evening sky, or a studio's soft boxes, from every side."""
    zenith, azimuth = np.meshgrid(
        *(np.linspace(0, end, n) for end, n in zip((1, math.tau), SKY_SHAPE, strict=True)), indexing="ij"
    )
    kind = str(random.choice(["clear", "overcast", "evening", "studio"]))
    height = np.clip(1 - 2 * zenith, 0, 1)[..., None]
    above, horizon, below = _tint(random, 0.5), _tint(random, 0.35), _tint(random, 0.3) * random.uniform(0.05, 0.4)
    if kind == "clear":
        above, horizon = np.array([0.3, 0.5, 1.0]) * random.uniform(0.5, 1), np.array([0.8, 0.9, 1.0])
    sky = horizon + (above - horizon) * height ** random.uniform(0.3, 1)
    if kind == "overcast":
        sky = sky * (0.4 + 0.9 * height)
    lobes = {"clear": 1, "overcast": 0, "evening": 2, "studio": int(random.integers(2, 5))}[kind]
    if kind == "studio":
        sky = sky * random.uniform(0.02, 0.15)
    for _ in range(lobes):
        sky = sky + _lobe(random, zenith, azimuth)[..., None] * _tint(random, 0.5) * random.uniform(2, 8)
    cloud = np.clip(1 + random.uniform(0, 0.5) * noise(SKY_SHAPE, (4, 10), int(random.integers(2**31))), 0.2, 3)
    sky = np.where(zenith[..., None] < 0.5, sky * cloud[..., None], below)
    return Light("dome", np.ones(3), np.zeros(3), sky=sky.astype(np.float32), facts={"sky": kind})


def sun(random: Random, elevation_deg: tuple[float, float], azimuth_deg: tuple[float, float]) -> Light:
    """A far disc of 0.27 to 4 degrees' radius; azimuth is counted from behind the camera."""
    elevation, azimuth = random.uniform(*elevation_deg), random.uniform(*azimuth_deg)
    radius_deg = math.exp(random.uniform(math.log(0.27), math.log(4)))
    towards = _direction(azimuth, elevation)
    radius = SUN_DISTANCE * math.tan(math.radians(radius_deg))
    angle = np.linspace(0, math.tau, SUN_FACETS + 1)
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=-1) * radius
    disc = grid(np.stack([np.zeros_like(ring), ring])[:, ::-1])
    warmth = np.clip(elevation / 40, 0, 1)
    tint = np.array([1.0, 0.55 + 0.4 * warmth, 0.25 + 0.65 * warmth])
    strength = 3.0 / (math.pi * math.sin(math.radians(radius_deg)) ** 2)
    return Light(
        "sun",
        tint * strength,
        towards * SUN_DISTANCE,
        mesh=disc.moved(_facing(towards * SUN_DISTANCE, np.zeros(3))),
        facts={"elevation_deg": elevation, "azimuth_deg": azimuth, "radius_deg": radius_deg},
    )


def ball(random: Random, place: Float64, radius: float, kind: str = "sphere") -> Light:
    """A glowing ball."""
    shape = grid(superellipsoid(1, 1, rows=13, columns=21)).moved(move(*place) @ scale(radius))
    return Light(kind, _tint(random, 0.4) / radius**2, place, mesh=shape, facts=_where(place) | {"radius": radius})


def area(random: Random, place: Float64, target: Float64, size: float) -> Light:
    """A soft box: a rectangle that faces the target."""
    wide, high = size * random.uniform(0.4, 1.6, 2)
    shape = sheet(wide, high).moved(_facing(place, target))
    return Light("area", _tint(random, 0.4), place, mesh=shape, facts=_where(place) | {"size": [wide, high]})


def spot(random: Random, place: Float64, target: Float64) -> Light:
    """A cone of light that ends softly."""
    cutoff = random.uniform(10, 32)
    return Light(
        "spot",
        _tint(random, 0.4) * 100,
        place,
        target=target,
        cutoff_deg=cutoff,
        facts=_where(place) | {"cutoff_deg": cutoff},
    )


def _where(place: Float64) -> dict[str, Any]:
    return {"place": [round(float(x), 3) for x in place]}


def _direction(azimuth_deg: float, elevation_deg: float) -> Float64:
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    flat = np.array([math.sin(azimuth), -math.cos(azimuth), 0.0]) * math.cos(elevation)
    return np.asarray(flat + np.array([0, 0, math.sin(elevation)]))


def _facing(place: Float64, target: Float64) -> Float64:
    """The matrix that turns what faces z towards the target and puts it in its place."""
    x, y, z = np.asarray(target) - place
    pitch, yaw = math.degrees(math.atan2(math.hypot(x, y), z)), math.degrees(math.atan2(y, x))
    return np.asarray(move(*place) @ turn("z", yaw) @ turn("y", pitch))


def _lobe(random: Random, zenith: Float64, azimuth: Float64) -> Float64:
    """A soft bright patch somewhere above the horizon."""
    up, around = random.uniform(0.1, 0.45), random.uniform(0, math.tau)
    apart = np.abs((azimuth - around + math.pi) % math.tau - math.pi) / math.pi
    wide, high = random.uniform(0.04, 0.25), random.uniform(0.03, 0.12)
    return np.asarray(np.exp(-((apart / wide) ** 4) - ((zenith - up) / high) ** 4))


def _tint(random: Random, saturation: float) -> Float64:
    """A colour of light of value 1: mostly between candle and blue sky, a fifth of the time any colour."""
    if random.random() < 0.2:
        return np.array(colorsys.hsv_to_rgb(random.random(), random.uniform(0, 2 * saturation), 1.0))
    warm = random.uniform(-1, 1) * saturation
    return np.array([1 - max(-warm, 0), 1 - 0.4 * abs(warm), 1 - max(warm, 0)])
