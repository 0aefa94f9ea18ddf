"""What a scene is, from its seed alone: things, their ways, the camera's way and the lights; z is up.

The camera looks along +y from about (0, -distance), at a point above the origin. Speeds are shares of the picture's
width a frame, so that a scene moves alike at every size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from relumix.dataset.light_stage import lights
from relumix.dataset.light_stage.lights import Light
from relumix.dataset.light_stage.meshes import Mesh, box, grid, joined, move, rod, scale, sheet, superellipsoid, turn
from relumix.dataset.light_stage.props import GENERATOR, KINDS, PROPS, hills
from relumix.dataset.light_stage.surfaces import Photos, Surface, surface
from relumix.dataset.light_stage.textures import Float64

Random = np.random.Generator

THINGS = (6, 14)
MOVING_SHARE = 0.45
FASTEST_CAMERA, FASTEST_THING = 12 / 256, 14 / 256
SLOWEST_CAMERA, SLOWEST_THING = 1.5 / 256, 0.8 / 256
PLACES_TRIED = 8
PASSER_BY_SHARE = 0.35
SETTINGS = {"room": 0.45, "open ground": 0.3, "street": 0.25}
CAMERAS = {"static": 0.25, "dolly": 0.2, "pan": 0.15, "orbit": 0.2, "hand-held": 0.2}
DRIVE_SHARE = 0.75
LONGEST_DRIVE = 0.9
HOUSES, STREET_THINGS = (3, 7), (4, 8)
TUMBLING = {"blob", "box", "knot", "rounded"}
LOW_SUN_DEG, HIGH_SUN_DEG = (10.0, 28.0), (32.0, 75.0)
OTHER_LIGHTS = ("sphere", "area", "practical")


@dataclass(frozen=True)
class Thing:
    """A mesh of one material; `places` [frames, 4, 4] is where it is in each frame, None where it stays as it is."""

    mesh: Mesh
    surface: Surface
    places: Float64 | None = None


@dataclass(frozen=True)
class Camera:
    """A pinhole that goes through eyes [frames, 3] and looks at targets [frames, 3]; the fov is across."""

    kind: str
    eyes: Float64
    targets: Float64
    fov_deg: float


@dataclass(frozen=True)
class Layout:
    """A whole scene. The first `backdrops` of its things are ground, walls and hills."""

    things: list[Thing]
    backdrops: int
    lights: list[Light]
    camera: Camera
    setting: str


@dataclass(frozen=True)
class _View:
    """Where the camera is in the middle of the shot, and how wide it sees at its distance."""

    distance: float
    height: float
    fov_deg: float
    frames: int

    def width(self, depth: float) -> float:
        return 2 * depth * math.tan(math.radians(self.fov_deg / 2))

    def speed(self, random: Random, slowest: float, fastest: float) -> float:
        """A share of the width a frame, so that the whole way is at most half of the width."""
        fastest = min(fastest, 0.5 / max(self.frames - 1, 1))
        return math.exp(random.uniform(math.log(min(slowest, fastest)), math.log(fastest)))

    def times(self) -> Float64:
        """Frames counted from the middle of the shot."""
        return np.asarray(np.arange(self.frames) - (self.frames - 1) / 2, np.float64)


def layout(
    seed: int, attempt: int, frames: int, light_count: int, photos: Photos, generator: int = GENERATOR
) -> Layout:
    """Return the scene of a seed; another `attempt` is another scene, for where the camera sees nothing in one.

    generator: the version that draws it, one of KINDS.
    """
    random = np.random.default_rng([seed, attempt])
    view = _View(random.uniform(4, 9), random.uniform(0.5, 3.5), random.uniform(32, 62), frames)
    setting = str(random.choice(list(SETTINGS), p=list(SETTINGS.values())))
    things = _room(random, view, photos) if setting == "room" else _open_ground(random, view, photos)
    backdrops = len(things)
    if setting == "street":
        camera = _drive(random, view) if random.random() < DRIVE_SHARE else _camera(random, view)
        things += _houses(random, view, photos)
        things += _things(random, view, camera, photos, STREET_THINGS, generator)
    else:
        camera = _camera(random, view)
        things += _things(random, view, camera, photos, THINGS, generator)
    lamps, stands = _lights(random, view, setting, light_count)
    if random.random() < PASSER_BY_SHARE and light_count > 1:
        things.append(_passer_by(random, view, lamps[1].origin, photos))
    if stands:
        things.append(Thing(joined(stands), surface(random, photos)))
    return Layout(things, backdrops, lamps, camera, setting)


def _room(random: Random, view: _View, photos: Photos) -> list[Thing]:
    """A floor, a wall behind and one or two at the sides."""
    depth, high = view.distance * random.uniform(0.4, 1.2), view.distance * random.uniform(0.5, 1.0)
    long = 5 * view.distance
    upright = turn("x", 90)
    floor = Thing(sheet(2 * long, 2 * long, random.uniform(8, 30)), surface(random, photos))
    back = sheet(long, high, 1).moved(
        turn("z", random.uniform(-30, 30)) @ move(0, depth, high / 2) @ upright @ scale(1, 1, 1)
    )
    walls = [_tiled(back, long / high)]
    for side in random.permutation([-1, 1])[: random.integers(1, 3)]:
        away = view.width(view.distance + depth) * random.uniform(0.4, 0.7)
        wall = sheet(long, high).moved(
            move(side * away, 0, high / 2) @ turn("z", -side * (90 + random.uniform(-12, 12))) @ upright
        )
        walls.append(_tiled(wall, long / high))
    return [floor, *(Thing(wall, surface(random, photos)) for wall in walls)]


def _tiled(mesh: Mesh, ratio: float) -> Mesh:
    return Mesh(mesh.points, mesh.normals, mesh.uv * np.array([2 * ratio, 2], np.float32), mesh.faces)


def _open_ground(random: Random, view: _View, photos: Photos) -> list[Thing]:
    """A wide ground, most of the time with hills around it."""
    reach = view.distance * random.uniform(6, 10)
    things = [Thing(sheet(6 * reach, 6 * reach, random.uniform(40, 120)), surface(random, photos))]
    if random.random() < 0.8:
        things.append(Thing(hills(random, reach, reach * random.uniform(0.05, 0.16)), surface(random, photos)))
    return things


def _houses(random: Random, view: _View, photos: Photos) -> list[Thing]:
    """Blocks of stories on both sides of a street that runs away from the camera."""
    curb = view.width(view.distance) * random.uniform(0.35, 0.6)
    end = {-1: -0.8 * view.distance, 1: -0.8 * view.distance}
    houses = []
    for _ in range(int(random.integers(HOUSES[0], HOUSES[1] + 1))):
        side = min(end, key=lambda s: end[s] + random.uniform(0, 1))
        deep, wide, high = view.distance * random.uniform((0.5, 0.3, 0.25), (1.3, 0.8, 1.1))
        walls = box(wide, deep, high)
        stories = Mesh(walls.points, walls.normals, walls.uv * np.float32(random.uniform(1, 4)), walls.faces)
        place = move(side * (curb + wide / 2 + random.uniform(0, 0.3)), end[side] + deep / 2, high / 2)
        houses.append(Thing(stories.moved(place @ turn("z", random.normal(0, 2))), surface(random, photos)))
        end[side] += deep + view.distance * random.uniform(0.05, 0.4)
    return houses


def _drive(random: Random, view: _View) -> Camera:
    """A camera that goes straight ahead and looks a little aside."""
    way = view.distance * math.exp(random.uniform(math.log(0.2), math.log(LONGEST_DRIVE)))
    t = view.times() / max(view.frames - 1, 1)
    ahead = np.stack([0 * t, t, 0 * t], axis=1) * way
    eyes = np.array([random.normal(0, 0.2), -view.distance, min(view.height, 2.0)]) + ahead
    aside = view.width(view.distance) * random.uniform(-0.2, 0.2)
    return Camera("drive", eyes, np.array([aside, 0.0, random.uniform(0.5, 1.2)]) + ahead, view.fov_deg)


def _camera(random: Random, view: _View) -> Camera:
    kind = str(random.choice(list(CAMERAS), p=list(CAMERAS.values())))
    t = view.times()[:, None]
    t = t * (1 + random.uniform(-0.25, 0.25) * t / max(view.frames, 1))
    speed = view.speed(random, SLOWEST_CAMERA, FASTEST_CAMERA)
    step = speed * view.width(view.distance)
    eyes = np.tile([0.0, -view.distance, view.height], (view.frames, 1))
    targets = np.tile([0.0, 0.0, random.uniform(0.2, 0.9)], (view.frames, 1))
    if kind == "pan":
        yaw = math.radians(view.fov_deg) * speed * t * random.choice([-1, 1])
        targets += np.concatenate([view.distance * np.tan(yaw), 0 * t, random.normal(0, 0.25) * step * t], axis=1)
    elif kind == "dolly":
        way = random.standard_normal(3) * (1, 1.5, 0.3)
        way *= step / np.linalg.norm(way)
        eyes += t * way
        targets += t * way * (1, 0, 0.5)
    elif kind == "orbit":
        angle = t[:, 0] * step / view.distance * random.choice([-1, 1])
        eyes[:, 0], eyes[:, 1] = view.distance * np.sin(angle), -view.distance * np.cos(angle)
        eyes[:, 2] += random.normal(0, 0.2) * step * t[:, 0]
    elif kind == "hand-held":
        eyes += _wandering(random, view) * step * 1.5
        targets += _wandering(random, view) * step * 2
    eyes[:, 2] = np.maximum(eyes[:, 2], 0.25)
    return Camera(kind, eyes, targets, view.fov_deg)


def _wandering(random: Random, view: _View) -> Float64:
    """A smooth shake [frames, 3] of deviation about 1."""
    t = view.times()[:, None]
    waves = [
        np.sin(t * random.uniform(0.15, 1.2, 3) + random.uniform(0, math.tau, 3)) * random.uniform(0.3, 1, 3)
        for _ in range(3)
    ]
    return np.asarray(np.sum(waves, axis=0))


def _things(
    random: Random, view: _View, camera: Camera, photos: Photos, between: tuple[int, int], generator: int
) -> list[Thing]:
    """Things on the ground in sight, apart from each other and from the camera's way; some move or turn."""
    count = int(random.integers(between[0], between[1] + 1))
    names = random.choice(KINDS[generator], count)
    taken: list[tuple[float, float, float]] = []
    things = []
    for name in (str(name) for name in names):
        for _ in range(PLACES_TRIED):
            depth = view.distance * random.uniform(0.45, 1.6)
            size = view.width(depth) * random.uniform(0.06, 0.17) * (0.7 if depth < 0.7 * view.distance else 1)
            place = np.array([view.width(depth) * random.uniform(-0.5, 0.5), depth - view.distance])
            crowded = any(math.dist(place, other[:2]) < 0.7 * (size + other[2]) for other in taken)
            if not crowded and np.min(np.linalg.norm(camera.eyes[:, :2] - place, axis=1)) > 1.3 * size + 0.3:
                break
        else:
            continue
        taken.append((float(place[0]), float(place[1]), size))
        mesh = PROPS[name](random).moved(scale(size) @ _turned(random, name))
        lift = random.uniform(0.2, 1.2) * size if random.random() < 0.12 else 0.0
        base = np.array([*place, lift - float(mesh.points[:, 2].min())])
        material = surface(random, photos)
        if random.random() < MOVING_SHARE:
            things.append(Thing(mesh, material, _way(random, view, base, depth, name)))
        else:
            things.append(Thing(mesh.moved(move(*base)), material))
    return things


def _passer_by(random: Random, view: _View, sun: Float64, photos: Photos) -> Thing:
    """A figure, bush or panel that goes by, mostly out of sight, and whose long shadow falls into the picture."""
    name = str(random.choice(["figure", "leaves", "panel", "fence"]))
    mesh = PROPS[name](random).moved(scale(view.width(view.distance) * random.uniform(0.08, 0.2)))
    high = float(mesh.points[:, 2].max())
    shaded = np.array([random.normal(0, 0.2) * view.width(view.distance), random.normal(0, 0.15) * view.distance])
    base = np.array([*(shaded + sun[:2] / sun[2] * high * random.uniform(0.6, 0.95)), -float(mesh.points[:, 2].min())])
    t = view.times()
    step = view.speed(random, SLOWEST_THING, FASTEST_THING) * view.width(view.distance)
    heading = random.uniform(0, math.tau)
    spots = base + np.outer(step * t, [math.cos(heading), math.sin(heading), 0])
    return Thing(mesh, surface(random, photos), np.stack([move(*spot) for spot in spots]))


def _turned(random: Random, name: str) -> Float64:
    upright = turn("z", random.uniform(0, 360))
    if name in TUMBLING:
        return np.asarray(upright @ turn("x", random.uniform(0, 360)) @ turn("y", random.uniform(0, 360)))
    return upright


def _way(random: Random, view: _View, base: Float64, depth: float, name: str) -> Float64:
    """Places [frames, 4, 4] of a thing that slides, turns, or both; some hop."""
    t = view.times()
    kind = random.choice(["slides", "turns", "both"], p=[0.45, 0.25, 0.3])
    step = 0.0 if kind == "turns" else view.speed(random, SLOWEST_THING, FASTEST_THING) * view.width(depth)
    degrees = 0.0 if kind == "slides" else math.exp(random.uniform(math.log(1.5), math.log(22)))
    degrees *= random.choice([-1, 1])
    heading, bend = random.uniform(0, math.tau), random.normal(0, 0.06)
    way = np.stack([np.cos(heading + bend * t), 0.6 * np.sin(heading + bend * t), np.zeros_like(t)], axis=1)
    hop = random.uniform(0, 0.3) * np.abs(np.sin(t * random.uniform(0.3, 0.9))) if random.random() < 0.2 else 0 * t
    axis = str(random.choice(["x", "y", "z"])) if name in TUMBLING else "z"
    spots = base + way * (step * t)[:, None] + np.stack([0 * t, 0 * t, hop], axis=1)
    return np.stack([move(*spot) @ turn(axis, degrees * time) for spot, time in zip(spots, t, strict=True)])


def _lights(random: Random, view: _View, setting: str, count: int) -> tuple[list[Light], list[Mesh]]:
    """The lights, a dome, two suns and a spot first, and the stands of the lamps in sight."""
    side = (-100.0, 100.0) if setting == "room" else (-180.0, 180.0)
    found = [lights.dome(random), lights.sun(random, LOW_SUN_DEG, side), lights.sun(random, HIGH_SUN_DEG, side)]
    found.append(_lamp(random, view, "spot"))
    stands: list[Mesh] = []
    others = [str(kind) for kind in random.permutation(OTHER_LIGHTS)]
    for i in range(count - len(found)):
        kind = others[i % len(others)]
        if kind == "practical":
            lamp, stand = _practical(random, view)
            found.append(lamp)
            stands.append(stand)
        else:
            found.append(_lamp(random, view, kind))
    return found[:count], stands


def _lamp(random: Random, view: _View, kind: str) -> Light:
    """A lamp out of sight: over the picture's upper edge, or beside and behind the camera."""
    depth = view.distance * random.uniform(0.6, 1.3)
    target = np.array([random.normal(0, 0.12) * view.width(view.distance), random.normal(0, 0.15) * view.distance, 0.4])
    if random.random() < 0.4:
        above = view.height + 0.45 * view.width(depth) + 0.5
        place = np.array([random.uniform(-0.5, 0.5) * view.width(depth), depth - view.distance, above])
    else:
        azimuth = math.radians(random.uniform(15, 85) * random.choice([-1, 1]))
        away = view.distance * random.uniform(0.75, 1.1)
        place = np.array(
            [away * math.sin(azimuth), -away * math.cos(azimuth), view.distance * random.uniform(0.1, 0.7)]
        )
    if kind == "spot":
        return lights.spot(random, place, target)
    if kind == "area":
        return lights.area(random, place, target, view.distance * random.uniform(0.1, 0.35))
    return lights.ball(random, place, view.distance * random.uniform(0.01, 0.05))


def _practical(random: Random, view: _View) -> tuple[Light, Mesh]:
    """A lamp in sight on its stand."""
    depth = view.distance * random.uniform(0.8, 1.3)
    foot = np.array([view.width(depth) * random.uniform(-0.4, 0.4), depth - view.distance, 0.0])
    radius, high = view.distance * random.uniform(0.01, 0.03), view.distance * random.uniform(0.08, 0.28)
    top = foot + np.array([0, 0, high])
    stand = rod(foot, top - np.array([0, 0, radius]), 0.25 * radius)
    base = grid(superellipsoid(0.3, 1, rows=12, columns=20)).moved(move(*foot) @ scale(radius, radius, 0.3 * radius))
    return lights.ball(random, top, radius, "practical"), stand + base
