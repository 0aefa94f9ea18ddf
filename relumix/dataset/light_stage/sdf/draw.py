"""A scene from its seed. Everything draws from a stream of random numbers of its own, so that none shifts others.

The camera looks along +y from about (0, -distance), at a point above the origin. What a version of the generator draws
never changes: something new joins in a new version, and a stage's manifest says which version drew it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from zlib import crc32

import numpy as np

from relumix.dataset.light_stage.sdf import props, ways
from relumix.dataset.light_stage.sdf.lamps import lamps_of, sky
from relumix.dataset.light_stage.sdf.materials import ground_materials, material
from relumix.dataset.light_stage.sdf.props import Shape
from relumix.dataset.light_stage.sdf.scene import FIRST_THING, Camera, Float64, Ground, Lamp, Scene, Thing
from relumix.dataset.light_stage.sdf.table import slots_of
from relumix.dataset.light_stage.sdf.ways import View
from relumix.errors import InputError

GENERATOR = 1
"""The newest version."""

Random = np.random.Generator

SETTINGS = {"room": 0.4, "open ground": 0.3, "street": 0.3}
THINGS = (3, 7)
MOVING_SHARE, CASTER_SHARE, TURNTABLE_SHARE, NEAR_SHARE = 0.4, 0.65, 0.4, 0.35
TURNING = ("box", "vase", "figure", "car", "crates", "ring", "blob", "table")
_PLACES_TRIED = 12


class Streams:
    """The random numbers of a seed: a stream for each name."""

    def __init__(self, generator: int, seed: int) -> None:
        self._root = (generator, seed)

    def __call__(self, *names: str | int) -> Random:
        """Return the stream of a name, from its beginning."""
        words = [crc32(str(name).encode()) for name in names]
        return np.random.default_rng([*self._root, *words])


def draw(seed: int, frames: int, lights: int = 6, generator: int = GENERATOR) -> Scene:
    """Return the scene of a seed: a dome, two suns and lamps for the rest of its `lights`; `frames` from 1.

    Raises InputError for a version of the generator that this relumix does not know.
    """
    if generator not in props.KINDS:
        raise InputError(f"got generator {generator}, expected one of {', '.join(map(str, props.KINDS))}")
    stream = Streams(generator, seed)
    random = stream("view")
    view = View(random.uniform(4, 9), random.uniform(0.6, 3.2), math.radians(random.uniform(34, 62)), frames)
    setting = str(stream("setting").choice(list(SETTINGS), p=list(SETTINGS.values())))
    ground = _ground(stream, view, setting)
    camera = ways.camera(stream("camera"), view, setting)
    lamps = lamps_of(stream, view, ground, setting, lights - 1)
    things: list[Thing] = []
    caster = _caster(stream, view, camera, ground, lamps)
    if caster is not None:
        things.append(caster)
    for thing in _drawn(stream, view, camera, ground, generator):
        if slots_of([*things, thing]) is not None:
            things.append(thing)
    casts = None if caster is None else FIRST_THING
    return Scene(seed, generator, setting, ground, tuple(things), camera, sky(stream("sky")), lamps, casts)


def _ground(stream: Streams, view: View, setting: str) -> Ground:
    random = stream("ground")
    walls: tuple[tuple[float, float, float], ...] = ()
    houses = None
    height, waves = (random.uniform(0, 0.12), random.uniform(0.1, 0.25)) if setting == "open ground" else (0.0, 0.1)
    if setting == "room":
        walls = ((*_facing(random.normal(0, 0.25)), view.distance * random.uniform(0.35, 1.0)),)
        if random.random() < 0.6:
            side = float(random.choice([-1, 1]))
            away = view.width(view.distance) * random.uniform(0.45, 0.75)
            walls += ((*_facing(side * (math.pi / 2 + random.normal(0, 0.15))), away),)
    if setting == "street":
        street = view.width(view.distance) * random.uniform(0.32, 0.6)
        wide, deep, high = random.uniform((1.5, 1.2, 0.6), (3, 2.5, 1.8))
        houses = (street, wide, deep, high, 2 * deep + random.uniform(0.3, 2.5), random.uniform(-3, 3))
    return Ground(height, waves, walls, houses, ground_materials(stream))


def _facing(angle: float) -> tuple[float, float]:
    """The normal of a wall behind the things (angle 0), turned about z."""
    return -math.sin(angle), -math.cos(angle)


def _drawn(stream: Streams, view: View, camera: Camera, ground: Ground, generator: int) -> list[Thing]:
    """What stands about: something on a turntable and something thin and near in some scenes, then anything."""
    taken: list[tuple[Float64, float]] = []
    things = []
    random = stream("things")
    turns, near, count = random.random() < TURNTABLE_SHARE, random.random() < NEAR_SHARE, random.integers(*THINGS) + 1
    names = ["turntable"] * turns + ["near"] * near + [f"thing {i}" for i in range(count)]
    for name in names:
        random = stream(name)
        kinds = {"turntable": TURNING, "near": props.THIN}.get(name, props.KINDS[generator])
        kind = kinds[int(random.integers(len(kinds)))]
        shape = props.SHAPES[kind](random)
        spot = _spot(random, view, camera, ground, shape, taken, name)
        if spot is None:
            continue
        base, depth, size = spot
        taken.append((base, size))
        heading = random.uniform(0, math.tau)
        if name == "turntable":
            places = ways.turning(random, view, base)
        elif random.random() < MOVING_SHARE:
            places = ways.moving(random, view, base, heading, depth)
        else:
            places = ways.still(view, base, heading)
        shape = props.scaled(shape, size)
        things.append(Thing(kind, shape.parts, material(stream(name, "material")), places, shape.blend))
    return things


def _spot(
    random: Random,
    view: View,
    camera: Camera,
    ground: Ground,
    shape: Shape,
    taken: Sequence[tuple[Float64, float]],
    name: str,
) -> tuple[Float64, float, float] | None:
    """A place for a shape that is free, its depth, and the shape's size; None where none was found."""
    depths, sizes, aside = (0.5, 1.5), (0.05, 0.15), 0.48
    if name == "turntable":
        depths, sizes, aside = (0.75, 1.1), (0.1, 0.17), 0.2
    elif name == "near":
        depths, sizes, aside = (0.32, 0.5), (0.1, 0.25), 0.42
    for _ in range(_PLACES_TRIED):
        depth = view.distance * random.uniform(*depths)
        size = view.width(depth) * random.uniform(*sizes)
        base = np.array([view.width(depth) * random.uniform(-aside, aside), depth - view.distance, 0.0])
        wide = props.reach(shape)[0] * size
        free = all(math.dist(base[:2], other[:2]) > 0.8 * (size + radius) for other, radius in taken)
        if free and _clear(camera, base, wide + 0.3) and _inside(ground, base, 0.5 * wide):
            return base, depth, size
    return None


def _clear(camera: Camera, base: Float64, away: float) -> bool:
    """Whether the camera keeps away from a place."""
    return bool(np.linalg.norm(camera.eyes[:, :2] - base[:2], axis=1).min() > away)


def _inside(ground: Ground, base: Float64, away: float) -> bool:
    """Whether a place is before all walls, and in the street."""
    if any(x * base[0] + y * base[1] + d < away for x, y, d in ground.walls):
        return False
    return ground.houses is None or abs(base[0]) + away < ground.houses[0] + 0.2


def _caster(stream: Streams, view: View, camera: Camera, ground: Ground, lamps: tuple[Lamp, ...]) -> Thing | None:
    """A moving thing, seen or not, whose shadow under the first sun passes over ground that the camera sees."""
    random = stream("caster")
    if random.random() >= CASTER_SHARE or not lamps or lamps[0].kind != "sun":
        return None
    kind = props.CASTERS[int(random.integers(len(props.CASTERS)))]
    sun = lamps[0].vector
    shape = props.SHAPES[kind](random)
    for _ in range(2 * _PLACES_TRIED):
        size = view.width(view.distance) * random.uniform(0.1, 0.24)
        scaled = props.scaled(shape, size)
        wide, high = props.reach(scaled)
        shaded = np.array(
            [random.normal(0, 0.1) * view.width(view.distance), random.normal(-0.08, 0.12) * view.distance]
        )
        # The shadow of what is at this share of its height falls on the middle of the way.
        base = np.array([*(shaded + sun[:2] / sun[2] * high * random.uniform(0.3, 0.8)), 0.0])
        across = np.array([-sun[1], sun[0]]) / max(math.hypot(sun[0], sun[1]), 1e-6)
        along = sun[:2] / max(math.hypot(sun[0], sun[1]), 1e-6)
        course = across + random.normal(0, 0.5) * along
        course *= random.choice([-1, 1]) / np.linalg.norm(course)
        places = ways.passing(view, base, course, view.width(view.distance) * random.uniform(0.15, 0.6))
        spots = places[:, :3, 3]
        if all(_inside(ground, spot, 0.0) for spot in spots) and all(
            math.dist(spot[:2], eye[:2]) > wide + 0.4 for spot, eye in zip(spots, camera.eyes, strict=True)
        ):
            return Thing(kind, scaled.parts, material(stream("caster", "material")), places, scaled.blend)
    return None
