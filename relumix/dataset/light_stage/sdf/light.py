"""Light of the sky and of lamps on surfaces, each light alone, as Dr.Jit expressions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import drjit as dr

from relumix.dataset.light_stage.sdf.backend import Types
from relumix.dataset.light_stage.sdf.field import FAR, Field
from relumix.dataset.light_stage.sdf.surface import Surface
from relumix.dataset.light_stage.sdf.table import LAMP_ROW, Row

_SKY_WAYS, _SKY_STEPS, _SKY_REACH, _SKY_HARDNESS = 6, 12, 8.0, 2.5
_BOUNCE_STEPS = 10
_BETWEEN = 0.22
"""What of the sky's light comes from a surface that hides the sky."""


@dataclass(frozen=True)
class Hit:
    """Where rays met surfaces: points [3] a little off the surface, unit normals, unit ways to the eye."""

    point: Any
    normal: Any
    to_eye: Any
    surface: Surface
    under: Any
    """Mean albedo of the ground, [3], which throws a little light up."""

    def below(self) -> tuple[Any, Any]:
        """Return a point on the ground before the surface, and how much of its light falls on it (a form factor)."""
        types = type(self.point)
        aside = self.point + self.normal * 0.5
        return types(aside.x, aside.y, dr.minimum(self.point.z, 0.05)), dr.maximum(0.5 - 0.5 * self.normal.z, 0) * 0.8


@dataclass(frozen=True)
class Lit:
    """What one light does: radiance [3] to the eye, irradiance [3], and the share of the light that is seen."""

    radiance: Any
    irradiance: Any
    seen: Any


class SkyLight:
    """A frame's sky."""

    def __init__(self, types: Types, row: Row) -> None:
        self._types = types
        names = ("above", "horizon", "below", "lobe", "patch")
        self._above, self._horizon, self._below, self._lobe, self._patch = (row.vector(name) for name in names)
        self._sharpness = row.number("sharpness")

    def radiance(self, way: Any) -> Any:
        """Return what the sky sends from a direction, [3]."""
        height = dr.clip(way.z, 0, 1)
        sky = self._horizon + (self._above - self._horizon) * dr.sqrt(height)
        sky += self._patch * dr.exp(self._sharpness * (dr.dot(way, self._lobe) - 1))
        share = dr.clip(way.z * 8 + 0.5, 0, 1)
        return self._below + (sky - self._below) * share

    def light(self, field: Field, hit: Hit) -> Lit:
        """Return what the sky alone does: by a few directions round the normal, and one mirrored."""
        types = self._types
        across, down = _beside(types, hit.normal)
        width = dr.width(hit.normal)
        golden = math.pi * (3 - math.sqrt(5))

        def going_on(total: Any, open_share: Any, k: Any) -> Any:
            return k < _SKY_WAYS

        def look(total: Any, open_share: Any, k: Any) -> Any:
            height = dr.sqrt((types.Float(k) + 0.5) / _SKY_WAYS)
            aside, turn = dr.sqrt(1 - height * height), types.Float(k) * golden
            way = across * (aside * dr.cos(turn)) + down * (aside * dr.sin(turn)) + hit.normal * height
            seen = field.visibility(
                hit.point, way, types.Float(_SKY_HARDNESS), types.Float(_SKY_REACH), steps=_SKY_STEPS
            )
            sky = self.radiance(way)
            between = self._horizon * hit.under * (1 - seen) * _BETWEEN
            return total + sky * seen + between, open_share + seen, k + 1

        start = dr.zeros(types.Array3f, width), dr.zeros(types.Float, width), dr.zeros(types.UInt32, width)
        total, open_share, _ = dr.while_loop(start, going_on, look)
        irradiance = total * (math.pi / _SKY_WAYS)
        radiance = hit.surface.matt(irradiance) + self._mirrored(field, hit)
        return Lit(radiance, irradiance, open_share / _SKY_WAYS)

    def _mirrored(self, field: Field, hit: Hit) -> Any:
        facing = dr.maximum(dr.dot(hit.normal, hit.to_eye), 0)
        way = hit.normal * (2 * facing) - hit.to_eye
        hardness = 2 / dr.maximum(hit.surface.roughness, 0.05)
        # What mirrors nothing need not look.
        reach = dr.select(hit.surface.gloss + hit.surface.metal > 0, _SKY_REACH, 0.0)
        seen = field.visibility(hit.point, way, hardness, reach, steps=24)
        sky = self.radiance(way) * seen + self._horizon * hit.under * ((1 - seen) * 0.5)
        return hit.surface.facing(facing) * sky * (1 - 0.6 * hit.surface.roughness)


class Lamps:
    """The suns and lamps of the frames, `count` a frame."""

    def __init__(self, types: Types, numbers: Any) -> None:
        self._types, self._numbers = types, numbers

    def light(self, field: Field, hit: Hit, index: Any) -> Lit:
        """Return what lamp `index` (counted over all frames) alone does."""
        types = self._types
        row = [dr.gather(types.Float, self._numbers, index * LAMP_ROW + k) for k in range(LAMP_ROW)]
        vector, sun, colour, hardness = types.Array3f(*row[:3]), row[3] > 0.5, types.Array3f(*row[4:7]), row[7]
        axis, outer, inner = types.Array3f(*row[8:11]), row[11], row[12]
        strength, way, far = self._reaching(hit.point, vector, sun, axis, outer, inner)
        facing = dr.maximum(dr.dot(hit.normal, way), 0)
        lit = (facing > 0) & (strength > 0)
        seen = dr.select(lit, field.visibility(hit.point, way, hardness, dr.select(lit, far, 0.0)), 0.0)
        direct = colour * (strength * seen * facing)
        spot, share = hit.below()
        ground_strength, ground_way, ground_far = self._reaching(spot, vector, sun, axis, outer, inner)
        thrown = ground_strength * dr.maximum(ground_way.z, 0) * share
        reach = dr.select(thrown > 0, ground_far, 0.0)
        thrown *= field.visibility(spot, ground_way, hardness * 0.3, reach, steps=_BOUNCE_STEPS)
        bounced = hit.under * colour * thrown
        irradiance = direct + bounced
        shine = hit.surface.shine(hit.normal, hit.to_eye, way) * direct
        return Lit(hit.surface.matt(irradiance) + shine, irradiance, seen)

    def _reaching(self, point: Any, vector: Any, sun: Any, axis: Any, outer: Any, inner: Any) -> tuple[Any, Any, Any]:
        """Return how strong a lamp is at a point if nothing hides it, the way to it, and how far it is."""
        offset = vector - point
        away = dr.norm(offset)
        way = dr.select(sun, vector, offset / away)
        cone = dr.clip((dr.dot(-way, axis) - outer) / (inner - outer), 0, 1)
        strength = dr.select(sun, 1.0, cone * cone * (3 - 2 * cone) / (away * away + 0.05))
        return strength, way, dr.select(sun, FAR * 0.5, away)


def _beside(types: Types, normal: Any) -> tuple[Any, Any]:
    """Return two unit vectors at right angles to a unit vector, and to each other."""
    other = dr.select(dr.abs(normal.x) < 0.9, types.Array3f(1, 0, 0), types.Array3f(0, 1, 0))
    across = dr.normalize(dr.cross(normal, other))
    return across, dr.cross(normal, across)
