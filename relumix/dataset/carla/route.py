"""A drive through a CARLA map, written down frame by frame, so that it can be shown again under any light."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from relumix.errors import InputError
from relumix.util.atomic_file import replacing

FORMAT = 1
ROUTE = "route.json"


class Pose(NamedTuple):
    """Where something is: metres and degrees, in CARLA's axes (x forward, y right, z up)."""

    x: float
    y: float
    z: float
    pitch: float
    yaw: float
    roll: float


@dataclass(frozen=True)
class Vehicle:
    """A vehicle as it was made; color is "r,g,b" or None where its blueprint has none."""

    blueprint: str
    color: str | None
    spawn: Pose


@dataclass(frozen=True)
class Moment:
    """One frame: the pose of every vehicle, and the state of every traffic light by its OpenDRIVE id."""

    poses: tuple[Pose, ...]
    signals: Mapping[str, str]


@dataclass(frozen=True)
class Route:
    """A drive. The camera rides on the first vehicle, at a pose relative to it."""

    camera: Pose
    vehicles: tuple[Vehicle, ...]
    moments: tuple[Moment, ...]


def write_route(path: Path, route: Route, settings: Mapping[str, Any]) -> None:
    """Write a route and the settings it was driven with, whole or not at all. Raises InputError."""
    text = json.dumps({"format": FORMAT, "settings": dict(settings), **asdict(route)})
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def read_route(path: Path, settings: Mapping[str, Any]) -> Route:
    """Return a route; raises InputError where it was driven with other settings, or its file is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']}, expected {FORMAT}")
        driven = found["settings"]
        route = Route(
            camera=Pose(*found["camera"]),
            vehicles=tuple(Vehicle(v["blueprint"], v["color"], Pose(*v["spawn"])) for v in found["vehicles"]),
            moments=tuple(
                Moment(tuple(Pose(*pose) for pose in moment["poses"]), dict(moment["signals"]))
                for moment in found["moments"]
            ),
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} cannot be read ({error}); delete {path.parent} to drive it again") from error
    for name, wanted in settings.items():
        if driven.get(name) != wanted:
            raise InputError(
                f"{path.parent} was recorded with {name} {driven.get(name)}, not {wanted}: "
                "record with the same settings, or choose another --out"
            )
    return route
