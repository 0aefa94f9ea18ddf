"""The things that stand in a scene: each about 2 units across and high, its foot at z = 0, made of a few parts.

Which kinds there are is part of a generator's version (`KINDS`): a new kind joins in a new version, so that the seeds
of old ones keep their scenes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from relumix.dataset.light_stage.sdf.scene import Float64, Part

Random = np.random.Generator


@dataclass(frozen=True)
class Shape:
    """The parts of a thing, and the radius of their smooth union (0: none)."""

    parts: tuple[Part, ...]
    blend: float = 0.0


def turned(axis: str, angle: float) -> Float64:
    """Return the rotation [3, 3] by an angle in radians round an axis."""
    c, s = math.cos(angle), math.sin(angle)
    turns = {"x": [[1, 0, 0], [0, c, -s], [0, s, c]], "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]]}
    return np.array(turns.get(axis, [[c, -s, 0], [s, c, 0], [0, 0, 1]]), np.float64)


def _along(foot: Float64, tip: Float64, radius: float) -> Part:
    """A capsule from a foot to a tip."""
    way = tip - foot
    length = float(np.linalg.norm(way))
    tilt, around = math.acos(way[2] / length), math.atan2(way[1], way[0])
    turn = turned("z", around) @ turned("y", tilt)
    middle = (foot + tip) / 2
    place = (float(middle[0]), float(middle[1]), float(middle[2]))
    return Part("rod", (radius, 0.0, length / 2 + radius), place, turn, rounding=0.99 * radius)


def _ball(random: Random) -> Shape:
    wide, deep, high = random.uniform(0.6, 1, 3)
    return Shape((Part("ellipsoid", (wide, deep, high), (0, 0, high)),))


def _box(random: Random) -> Shape:
    wide, deep, high = random.uniform(0.35, 0.95, 3)
    rounding = float(random.choice([0.01, 0.04, 0.15])) * min(wide, deep, high)
    return Shape((Part("box", (wide, deep, high), (0, 0, high), rounding=rounding),))


def _crates(random: Random) -> Shape:
    parts, top = [], 0.0
    for _ in range(3):
        wide, deep, high = random.uniform(0.3, 0.75), random.uniform(0.3, 0.75), random.uniform(0.15, 0.4)
        place = (float(random.uniform(-0.15, 0.15)), float(random.uniform(-0.15, 0.15)), top + high)
        parts.append(Part("box", (wide, deep, high), place, turned("z", random.uniform(-0.7, 0.7)), rounding=0.015))
        top += 2 * high
    return Shape(tuple(parts))


def _vase(random: Random) -> Shape:
    belly, high = random.uniform(0.5, 0.9), random.uniform(0.6, 0.8)
    neck = random.uniform(0.15, 0.35)
    foot = Part("ellipsoid", (belly, belly, high), (0, 0, high))
    upper = Part("rod", (neck, 0, 0.4), (0, 0, 2 * high + 0.1), rounding=0.05)
    return Shape((foot, upper), blend=random.uniform(0.15, 0.4))


def _blob(random: Random) -> Shape:
    bump, waves = random.uniform(0.02, 0.07), random.uniform(0.6, 1.6)
    sizes = random.uniform(0.35, 0.8, (2, 3))
    aside = random.normal(0, 0.35, 3)
    low = float(sizes[0, 2])
    parts = (
        Part("ellipsoid", tuple(sizes[0]), (0, 0, low), bump=bump, waves=waves),
        Part("ellipsoid", tuple(sizes[1]), (float(aside[0]), float(aside[1]), low + 0.6), bump=bump, waves=waves),
        Part("box", (0.5, 0.4, 0.35), (float(aside[1]), float(aside[2]), 0.4), turned("z", aside[0]), rounding=0.1),
    )
    return Shape(parts, blend=random.uniform(0.1, 0.5))


def _figure(random: Random) -> Shape:
    """Somebody who stands: legs, body and head."""
    broad = random.uniform(0.2, 0.28)
    legs = [_along(np.array([side, 0, 0.1]), np.array([side * 0.7, 0, 0.9]), 0.1) for side in (-0.16, 0.16)]
    body = _along(np.array([0, 0, 1.0]), np.array([0, 0, 1.5]), broad)
    head = Part("ellipsoid", (0.15, 0.17, 0.2), (0, -0.03, 2.0))
    return Shape((*legs, body, head))


def _ring(random: Random) -> Shape:
    radius, tube = random.uniform(0.6, 0.85), random.uniform(0.06, 0.25)
    turn = turned("x", random.uniform(0.9, 1.57))
    return Shape((Part("ring", (radius, tube, 0.0), (0, 0, radius + tube), turn),))


def _column(random: Random) -> Shape:
    radius = random.uniform(0.2, 0.45)
    return Shape((Part("rod", (radius, 0, 1.1), (0, 0, 1.1), rounding=0.02),))


def _car(random: Random) -> Shape:
    long, high = random.uniform(0.9, 1.1), random.uniform(0.16, 0.24)
    lower = Part("box", (long, 0.42, high), (0, 0, high + 0.12), rounding=0.1)
    cabin = Part("box", (0.5 * long, 0.36, 0.2), (-0.1, 0, 2 * high + 0.28), rounding=0.12)
    return Shape((lower, cabin))


def _panel(random: Random) -> Shape:
    wide, high = random.uniform(0.5, 1.0), random.uniform(0.6, 1.1)
    return Shape((Part("box", (wide, 0.025, high), (0, 0, high), turned("x", random.uniform(-0.2, 0.2))),))


def _table(random: Random) -> Shape:
    high, wide = random.uniform(0.6, 0.9), random.uniform(0.6, 0.95)
    top = Part("box", (wide, 0.5, 0.04), (0, 0, high), rounding=0.02)
    feet = [_along(np.array([x, 0, 0.0]), np.array([x, 0, high]), 0.04) for x in (-0.75 * wide, 0.75 * wide)]
    return Shape((top, *feet))


def _post(random: Random) -> Shape:
    """A lamp post or a sign: thin and high."""
    high, radius = random.uniform(1.8, 2.6), random.uniform(0.025, 0.06)
    post = Part("rod", (radius, 0, high / 2), (0, 0, high / 2), rounding=0.5 * radius)
    sign = Part("box", (0.28, 0.03, 0.2), (0, 0, high - 0.15), turned("z", random.uniform(-1, 1)))
    lantern = Part("ellipsoid", (0.16, 0.16, 0.2), (0, 0, high))
    return Shape((post, sign if random.random() < 0.5 else lantern))


def _sticks(random: Random) -> Shape:
    """Bare branches."""
    parts = []
    for _ in range(3):
        foot, tip = np.array([*random.normal(0, 0.12, 2), 0.0]), np.array([*random.normal(0, 0.6, 2), 0.0])
        parts.append(_along(foot, tip + np.array([0, 0, random.uniform(1, 2.2)]), random.uniform(0.015, 0.05)))
    return Shape(tuple(parts))


def _fence(random: Random) -> Shape:
    posts = [_along(np.array([x, 0, 0.0]), np.array([x, 0, 0.9]), 0.05) for x in (-0.9, 0.0, 0.9)]
    rail = Part("box", (1.0, 0.03, 0.06), (0, 0, 0.7))
    return Shape((*posts, rail))


SHAPES: dict[str, Callable[[Random], Shape]] = {
    "ball": _ball,
    "blob": _blob,
    "box": _box,
    "car": _car,
    "column": _column,
    "crates": _crates,
    "fence": _fence,
    "figure": _figure,
    "panel": _panel,
    "post": _post,
    "ring": _ring,
    "sticks": _sticks,
    "table": _table,
    "vase": _vase,
}

KINDS: dict[int, tuple[str, ...]] = {1: tuple(SHAPES)}
"""The kinds that each version of the generator draws from, in an order that never changes."""

THIN = ("post", "sticks", "fence", "panel")
CASTERS = ("figure", "car", "panel", "box", "ball", "column")


def scaled(shape: Shape, size: float) -> Shape:
    """Return a shape `size` times as large."""

    def one(part: Part) -> Part:
        half = (part.half[0] * size, part.half[1] * size, part.half[2] * size)
        place = (part.place[0] * size, part.place[1] * size, part.place[2] * size)
        return Part(part.kind, half, place, part.turn, part.rounding * size, part.bump * size, part.waves / size)

    return Shape(tuple(one(part) for part in shape.parts), shape.blend * size)


def reach(shape: Shape) -> tuple[float, float]:
    """Return how far a shape reaches from its axis, and how high."""
    wide = max(math.hypot(part.place[0], part.place[1]) + max(part.half[0], part.half[1]) for part in shape.parts)
    slanted = [part for part in shape.parts if part.turn is not None and part.kind == "rod"]
    wide = max([wide, *(abs(part.place[0]) + part.half[2] for part in slanted)])
    return wide, max(part.place[2] + max(part.half) for part in shape.parts)
