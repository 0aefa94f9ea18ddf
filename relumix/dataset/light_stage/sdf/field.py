"""The distance field of a frame, as Dr.Jit expressions: how far a point is from the nearest surface, and whose it is.

Signed-distance functions after Quilez, https://iquilezles.org/articles/distfunctions/; the smooth union is his
quadratic polynomial one. Distances are exact or short of the truth, so that a ray never steps through a surface.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import drjit as dr

from relumix.dataset.light_stage.sdf.backend import Types
from relumix.dataset.light_stage.sdf.scene import GROUND, HOUSES, WALLS
from relumix.dataset.light_stage.sdf.table import GROUPS, SINGLES, SLOTS, UNITS, WALLS_AT_MOST, Row

FAR = 60.0
_STEP = 0.85
_STEPS, _SHADOW_STEPS = 110, 48


class Field:
    """The surfaces of one frame. Points are Array3f."""

    def __init__(self, types: Types, row: Row) -> None:
        self._types = types
        self._turns = [[row.vector("turn", 3 * k + i) for i in range(3)] for k in range(len(SLOTS))]
        self._centres, self._halves = ([row.vector(name, k) for k in range(len(SLOTS))] for name in ("centre", "half"))
        names = ("rounding", "bump", "waves", "owner")
        self._rounding, self._bump, self._waves, self._owner = (
            [row.number(name, k) for k in range(len(SLOTS))] for name in names
        )
        self._blend = [row.number("blend", i) for i in range(len(GROUPS))]
        self._middles = [row.vector("middle", i) for i in range(len(UNITS))]
        self._radii = [row.number("radius", i) for i in range(len(UNITS))]
        # Idle parts of a smooth union have no owner, number 0.
        self._owners = [reduce(dr.maximum, [self._owner[k] for k in unit]) for unit in UNITS]
        self._hills = row.number("hills"), row.number("hills", 1)
        self._walls = [row.vector("walls", i) for i in range(WALLS_AT_MOST)]
        self._houses = [row.number("houses", i) for i in range(6)]

    def distance(self, point: Any) -> Any:
        """Return the signed distance to the nearest surface."""
        nearest = reduce(dr.minimum, (distance for distance, _ in self._backdrop(point)))
        for unit in range(len(UNITS)):
            nearest = self._nearer(unit, point, nearest)
        return nearest

    def _nearer(self, unit: int, point: Any, nearest: Any) -> Any:
        """The smaller of a distance and that to a unit, which is only looked at where it may be nearer."""
        away = point - self._middles[unit]
        bound = nearest + self._radii[unit]

        def look(nearest: Any) -> Any:
            return dr.minimum(nearest, self._unit(unit, point))

        near = (bound > 0) & (dr.squared_norm(away) < bound * bound)
        return dr.if_stmt((nearest,), near, look, lambda nearest: nearest)

    def owner(self, point: Any) -> Any:
        """Return the number of what is nearest (see scene.FIRST_THING), UInt32."""
        nearest, owner = dr.full(self._types.Float, FAR, dr.width(point)), self._types.Float(0)
        units = ((self._unit(unit, point), self._owners[unit]) for unit in range(len(UNITS)))
        for distance, number in (*self._backdrop(point), *units):
            owner = dr.select(distance < nearest, number, owner)
            nearest = dr.minimum(nearest, distance)
        return self._types.UInt32(owner + 0.5)

    def normal(self, point: Any, width: Any) -> Any:
        """Return the unit normal, by differences over `width`."""
        total = self._types.Array3f(0)
        for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
            way = self._types.Array3f(*corner)
            total += way * self.distance(point + way * width)
        return dr.normalize(total)

    def march(self, origin: Any, way: Any, far: Any) -> Any:
        """Return how far a ray goes to what it meets, `far` or more where it meets nothing before."""

        def going_on(t: Any, i: Any, live: Any) -> Any:
            return live

        def step(t: Any, i: Any, live: Any) -> Any:
            distance = self.distance(origin + way * t)
            t = t + _STEP * distance
            return t, i + 1, (distance > 1e-4 + 1e-4 * t) & (t < far) & (i < _STEPS)

        state = (dr.full(self._types.Float, 0.02, dr.width(way)), dr.zeros(self._types.UInt32, dr.width(way)))
        t, _, _ = dr.while_loop((*state, dr.full(self._types.Bool, True, dr.width(way))), going_on, step)
        return t

    def visibility(self, origin: Any, way: Any, hardness: Any, far: Any, steps: int = _SHADOW_STEPS) -> Any:
        """Return the share of a light seen from a point, 0 to 1: soft, by how near the way passes to surfaces."""

        def going_on(t: Any, seen: Any, i: Any, live: Any) -> Any:
            return live

        def step(t: Any, seen: Any, i: Any, live: Any) -> Any:
            distance = self.distance(origin + way * t)
            seen = dr.minimum(seen, hardness * distance / t)
            t = t + dr.clip(distance, 0.015 + 0.01 * t, 1.5)
            return t, seen, i + 1, (seen > 1e-3) & (t < far) & (i < steps)

        width = dr.width(way)
        state = (dr.full(self._types.Float, 0.03, width), dr.full(self._types.Float, 1, width))
        live = dr.full(self._types.Bool, True, width)
        _, seen, _, _ = dr.while_loop((*state, dr.zeros(self._types.UInt32, width), live), going_on, step)
        seen = dr.clip(seen, 0, 1)
        return seen * seen * (3 - 2 * seen)

    def _backdrop(self, point: Any) -> list[tuple[Any, float]]:
        """(distance, owner) of ground, walls and houses."""
        height, waves = self._hills
        hills = height * (_wave(waves * point.x) * _wave(waves * point.y) - 1)
        walls = [(wall.x * point.x + wall.y * point.y + wall.z, float(WALLS)) for wall in self._walls]
        return [(point.z - hills, float(GROUND)), *walls, (self._row_of_houses(point), float(HOUSES))]

    def _unit(self, unit: int, point: Any) -> Any:
        """The distance to a smooth union, or to a part that stands alone."""
        first, *others = UNITS[unit]
        distance = self._part(first, point)
        for k in others:
            distance = _smooth_union(distance, self._part(k, point), self._blend[unit])
        return distance

    def _row_of_houses(self, point: Any) -> Any:
        street, wide, deep, high, period, start = self._houses
        y = point.y - start
        inside = self._types.Array3f(
            dr.abs(point.x) - (street + wide), y - period * dr.round(y / period), point.z - high
        )
        return _box(inside, self._types.Array3f(wide, deep, high), self._types.Float(0.0))

    def _part(self, k: int, point: Any) -> Any:
        away = point - self._centres[k]
        first, second, third = self._turns[k]
        own = first * away.x + second * away.y + third * away.z
        half, rounding = self._halves[k], self._rounding[k]
        if SLOTS[k] == "box":
            distance = _box(own, half, rounding)
        elif SLOTS[k] == "ellipsoid":
            distance = _ellipsoid(own, half)
        elif SLOTS[k] == "rod":
            distance = _rod(own, half, rounding)
        else:
            distance = _ring(own, half)
        if k >= len(SLOTS) - len(SINGLES):
            return distance
        waves, bump = self._waves[k], self._bump[k]
        return distance + bump * _wave(waves * own.x) * _wave(waves * own.y + 0.2) * _wave(waves * own.z + 0.4)


def _box(p: Any, half: Any, rounding: Any) -> Any:
    out = dr.abs(p) - half + rounding
    return dr.norm(dr.maximum(out, 0)) + dr.minimum(dr.maximum(out.x, dr.maximum(out.y, out.z)), 0) - rounding


def _ellipsoid(p: Any, half: Any) -> Any:
    scaled = p / half
    length = dr.norm(scaled)
    return length * (length - 1) / dr.maximum(dr.norm(scaled / half), 1e-6)


def _rod(p: Any, half: Any, rounding: Any) -> Any:
    out_x = dr.sqrt(p.x * p.x + p.y * p.y) - half.x + rounding
    out_z = dr.abs(p.z) - half.z + rounding
    beyond_x, beyond_z = dr.maximum(out_x, 0), dr.maximum(out_z, 0)
    return dr.sqrt(beyond_x * beyond_x + beyond_z * beyond_z) + dr.minimum(dr.maximum(out_x, out_z), 0) - rounding


def _ring(p: Any, half: Any) -> Any:
    out = dr.sqrt(p.x * p.x + p.y * p.y) - half.x
    return dr.sqrt(out * out + p.z * p.z) - half.y


def _smooth_union(a: Any, b: Any, radius: Any) -> Any:
    near = dr.maximum(radius - dr.abs(a - b), 0) / radius
    return dr.minimum(a, b) - near * near * radius * 0.25


def _wave(x: Any) -> Any:
    """A wave of period 1 between -1 and 1, of parabolas: much cheaper than a sine, and as smooth to light."""
    t = x - dr.floor(x) - 0.5
    return t * (8 - 16 * dr.abs(t))
