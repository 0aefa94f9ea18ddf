"""Recording CARLA Relight: a drive through a CARLA map, shown again under one weather and sun after another.

A scene is driven once and written down (relumix.dataset.carla.route). Every light then shows that very drive, so that
two lights of a scene differ in light alone, and a light can be added another day.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.dataset.carla.recording import Light, Recording, weather_of
from relumix.dataset.carla.route import ROUTE, Route, read_route, write_route
from relumix.dataset.carla.stage import Stage
from relumix.errors import InputError
from relumix.util.atomic_file import writing

_CONNECT_SECONDS = 5.0
_WORK_SECONDS = 120.0
"""Loading a map takes a while."""


def record(
    recording: Recording,
    *,
    host: str = "127.0.0.1",
    port: int = 2000,
    traffic_port: int = 8000,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Record what is not there yet. Returns the number of lights recorded; on_frame gets frames done and in all.

    port          of the server; traffic_port: where the traffic manager is, or may be started.

    A light's folder appears once all its frames are written. The server keeps the map; its settings and weather are put
    back, and what was put on the map is removed, however this ends. Raises InputError: no client or server, no such map
    or weather, something recorded with other settings, no space.
    """
    carla = _client_package()
    weathers = {light: weather_of(carla, light) for light in recording.lights}
    total = recording.scenes * len(recording.lights) * recording.frames
    done = recorded = 0
    with _talking_to(host, port):
        client = _connected(carla, host, port, recording.map)
        for number in range(recording.scenes):
            folder = recording.out / recording.map / f"scene_{number:04d}"
            missing = [light for light in recording.lights if not _is_recorded(folder, light, recording)]
            done += (len(recording.lights) - len(missing)) * recording.frames
            on_frame(done, total)
            if not missing:
                continue
            with _world(client, recording) as world:
                stage = Stage(carla, client, world, recording)
                route = _route(stage, folder, number, traffic_port)
                with stage.actors(route) as (vehicles, camera):
                    for light in missing:
                        with _appearing(folder / light.name) as unfinished:
                            for picture in stage.shown(route, vehicles, camera, weathers[light]):
                                _write_frame(unfinished, done % recording.frames, picture)
                                done += 1
                                on_frame(done, total)
                        recorded += 1
    return recorded


def _client_package() -> Any:
    try:
        return importlib.import_module("carla")
    except ImportError as error:
        raise InputError(
            f"recording needs the package carla, of the server's version ({error}): pip install carla "
            "(Python 3.10 to 3.12)"
        ) from error


@contextmanager
def _talking_to(host: str, port: int) -> Iterator[None]:
    """Turn what CARLA raises, RuntimeError for everything, into InputError."""
    try:
        yield
    except RuntimeError as error:
        raise InputError(f"CARLA at {host}:{port}: {error}") from error


def _connected(carla: Any, host: str, port: int, town: str) -> Any:
    """Return a client of a server that answers and has the map."""
    client = carla.Client(host, port)
    client.set_timeout(_CONNECT_SECONDS)
    try:
        maps = sorted({name.rpartition("/")[2] for name in client.get_available_maps()})
    except RuntimeError as error:
        raise InputError(
            f"no CARLA server answers at {host}:{port} ({error}); start one, or give --host and --port"
        ) from error
    if town not in maps:
        raise InputError(f"CARLA at {host}:{port} has no map {town}: expected one of {', '.join(maps)}")
    client.set_timeout(_WORK_SECONDS)
    return client


@contextmanager
def _world(client: Any, recording: Recording) -> Iterator[Any]:
    """Load the map afresh, so that a drive does not depend on those before it, and let it wait for each tick."""
    before = client.get_world()
    settings, weather = before.get_settings(), before.get_weather()
    world = client.load_world(recording.map)
    try:
        ours = world.get_settings()
        ours.synchronous_mode, ours.fixed_delta_seconds = True, 1 / recording.fps
        world.apply_settings(ours)
        world.tick()  # Before the first one, the client knows of no actors.
        yield world
    finally:
        world.freeze_all_traffic_lights(False)
        world.set_weather(weather)
        world.apply_settings(settings)


def _route(stage: Stage, folder: Path, number: int, traffic_port: int) -> Route:
    """Return a scene's route: the one that is written down, or else one that is driven now."""
    path = folder / ROUTE
    settings = stage.recording.route_settings()
    if path.exists():
        return read_route(path, settings)
    route = stage.drive(f"{settings['seed']}/{number}", traffic_port)
    write_route(path, route, settings)
    return route


def _is_recorded(folder: Path, light: Light, recording: Recording) -> bool:
    """Whether a light of a scene is there; raises InputError where it is, but not as this recording would leave it."""
    if not (folder / light.name).exists():
        return False
    read_route(folder / ROUTE, recording.route_settings())
    count = len(list((folder / light.name).glob("*.png")))
    if count != recording.frames:
        raise InputError(
            f"{folder / light.name} holds {count} frames, expected {recording.frames}; delete it to record it again"
        )
    return True


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder that becomes `folder` at the end, or is removed where that fails. Raises InputError."""
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        with writing(folder):
            unfinished.mkdir(parents=True)
        yield unfinished
        with writing(folder):
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_frame(folder: Path, number: int, picture: NDArray[np.uint8]) -> None:
    """Write a picture [h, w, 3] uint8, channels B, G, R. Raises InputError."""
    path = folder / f"{number:05d}.png"
    with writing(path):
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
