"""The bank of textures that all scenes share: patterns, and pictures with the statistics of photographs.

The latter are dead leaves (Lee, Mumford & Huang 2001: occluding shapes with sizes by a power law have the edges and the
spectrum of photographs of the world), each leaf with a grain and a shade of its own.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from functools import lru_cache
from zlib import crc32

import numpy as np

from relumix.dataset.light_stage.sdf.scene import Float32, Float64
from relumix.dataset.light_stage.textures import clouds, noise, planks

SIZE_PX = 256
LEVELS = 6
"""Pictures of a mip chain: SIZE_PX, half of that, and so on."""

LEAVES, LEAVES_IN_ONE = 10, 1400

Random = np.random.Generator


CHAIN = sum((SIZE_PX >> level) ** 2 for level in range(LEVELS))


@lru_cache(1)
def bank() -> Float32:
    """Return the bank [N * CHAIN, 3], 0..1, always the same; made once a process, in about two seconds.

    It holds the mip chains of the textures of NAMES one after another, rows from the top. Patterns are grey: how much
    there is of a material's first colour; "leaves" have colours of their own.
    """
    pictures = []
    for kind, paint, count in PATTERNS:
        for i in range(count):
            grey = paint(np.random.default_rng([crc32(kind.encode()), i]))
            pictures.append(np.repeat(np.clip(grey, 0, 1)[..., None], 3, -1))
    pictures += [_leaves(np.random.default_rng([crc32(b"leaves"), i])) for i in range(LEAVES)]
    return np.concatenate([_chain(picture.astype(np.float32)) for picture in pictures])


def _chain(picture: Float32) -> Float32:
    levels = [picture]
    for _ in range(LEVELS - 1):
        side = len(levels[-1]) // 2
        levels.append(levels[-1].reshape(side, 2, side, 2, 3).mean((1, 3)))
    return np.concatenate([level.reshape(-1, 3) for level in levels])


def _indices() -> tuple[Float64, Float64]:
    v, u = np.indices((SIZE_PX, SIZE_PX)) / SIZE_PX
    return v, u


def _seed(random: Random) -> int:
    return int(random.integers(2**31))


def _flat(random: Random) -> Float64:
    return np.asarray(0.5 + 0.06 * clouds((SIZE_PX, SIZE_PX), 60, _seed(random)))


def _clouds(random: Random) -> Float64:
    return np.asarray(0.5 + 0.25 * clouds((SIZE_PX, SIZE_PX), random.uniform(20, 90), _seed(random)))


def _checks(random: Random) -> Float64:
    v, u = _indices()
    squares = (np.floor(v * 8) + np.floor(u * 8)) % 2
    return np.asarray(squares * 0.9 + 0.06 * clouds((SIZE_PX, SIZE_PX), 30, _seed(random)))


def _stripes(random: Random) -> Float64:
    _, u = _indices()
    across = np.floor(u * 16 + 0.1 * random.random()).astype(int) % 4
    return np.asarray(random.permutation([0.0, 0.35, 0.7, 1.0])[across])


def _bricks(random: Random) -> Float64:
    v, u = _indices()
    row = np.floor(v * 16)
    along = u * 8 + 0.5 * (row % 2)
    tone = random.uniform(0.45, 1, (16, 8))[row.astype(int), np.floor(along).astype(int) % 8]
    joint = np.minimum(v * 16 % 1, along % 1 * 2) < 0.12
    return np.asarray(np.where(joint, 0, tone + 0.08 * noise((SIZE_PX, SIZE_PX), (1.2, 1.2), _seed(random))))


def _tiles(random: Random) -> Float64:
    v, u = _indices()
    tone = random.uniform(0.5, 0.9, (8, 8))[np.floor(v * 8).astype(int), np.floor(u * 8).astype(int)]
    joint = np.minimum(v * 8 % 1, u * 8 % 1) < 0.06
    return np.asarray(np.where(joint, 0.05, tone + 0.04 * clouds((SIZE_PX, SIZE_PX), 40, _seed(random))))


def _windows(random: Random) -> Float64:
    """A front of a house: dark panes in pale walls; a picture is four stories of four windows."""
    v, u = _indices()
    across, down = u * 4 % 1, v * 4 % 1
    pane = (np.abs(across - 0.5) < 0.24) & (np.abs(down - 0.5) < 0.3)
    bar = (np.abs(across - 0.5) < 0.02) | (np.abs(down - 0.5) < 0.02)
    wall = 0.85 + 0.06 * clouds((SIZE_PX, SIZE_PX), 50, _seed(random)) - 0.2 * (down < 0.05)
    dark = random.uniform(0.0, 0.25, (4, 4))[np.floor(v * 4).astype(int), np.floor(u * 4).astype(int)]
    return np.asarray(np.where(pane & ~bar, dark, wall))


def _speckles(random: Random) -> Float64:
    grain = random.uniform(0.7, 2)
    return np.asarray(0.5 + 0.25 * noise((SIZE_PX, SIZE_PX), (grain, grain), _seed(random)))


def _dots(random: Random) -> Float64:
    v, u = _indices()
    away = np.hypot(u * 8 % 1 - 0.5, v * 8 % 1 - 0.5)
    return np.asarray(np.clip((random.uniform(0.25, 0.4) - away) * 20, 0, 1))


def _planks(random: Random) -> Float64:
    boards = planks(_seed(random), (SIZE_PX, SIZE_PX), 4).mean(-1)
    return np.asarray(boards / boards.max(), np.float64)


def _marble(random: Random) -> Float64:
    v, u = _indices()
    warp = 0.6 * clouds((SIZE_PX, SIZE_PX), 70, _seed(random))
    return np.asarray(np.abs(np.sin(np.pi * (3 * u + 2 * v + warp))) ** random.uniform(0.3, 1))


PATTERNS: tuple[tuple[str, Callable[[Random], Float64], int], ...] = (
    ("flat", _flat, 2),
    ("clouds", _clouds, 3),
    ("checks", _checks, 1),
    ("stripes", _stripes, 2),
    ("bricks", _bricks, 2),
    ("tiles", _tiles, 2),
    ("windows", _windows, 2),
    ("speckles", _speckles, 2),
    ("dots", _dots, 1),
    ("planks", _planks, 2),
    ("marble", _marble, 2),
)


NAMES = tuple(kind for kind, _, count in PATTERNS for _ in range(count)) + ("leaves",) * LEAVES
"""The kind of each texture of the bank, by its number."""


def _leaves(random: Random) -> Float64:
    """Shapes upon shapes, tiling: disks and boxes of radius r in numbers by r^-3."""
    base = _colour(random)
    picture = np.ones((SIZE_PX, SIZE_PX, 3)) * base
    radii = np.sort(3.0 / np.sqrt(random.uniform(0.0012, 1, LEAVES_IN_ONE)))[::-1]
    grain = 0.12 * noise((SIZE_PX, SIZE_PX), (0.8, 0.8), _seed(random)) + 0.1 * noise(
        (SIZE_PX, SIZE_PX), (4, 4), _seed(random)
    )
    palette = [_colour(random) for _ in range(5)] + [base]
    # Not wholly by size: some large shapes lie over small ones, as in the world.
    order = np.argsort(np.log(radii)[::-1] + random.normal(0, 0.8, LEAVES_IN_ONE))[::-1]
    for radius in radii[order]:
        _lay(picture, grain, radius, palette[random.integers(len(palette))], random)
    return np.clip(picture, 0.01, 1)


def _lay(picture: Float64, grain: Float64, radius: float, colour: Float64, random: Random) -> None:
    side = int(np.ceil(radius))
    y, x = np.mgrid[-side : side + 1, -side : side + 1]
    angle, squeeze = random.uniform(0, np.pi), random.uniform(0.4, 1)
    along, across = x * np.cos(angle) + y * np.sin(angle), (y * np.cos(angle) - x * np.sin(angle)) / squeeze
    round_one = random.random() < 0.6
    inside = along**2 + across**2 < radius**2 if round_one else np.maximum(abs(along), abs(across)) < 0.8 * radius
    rows, columns = ((random.integers(SIZE_PX) + axis) % SIZE_PX for axis in (y, x))
    shade = 1 + 0.25 * random.normal() * along / radius + random.uniform(0.3, 1) * grain[rows, columns]
    tint = colour * np.exp(random.normal(0, 0.35) + random.normal(0, 0.06, 3))
    picture[rows[inside], columns[inside]] = (tint * shade[..., None])[inside]


def _colour(random: Random) -> Float64:
    hue, saturation, value = random.random(), random.beta(1.3, 3.5), random.uniform(0.2, 0.95)
    return np.asarray(0.02 + 0.85 * np.array(colorsys.hsv_to_rgb(hue, saturation, value)) ** 2.2)
