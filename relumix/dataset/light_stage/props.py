"""The things that stand in a scene: each about 2 units across, its foot or its middle at the origin."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from relumix.dataset.light_stage.meshes import (
    Mesh,
    blob,
    box,
    cloth,
    grid,
    joined,
    lathe,
    move,
    rod,
    scale,
    superellipsoid,
    torus_knot,
    turn,
)

Random = np.random.Generator


def _rounded(random: Random) -> Mesh:
    return grid(superellipsoid(*random.uniform(0.15, 1.2, 2))).moved(scale(*random.uniform(0.6, 1.0, 3)))


def _blob(random: Random) -> Mesh:
    return grid(blob(random, random.uniform(0.1, 0.5))).moved(scale(*random.uniform(0.5, 1.0, 3)))


def _box(random: Random) -> Mesh:
    return box(*random.uniform(0.6, 1.8, 3))


def _crates(random: Random) -> Mesh:
    """A stack of boxes, none of them straight."""
    boxes, top = [], 0.0
    for _ in range(int(random.integers(2, 5))):
        wide, deep, high = random.uniform(0.5, 1.4), random.uniform(0.5, 1.4), random.uniform(0.2, 0.8)
        place = move(random.uniform(-0.15, 0.15), random.uniform(-0.15, 0.15), top + high / 2) @ turn(
            "z", random.uniform(-40, 40)
        )
        boxes.append(box(wide, deep, high).moved(place))
        top += high
    return joined(boxes)


def _turned(random: Random) -> Mesh:
    """A vase, bottle, lamp or chess piece."""
    radii = random.uniform(0.15, 0.8, int(random.integers(4, 8)))
    heights = np.linspace(0, random.uniform(1.2, 2.2), len(radii))
    profile = [(0.01, 0.0), *zip(radii.tolist(), heights.tolist(), strict=True), (0.01, float(heights[-1]) + 0.02)]
    return grid(lathe(profile, smoothing=int(random.integers(4, 20)), rows=90, columns=64))


def _knot(random: Random) -> Mesh:
    p, q = ((1, 0), (2, 3), (3, 2), (2, 5))[random.integers(4)]
    return grid(torus_knot(p, q, random.uniform(0.08, 0.25), rows=260 if q else 96, columns=24))


def _cloth(random: Random) -> Mesh:
    folds = grid(cloth(2, 2, seed=int(random.integers(2**31)), rows=80, columns=80))
    hanging = turn("x", 90) if random.random() < 0.4 else np.eye(4)
    return folds.moved(hanging @ scale(1, 1, random.uniform(0.5, 1.5)))


def _rods(random: Random) -> Mesh:
    """A bare bush or a heap of sticks: thin things in every direction."""
    bars = []
    for _ in range(int(random.integers(4, 14))):
        foot = np.array([*random.normal(0, 0.15, 2), 0.0])
        tip = np.array([*random.normal(0, 0.7, 2), random.uniform(0.8, 2.4)])
        bars.append(rod(foot, tip, random.uniform(0.012, 0.05)))
    return joined(bars)


def _fence(random: Random) -> Mesh:
    """Upright bars and two rails; light falls through."""
    count, high, wide = int(random.integers(5, 12)), random.uniform(1.0, 2.0), random.uniform(2.0, 3.2)
    thick = random.uniform(0.03, 0.09)
    bars = [box(thick, thick, high).moved(move(x, 0, high / 2)) for x in np.linspace(-wide / 2, wide / 2, count)]
    rails = [box(wide, thick * 1.2, thick).moved(move(0, 0, high * share)) for share in (0.25, 0.8)]
    return joined(bars + rails)


def _furniture(random: Random) -> Mesh:
    """A table, stool or chair: a board on legs, some with a back."""
    wide, deep, high = random.uniform(0.8, 1.8), random.uniform(0.7, 1.2), random.uniform(0.5, 1.1)
    leg = random.uniform(0.03, 0.07)
    parts = [box(wide, deep, 0.07).moved(move(0, 0, high))]
    for x in (-1, 1):
        for y in (-1, 1):
            foot = np.array([x * (wide / 2 - leg), y * (deep / 2 - leg), 0.0])
            parts.append(rod(foot, foot + np.array([0, 0, high]), leg))
    if random.random() < 0.5:
        parts.append(box(wide, 0.06, 0.5 * high).moved(move(0, deep / 2, 1.6 * high)))
        parts += [
            rod(np.array([x * wide * 0.45, deep / 2, high]), np.array([x * wide * 0.45, deep / 2, 1.8 * high]), leg)
            for x in (-1, 1)
        ]
    return joined(parts)


def _leaves(random: Random) -> Mesh:
    """A bush, a tree's crown on its trunk, or a tuft of grass: hundreds of small leaves."""
    count, high = int(random.integers(150, 500)), random.uniform(0.0, 1.2)
    leaf = grid(superellipsoid(1, 1, rows=3, columns=5)).moved(scale(0.35, 1, 0.04))
    length = random.uniform(0.08, 0.2)
    crown = random.standard_normal((count, 3))
    crown *= (random.uniform(0.4, 1, (count, 1)) ** (1 / 3)) / np.linalg.norm(crown, axis=1, keepdims=True)
    crown = crown * (0.9, 0.9, 0.7) + (0, 0, high + 0.7)
    leaves = [
        leaf.moved(move(*place) @ turn("z", random.uniform(0, 360)) @ turn("x", random.normal(0, 50)) @ scale(length))
        for place in crown
    ]
    trunk = rod(np.zeros(3), np.array([*random.normal(0, 0.1, 2), high + 0.7]), random.uniform(0.04, 0.09))
    return joined([*leaves, trunk])


def _grass(random: Random) -> Mesh:
    """A tuft of blades that bend outward."""
    blades = []
    for _ in range(int(random.integers(60, 200))):
        foot, lean = random.normal(0, 0.4, 2), random.normal(0, 0.35, 2)
        high, half = random.uniform(0.5, 1.5), random.uniform(0.012, 0.03)
        share = np.linspace(0, 1, 5)[:, None]
        spine = np.concatenate([foot + share**2 * lean, share * high], axis=1)
        aside = np.array([-lean[1], lean[0], 0]) / max(math.hypot(*lean), 1e-6) * half
        edge = aside * (1 - 0.9 * share)
        blades.append(grid(np.stack([spine - edge, spine + edge], axis=1)))
    return joined(blades)


def _figure(random: Random) -> Mesh:
    """A person, roughly: head, trunk, arms and legs in some pose."""
    ball = grid(superellipsoid(0.9, 1, rows=24, columns=32))
    parts = [
        ball.moved(move(0, 0, 1.82) @ scale(0.13, 0.15, 0.18)),
        ball.moved(move(0, 0, 1.3) @ scale(0.26, 0.17, 0.38)),
        ball.moved(move(0, 0, 0.95) @ scale(0.22, 0.17, 0.2)),
    ]
    for side in (-1, 1):
        hip, shoulder = np.array([side * 0.12, 0, 0.95]), np.array([side * 0.27, 0, 1.55])
        foot = np.array([side * random.uniform(0.1, 0.3), random.normal(0, 0.25), 0.03])
        elbow = shoulder + np.array([side * random.uniform(0.02, 0.25), random.normal(0, 0.15), -0.32])
        hand = elbow + random.normal(0, 0.2, 3) * (1, 1, 0.7) + (0, -0.1, -0.1)
        knee = (hip + foot) / 2 + (0, random.uniform(-0.12, 0), 0)
        limbs = ((hip, knee, 0.1), (knee, foot, 0.075), (shoulder, elbow, 0.06), (elbow, hand, 0.05))
        parts += [rod(start, end, radius, rows=4) for start, end, radius in limbs]
        parts += [ball.moved(move(*end) @ scale(radius)) for _, end, radius in limbs]
    return joined(parts)


def _panel(random: Random) -> Mesh:
    """A screen or partition, thin, that hides what is behind it; some have an opening."""
    wide, high = random.uniform(1.0, 2.2), random.uniform(1.2, 2.2)
    if random.random() < 0.5:
        return box(wide, 0.06, high).moved(move(0, 0, high / 2))
    edge = random.uniform(0.2, 0.4)
    posts = [box(edge, 0.08, high).moved(move(x * (wide - edge) / 2, 0, high / 2)) for x in (-1, 1)]
    beams = [box(wide - 2 * edge, 0.08, edge).moved(move(0, 0, z)) for z in (edge / 2, high - edge / 2)]
    return joined(posts + beams)


PROPS: dict[str, Callable[[Random], Mesh]] = {
    "rounded": _rounded,
    "blob": _blob,
    "box": _box,
    "crates": _crates,
    "turned": _turned,
    "knot": _knot,
    "cloth": _cloth,
    "rods": _rods,
    "fence": _fence,
    "furniture": _furniture,
    "leaves": _leaves,
    "grass": _grass,
    "figure": _figure,
    "panel": _panel,
}

GENERATOR = 1
"""Version of what draws a scene from its seed: another one may draw other scenes from the same seeds."""

KINDS: dict[int, tuple[str, ...]] = {
    1: (
        "blob",
        "box",
        "cloth",
        "crates",
        "fence",
        "figure",
        "furniture",
        "grass",
        "knot",
        "leaves",
        "panel",
        "rods",
        "rounded",
        "turned",
    ),
}
"""The props that each version of the generator draws from, in an order that never changes: a new prop joins in a new
version, and the scenes of old seeds stay."""


def hills(random: Random, distance: float, height: float) -> Mesh:
    """A ring of hills around the origin that faces inward, and hides the edge of the ground."""
    angle = np.linspace(0, math.tau, 181)
    crest = sum(np.sin(k * angle + random.uniform(0, math.tau)) / k for k in range(1, 14))
    crest = height * np.clip(0.55 + 0.3 * crest, 0.08, None)
    crest[-1] = crest[0]
    rows = np.linspace(0, 1, 6)[:, None]
    away = distance * (1 + 0.35 * rows)
    ring = np.stack([away * np.sin(angle), away * np.cos(angle), rows**0.8 * crest - 0.05 * height], axis=-1)
    hill = grid(ring)
    return Mesh(hill.points, hill.normals, hill.uv * np.array([8, 1], np.float32), hill.faces)
