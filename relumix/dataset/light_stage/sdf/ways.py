"""How cameras and things move."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from relumix.dataset.light_stage.sdf.props import turned
from relumix.dataset.light_stage.sdf.scene import Camera, Float64

Random = np.random.Generator

CAMERAS = {"static": 0.25, "dolly": 0.12, "pan": 0.12, "orbit": 0.15, "hand-held": 0.14, "leaving": 0.22}
"""The last ends where it did not begin: half of the picture or more is new."""

_FASTEST = 0.5


@dataclass(frozen=True)
class View:
    """Where the camera is in the middle of the shot, at (0, -distance, height), and how wide it sees (fov, radians)."""

    distance: float
    height: float
    fov: float
    frames: int

    def width(self, depth: float) -> float:
        """Return how much it sees across at a depth."""
        return 2 * depth * math.tan(self.fov / 2)

    def times(self) -> Float64:
        """Return -0.5 to 0.5 over the shot, [frames]."""
        return np.asarray(np.linspace(-0.5, 0.5, self.frames) if self.frames > 1 else [0.0], np.float64)


def camera(random: Random, view: View, setting: str) -> Camera:
    """Return a camera's way; down streets most of them drive."""
    kind = str(random.choice(list(CAMERAS), p=list(CAMERAS.values())))
    if setting == "street" and random.random() < 0.6:
        kind = "drive"
    t = view.times()[:, None]
    t = t * (1 + random.uniform(-0.3, 0.3) * t)
    eyes = np.tile([0.0, -view.distance, view.height], (view.frames, 1))
    targets = np.tile([random.normal(0, 0.3), 0.0, random.uniform(0.2, 0.9)], (view.frames, 1))
    side = float(random.choice([-1, 1]))
    share = math.exp(random.uniform(math.log(0.05), math.log(_FASTEST)))
    way = share * view.width(view.distance)
    if kind == "drive":
        ahead = view.distance * random.uniform(0.3, 1.0) * np.array([0.0, 1.0, 0.0])
        eyes, targets = eyes + t * ahead, targets + t * ahead
    elif kind == "leaving" and random.random() < 0.5:
        angle = view.fov * random.uniform(0.5, 0.85) * side * t
        targets = eyes + view.distance * np.concatenate([np.sin(angle), np.cos(angle), 0 * t], 1)
        targets[:, 2] = random.uniform(0.2, 0.9)
    elif kind == "leaving":
        across = t * side * random.uniform(0.5, 0.85) * view.width(view.distance)
        eyes, targets = eyes + across * [1.0, 0, 0], targets + across * [1.0, 0, 0]
    elif kind == "pan":
        targets = targets + np.tan(view.fov * share * side * t) * view.distance * [1.0, 0, 0]
    elif kind == "dolly":
        direction = random.standard_normal(3) * (1, 1.5, 0.25)
        moved = t * direction * way / np.linalg.norm(direction)
        eyes, targets = eyes + moved, targets + moved * (1, 0, 0.5)
    elif kind == "orbit":
        angle = t[:, 0] * way / view.distance * 1.6 * side
        eyes[:, :2] = view.distance * np.stack([np.sin(angle), -np.cos(angle)], 1)
    elif kind == "hand-held":
        eyes, targets = (a + _shake(random, view) * 0.04 * view.distance for a in (eyes, targets))
    eyes[:, 2] = np.maximum(eyes[:, 2], 0.3)
    return Camera(kind, eyes, targets, view.fov)


def _shake(random: Random, view: View) -> Float64:
    """A smooth shake [frames, 3]."""
    t = view.times()[:, None]
    waves = [np.sin(t * random.uniform(2, 9, 3) + random.uniform(0, math.tau, 3)) for _ in range(3)]
    return np.asarray(np.sum(waves, axis=0) / 3)


def still(view: View, base: Float64, heading: float) -> Float64:
    """Return the places [frames, 4, 4] of what stands at a base and looks along a heading."""
    return _places(np.tile(base, (view.frames, 1)), np.full(view.frames, heading))


def moving(random: Random, view: View, base: Float64, heading: float, depth: float) -> Float64:
    """Return the places of what slides, turns or does both; some hop."""
    t = view.times()
    kind = str(random.choice(["slides", "turns", "both"], p=[0.45, 0.25, 0.3]))
    share = 0.0 if kind == "turns" else math.exp(random.uniform(math.log(0.04), math.log(_FASTEST)))
    course = random.uniform(0, math.tau)
    way = share * view.width(depth) * np.array([math.cos(course), 0.6 * math.sin(course), 0.0])
    hop = random.uniform(0.1, 0.4) * np.abs(np.sin(t * random.uniform(3, 9))) if random.random() < 0.2 else 0 * t
    spots = base + t[:, None] * way + hop[:, None] * [0, 0, 1.0]
    angle = 0.0 if kind == "slides" else random.uniform(0.3, 2.8) * random.choice([-1, 1])
    return _places(spots, heading + angle * t)


def turning(random: Random, view: View, base: Float64) -> Float64:
    """Return the places of what turns on the spot like a thing on a turntable, by a quarter to a whole turn."""
    angle = random.uniform(0.25, 1.0) * math.tau * random.choice([-1, 1])
    return _places(np.tile(base, (view.frames, 1)), random.uniform(0, math.tau) + angle * view.times())


def passing(view: View, base: Float64, course: Float64, way: float) -> Float64:
    """Return the places of what goes straight past a base, along a course [2] of length 1, looking where it goes."""
    spots = base + view.times()[:, None] * way * np.array([*course, 0.0])
    return _places(spots, np.full(view.frames, math.atan2(course[1], course[0])))


def _places(spots: Float64, headings: Float64) -> Float64:
    places = np.tile(np.eye(4), (len(spots), 1, 1))
    places[:, :3, 3] = spots
    places[:, :3, :3] = np.stack([turned("z", heading) for heading in headings])
    return places
