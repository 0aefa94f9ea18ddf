"""A frame of a scene as numbers that the kernel reads: one row a frame, one row a thing, one row a lamp."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relumix.dataset.light_stage.sdf.backend import Types
from relumix.dataset.light_stage.sdf.scene import FIRST_THING, Float32, Float64, Ground, Scene, Sky, Thing

GROUPS = (("ellipsoid", "ellipsoid", "rod", "box"), ("ellipsoid", "rod", "box"))
"""Parts that can be one smooth union, by kind. Each group serves one thing."""

SINGLES = ("box",) * 8 + ("ellipsoid",) * 3 + ("rod",) * 8 + ("ring",) * 2
"""Parts that stand alone, by kind. Every scene has the same, so that all share one kernel; idle ones are buried."""

SLOTS = tuple(kind for group in GROUPS for kind in group) + SINGLES
UNITS = tuple(
    tuple(range(sum(map(len, GROUPS[:i])), sum(map(len, GROUPS[: i + 1])))) for i in range(len(GROUPS))
) + tuple((k,) for k in range(len(SLOTS) - len(SINGLES), len(SLOTS)))
"""The slots of each smooth union, and each that stands alone."""

WALLS_AT_MOST = 3
LAMP_ROW, MATERIAL_ROW, PLACE_ROW = 13, 12, 12

_NO_WALL = (0.0, 0.0, 1e3)
_NO_HOUSES = (1e3, 1.0, 1.0, 1.0, 2e3, 0.0)

FIELDS = {
    "centre": 3 * len(SLOTS),
    "turn": 9 * len(SLOTS),
    "half": 3 * len(SLOTS),
    "rounding": len(SLOTS),
    "bump": len(SLOTS),
    "waves": len(SLOTS),
    "owner": len(SLOTS),
    "blend": len(GROUPS),
    "middle": 3 * len(UNITS),
    "radius": len(UNITS),
    "hills": 2,
    "walls": 3 * WALLS_AT_MOST,
    "houses": 6,
    "eye": 3,
    "right": 3,
    "up": 3,
    "ahead": 3,
    "lens": 1,
    "above": 3,
    "horizon": 3,
    "below": 3,
    "lobe": 3,
    "patch": 3,
    "sharpness": 1,
    "bounce": 3,
}
"""What a frame's row holds, in this order, and how many numbers each is."""

ROW = sum(FIELDS.values())
_STARTS = dict(zip(FIELDS, np.cumsum([0, *FIELDS.values()])[:-1].tolist(), strict=True))


def slots_of(things: Sequence[Thing]) -> list[tuple[int, ...]] | None:
    """Return the slots of each thing's parts, None where they do not all fit."""
    groups = list(range(len(GROUPS)))
    singles: dict[str, list[int]] = {}
    first = len(SLOTS) - len(SINGLES)
    for slot in range(first, len(SLOTS)):
        singles.setdefault(SLOTS[slot], []).append(slot)
    found = []
    for thing in things:
        taken = _in_group(thing, groups) if thing.blend > 0 else _in_singles(thing, singles)
        if taken is None:
            return None
        found.append(taken)
    return found


def _in_group(thing: Thing, free: list[int]) -> tuple[int, ...] | None:
    for group in free:
        start = sum(len(kinds) for kinds in GROUPS[:group])
        left = {start + i: kind for i, kind in enumerate(GROUPS[group])}
        taken = []
        for part in thing.parts:
            slot = next((slot for slot, kind in left.items() if kind == part.kind), None)
            if slot is None:
                break
            del left[slot]
            taken.append(slot)
        else:
            free.remove(group)
            return tuple(taken)
    return None


def _in_singles(thing: Thing, free: dict[str, list[int]]) -> tuple[int, ...] | None:
    kinds = [part.kind for part in thing.parts]
    if any(kinds.count(kind) > len(free[kind]) for kind in kinds):
        return None
    return tuple(free[kind].pop(0) for kind in kinds)


@dataclass(frozen=True)
class Tables:
    """F frames of scenes with the same numbers of things' rows and of lamps.

    rows [F, ROW]; places [F, N, PLACE_ROW], each thing's place and the rows of its turn; materials [F, N,
    MATERIAL_ROW]; lamps [F, L - 1, LAMP_ROW]. N counts ground, walls and houses.
    """

    rows: Float32
    places: Float32
    materials: Float32
    lamps: Float32

    def take(self, numbers: Sequence[int]) -> Tables:
        """Return the tables of some of the frames."""
        chosen = list(numbers)
        return Tables(self.rows[chosen], self.places[chosen], self.materials[chosen], self.lamps[chosen])


def tables(shots: Sequence[tuple[Scene, int]]) -> Tables:
    """Return the tables of (scene, frame) pairs."""
    most = FIRST_THING + max(len(scene.things) for scene, _ in shots)
    places, materials = (np.zeros((len(shots), most, n), np.float32) for n in (PLACE_ROW, MATERIAL_ROW))
    for i, (scene, frame) in enumerate(shots):
        for n, place in enumerate(_places(scene, frame)):
            places[i, n] = place
        kinds = [*scene.ground.materials, *(thing.material for thing in scene.things)]
        materials[i, : len(kinds)] = [kind.row() for kind in kinds]
    lamps = np.array([[lamp.row() for lamp in scene.lamps] for scene, _ in shots], np.float32)
    return Tables(np.stack([_row(scene, frame) for scene, frame in shots]), places, materials, lamps)


def _places(scene: Scene, frame: int) -> Iterator[Float32]:
    still = np.concatenate([np.zeros(3), np.eye(3).ravel()]).astype(np.float32)
    yield from [still] * FIRST_THING
    for thing in scene.things:
        place = thing.places[frame]
        yield np.concatenate([place[:3, 3], place[:3, :3].ravel()]).astype(np.float32)


def _row(scene: Scene, frame: int) -> Float32:
    right, up, ahead = scene.camera.axes(frame)
    values = _parts(scene, frame) | _ground(scene.ground) | _sky(scene.sky)
    values |= {"eye": scene.camera.eyes[frame], "right": right, "up": up, "ahead": ahead}
    values |= {"lens": [np.tan(scene.camera.fov / 2)]}
    row = np.concatenate([np.asarray(values[name], np.float64).ravel() for name in FIELDS])
    return row.astype(np.float32)


def _parts(scene: Scene, frame: int) -> dict[str, Any]:
    slots = slots_of(scene.things)
    if slots is None:
        raise ValueError(f"scene {scene.seed} has more parts than {len(SLOTS)} slots hold")
    centre, turn = np.tile([0.0, 0.0, -60.0], (len(SLOTS), 1)), np.tile(np.eye(3), (len(SLOTS), 1, 1))
    half, rest = np.full((len(SLOTS), 3), 0.01), np.zeros((4, len(SLOTS)))
    blend = np.full(len(GROUPS), 1e-4)
    for number, (thing, taken) in enumerate(zip(scene.things, slots, strict=True), FIRST_THING):
        place = thing.places[frame]
        for part, slot in zip(thing.parts, taken, strict=True):
            centre[slot] = place[:3, :3] @ np.asarray(part.place) + place[:3, 3]
            turn[slot] = place[:3, :3] @ (np.eye(3) if part.turn is None else part.turn)
            half[slot] = part.half
            rest[:, slot] = part.rounding, part.bump, part.waves, number
        if thing.blend > 0:
            blend[0 if taken[0] < len(GROUPS[0]) else 1] = thing.blend
    rounding, bump, waves, owner = rest
    named = {"rounding": rounding, "bump": bump, "waves": waves, "owner": owner, "blend": blend}
    return {"centre": centre, "turn": turn, "half": half} | named | _bounds(centre, half, bump, owner, blend)


def _bounds(centre: Float64, half: Float64, bump: Float64, owner: Float64, blend: Float64) -> dict[str, Any]:
    """Spheres around the units: middle and radius."""
    middle, radius = np.tile([0.0, 0.0, -60.0], (len(UNITS), 1)), np.full(len(UNITS), 0.1)
    rings = np.array([kind == "ring" for kind in SLOTS])
    size = np.where(rings, half[:, 0] + half[:, 1], np.linalg.norm(half, axis=1)) + bump
    for i, unit in enumerate(UNITS):
        used = [k for k in unit if owner[k] > 0]
        if used:
            middle[i] = centre[used].mean(0)
            reach = np.linalg.norm(centre[used] - middle[i], axis=1) + size[used]
            radius[i] = reach.max() + (blend[i] if i < len(GROUPS) else 0.0)
    return {"middle": middle, "radius": radius}


def _ground(ground: Ground) -> dict[str, Any]:
    walls = [*ground.walls, *[_NO_WALL] * (WALLS_AT_MOST - len(ground.walls))]
    under = ground.materials[0]
    mean = (np.asarray(under.first) + np.asarray(under.second)) / 2 if not under.photo else np.asarray(under.first) / 2
    return {
        "hills": [ground.height, ground.waves],
        "walls": walls,
        "houses": ground.houses or _NO_HOUSES,
        "bounce": mean,
    }


def _sky(sky: Sky) -> dict[str, Any]:
    return {name: getattr(sky, name) for name in ("above", "horizon", "below", "lobe", "patch")} | {
        "sharpness": [sky.sharpness]
    }


class Row:
    """A frame's row as Dr.Jit reads it; `base` is where it begins, one number or one for each ray."""

    def __init__(self, types: Types, numbers: Any, base: Any) -> None:
        self._types, self._numbers, self._base = types, numbers, base

    def number(self, name: str, i: int = 0) -> Any:
        """Return the i-th number of a field."""
        import drjit as dr  # noqa: PLC0415

        return dr.gather(self._types.Float, self._numbers, self._base + (_STARTS[name] + i))

    def vector(self, name: str, i: int = 0) -> Any:
        """Return the i-th triple of a field."""
        return self._types.Array3f(*(self.number(name, 3 * i + k) for k in range(3)))
