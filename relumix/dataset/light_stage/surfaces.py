"""What things are made of: a random picture for their colour, a relief, and how they reflect."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from relumix.color.rec709 import srgb_decode
from relumix.dataset.light_stage.textures import Float32, Float64, clouds, gingham, noise, planks, plaster
from relumix.errors import InputError

Random = np.random.Generator

SIZE_PX = 256
PHOTO_SHARE = 0.45
PHOTO_SIDE_PX = 1024
BUNDLED = (
    *("astronaut.png", "brick.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png"),
    *("hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg"),
)


@dataclass(frozen=True)
class Surface:
    """A material: albedo [h, w, 3] is linear, relief [h, w, 1] a height in units of uv; all else is between 0 and 1."""

    albedo: Float32
    relief: Float32
    roughness: float
    metallic: float
    specular: float
    name: str


class Photos:
    """Photographs to cut textures from: those of a folder, or those that come with scikit-image."""

    def __init__(self, folder: Path | None) -> None:
        """Raises InputError where the folder holds no picture."""
        self.paths = sorted(_pictures(folder)) if folder else _bundled()
        if not self.paths:
            raise InputError(f"{folder} holds no picture (jpg, png, webp); name a folder that does with --photos")

    def cut(self, random: Random) -> tuple[Float32, str]:
        """Return a random square of a random photograph, [SIZE_PX, SIZE_PX, 3] linear, and the photograph's name."""
        path = self.paths[random.integers(len(self.paths))]
        try:
            with Image.open(path) as image:
                image.draft("RGB", (PHOTO_SIDE_PX, PHOTO_SIDE_PX))
                picture = image.convert("RGB")
        except (OSError, UnidentifiedImageError) as error:
            raise InputError(f"{path} cannot be read as a picture ({error}); take it out of the folder") from error
        side = random.uniform(0.3, 1) * min(picture.size)
        left, top = (random.uniform(0, length - side) for length in picture.size)
        square = picture.resize((SIZE_PX, SIZE_PX), Image.Resampling.LANCZOS, (left, top, left + side, top + side))
        return srgb_decode(np.asarray(square, np.float32) / 255), path.name


def surface(random: Random, photos: Photos) -> Surface:
    """Return a random material, from matt to glossy and metallic."""
    if random.random() < PHOTO_SHARE:
        albedo, name = photos.cut(random)
        albedo = albedo * np.float32(random.uniform(0.6, 1))
    else:
        name = sorted(_PAINTS)[random.integers(len(_PAINTS))]
        albedo = _PAINTS[name](random)
    kind = random.choice(["matt", "satin", "glossy", "metal"], p=[0.4, 0.3, 0.18, 0.12])
    low, high = {"matt": (0.6, 1.0), "satin": (0.3, 0.6), "glossy": (0.12, 0.3), "metal": (0.15, 0.5)}[kind]
    floor = 0.3 if kind == "metal" else 0.01
    relief = clouds((SIZE_PX, SIZE_PX), random.uniform(6, 60), _seed(random))
    depth = random.choice([0.0, 10 ** random.uniform(-2.5, -1.3)], p=[0.4, 0.6])
    return Surface(
        np.clip(albedo, floor, 0.9).astype(np.float32),
        (relief * depth)[..., None].astype(np.float32),
        random.uniform(low, high),
        float(kind == "metal"),
        random.uniform(0.2, 0.6),
        name,
    )


def colour(random: Random) -> Float64:
    """A random albedo [3], from near black to near white, mostly of restrained saturation."""
    saturation, value = random.beta(1.5, 2.2), random.uniform(0.15, 0.95)
    encoded = np.array(colorsys.hsv_to_rgb(random.random(), saturation, value))
    return np.asarray(0.02 + 0.83 * encoded**2.2)


def _pictures(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}]


def _bundled() -> list[Path]:
    import skimage  # noqa: PLC0415  slow to load, and only its pictures are wanted

    return [Path(skimage.__file__).parent / "data" / name for name in BUNDLED]


def _seed(random: Random) -> int:
    return int(random.integers(2**31))


def _indices() -> tuple[Float64, Float64]:
    v, u = np.indices((SIZE_PX, SIZE_PX)) / SIZE_PX
    return v, u


def _shared_by(share: Float64, first: Float64, second: Float64) -> Float32:
    return np.asarray(first + (second - first) * share[..., None], np.float32)


def _flat(random: Random) -> Float32:
    red, green, blue = colour(random)
    return plaster(_seed(random), (red, green, blue), (SIZE_PX, SIZE_PX))


def _mottled(random: Random) -> Float32:
    tone = clouds((SIZE_PX, SIZE_PX), random.uniform(20, 90), _seed(random))
    return _shared_by(np.clip(0.5 + 0.4 * tone, 0, 1), colour(random), colour(random))


def _marble(random: Random) -> Float32:
    v, u = _indices()
    warp = clouds((SIZE_PX, SIZE_PX), 70, _seed(random))
    veins = np.abs(np.sin(math.pi * (random.integers(1, 5) * u + random.integers(0, 5) * v + 0.6 * warp)))
    return _shared_by(veins ** random.uniform(0.2, 1), colour(random), colour(random))


def _checks(random: Random) -> Float32:
    v, u = _indices()
    count = int(random.integers(2, 9)) * 2
    worn = 0.08 * clouds((SIZE_PX, SIZE_PX), 30, _seed(random))
    squares = ((u * count).astype(int) + (v * count).astype(int)) % 2
    return np.maximum(_shared_by(squares + worn, colour(random), colour(random)), 0.01)


def _stripes(random: Random) -> Float32:
    v, u = _indices()
    across = u * random.integers(2, 20) + v * random.choice([0, 0, 2, 5])
    tint = np.stack([colour(random) for _ in range(4)])
    return np.asarray(tint[(across * 4).astype(int) % 4], np.float32)


def _dots(random: Random) -> Float32:
    v, u = _indices()
    count = random.integers(3, 14)
    away = np.hypot((u * count) % 1 - 0.5, (v * count) % 1 - 0.5)
    return _shared_by(np.clip((random.uniform(0.2, 0.4) - away) * 20, 0, 1), colour(random), colour(random))


def _bricks(random: Random) -> Float32:
    v, u = _indices()
    rows = int(random.integers(3, 9)) * 2
    row = (v * rows).astype(int)
    along = u * rows / 2 + 0.5 * (row % 2)
    tone = random.normal(1, 0.2, 4096)[(row * 37 + np.floor(along).astype(int) % (rows // 2) * 101) % 4096]
    grain = 1 + 0.15 * noise((SIZE_PX, SIZE_PX), (1.2, 1.2), _seed(random))
    joint = (np.minimum(v * rows % 1, along % 1 * 2) < random.uniform(0.06, 0.2))[..., None]
    return np.asarray(np.where(joint, colour(random), (tone * grain)[..., None] * colour(random)), np.float32)


def _cells(random: Random) -> Float32:
    """Pebbles or scales: each pixel belongs to the nearest of some scattered points."""
    v, u = _indices()
    seeds = random.random((int(random.integers(12, 60)), 2))
    down, across = np.abs(v[..., None] - seeds[:, 0]), np.abs(u[..., None] - seeds[:, 1])
    away = np.sort(np.hypot(np.minimum(down, 1 - down), np.minimum(across, 1 - across)), axis=-1)
    edge = np.clip((away[..., 1] - away[..., 0]) * random.uniform(15, 60), 0, 1)
    return _shared_by(edge, colour(random), colour(random))


def _planks(random: Random) -> Float32:
    boards = planks(_seed(random), (SIZE_PX, SIZE_PX), int(random.integers(2, 9)))
    return np.asarray(boards * (0.5 + 1.5 * colour(random)), np.float32)


def _gingham(random: Random) -> Float32:
    woven = gingham(_seed(random), (SIZE_PX, SIZE_PX), int(random.integers(2, 8)))
    return np.asarray(np.roll(woven, random.integers(3), axis=-1) * (0.4 + colour(random)), np.float32)


def _print(random: Random) -> Float32:
    """Lines of writing on paper."""
    v, u = _indices()
    rows = int(random.integers(6, 20))
    strokes = noise((SIZE_PX, SIZE_PX), (0.8, 1.2), _seed(random)) > 0.2
    words = noise((rows, SIZE_PX), (0.01, 5), _seed(random))[(v * rows).astype(int), (u * SIZE_PX).astype(int)] > -0.6
    ink = strokes & words & (v * rows % 1 > 0.4) & (u > 0.06) & (u < 0.94)
    return _shared_by(ink * 1.0, colour(random), colour(random))


def _speckled(random: Random) -> Float32:
    """Grass, gravel or terrazzo: fine grains of three colours."""
    fine = noise((SIZE_PX, SIZE_PX), (random.uniform(0.7, 2), random.uniform(0.7, 4)), _seed(random))
    soft = _shared_by(np.clip(0.5 + 0.4 * fine, 0, 1), colour(random), colour(random))
    coarse = noise((SIZE_PX, SIZE_PX), (2, 2), _seed(random)) > random.uniform(1, 2)
    return np.where(coarse[..., None], colour(random), soft).astype(np.float32)


_PAINTS: dict[str, Callable[[Random], Float32]] = {
    "bricks": _bricks,
    "cells": _cells,
    "checks": _checks,
    "dots": _dots,
    "flat": _flat,
    "gingham": _gingham,
    "marble": _marble,
    "mottled": _mottled,
    "planks": _planks,
    "print": _print,
    "speckled": _speckled,
    "stripes": _stripes,
}
