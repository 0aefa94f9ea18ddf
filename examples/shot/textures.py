"""The surfaces of the example shot that no other scene has, painted with numpy: albedo [h, w, 3], linear, float32."""

from __future__ import annotations

import math

import numpy as np

from relumix.dataset.light_stage.textures import Float32, clouds, noise


def glaze(seed: int, shape: tuple[int, int] = (1024, 1024)) -> Float32:
    """A vase's print, v from its foot to its lip: cobalt bands, leaves and dots on cream, fired unevenly."""
    v, u = np.indices(shape) / np.array(shape)[:, None, None]
    along, around = (v - 0.145) / 0.19, (u * 10) % 1 - 0.5
    wide = 0.4 * np.sin(np.clip(along, 0, 1) * math.pi) ** 0.8
    vein = np.abs(around) < 0.03
    leaf = (np.abs(around) < wide) & (along > 0) & (along < 1) & ~(vein & (along < 0.8))
    dots = np.hypot((u * 24) % 1 - 0.5, (v * 44) % 1 - 0.5) < 0.3
    bands = ((v > 0.12) & (v < 0.135)) | ((v > 0.345) & (v < 0.36)) | ((v > 0.41) & (v < 0.42)) | (v < 0.03)
    ink = leaf | (dots & (v > 0.36) & (v < 0.41)) | bands
    cobalt, cream = np.array([0.018, 0.05, 0.22]), np.array([0.66, 0.60, 0.49])
    tone = 1 + 0.06 * clouds(shape, 60, seed)
    return (np.clip(tone, 0.5, 1.3)[..., None] * np.where(ink[..., None], cobalt, cream)).astype(np.float32)


def gores(seed: int, shape: tuple[int, int] = (512, 1024)) -> Float32:
    """A ball's paint: six gores, a belt of dots, caps, and scuffs, so that every turn of it can be seen."""
    v, u = np.indices(shape) / np.array(shape)[:, None, None]
    paints = np.array(
        [
            [0.62, 0.58, 0.50],
            [0.60, 0.06, 0.03],
            [0.62, 0.58, 0.50],
            [0.02, 0.20, 0.30],
            [0.62, 0.58, 0.50],
            [0.70, 0.36, 0.03],
        ]
    )
    colour = paints[(u * 6).astype(int) % 6]
    belt, cap = np.abs(v - 0.5) < 0.09, np.abs(v - 0.5) > 0.42
    dots = np.hypot((u * 18) % 1 - 0.5, ((v - 0.5) * 9) % 1 - 0.5) < 0.28
    colour[belt] = (0.03, 0.03, 0.04)
    colour[belt & dots] = (0.66, 0.60, 0.45)
    colour[cap] = (0.60, 0.06, 0.03)
    scuffs = 1 - 0.3 * np.clip(clouds(shape, 40, seed) - 1, 0, 1)
    return (colour * scuffs[..., None]).astype(np.float32)


def checks(seed: int, shape: tuple[int, int] = (512, 512), count: int = 6) -> Float32:
    """One face of a wooden toy block: a printed check inside a coloured frame."""
    v, u = np.indices(shape) / np.array(shape)[:, None, None]
    edge = np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v))
    square = ((u * count).astype(int) + (v * count).astype(int)) % 2
    colour = np.where(square[..., None] > 0, (0.05, 0.05, 0.06), (0.60, 0.53, 0.40))
    colour = np.where(edge[..., None] < 1 / count, (0.05, 0.22, 0.17), colour)
    fibre = 1 + 0.10 * noise(shape, (1, 20), seed)
    return (np.clip(fibre, 0.5, 1.4)[..., None] * colour).astype(np.float32)


def rind(seed: int, shape: tuple[int, int] = (512, 512)) -> Float32:
    """A pear's skin: green that turns yellow, red on one cheek, brown freckles, russet near the stalk."""
    v, u = np.indices(shape) / np.array(shape)[:, None, None]
    ripe = np.clip(0.5 + 0.35 * clouds(shape, 90, seed), 0, 1)[..., None]
    colour = (1 - ripe) * (0.17, 0.25, 0.035) + ripe * (0.46, 0.36, 0.045)
    blush = np.clip(0.9 * np.cos(math.tau * (u - 0.3)) - 0.45 + 0.2 * noise(shape, (8, 3), seed + 20), 0, 0.8)[
        ..., None
    ]
    colour = (1 - blush) * colour + blush * np.array([0.42, 0.07, 0.03])
    russet = np.clip(noise(shape, (1.6, 1.6), seed + 30) - 2.0 + 2.5 * np.clip((v - 0.85) / 0.15, 0, 1), 0, 1)[
        ..., None
    ]
    return ((1 - russet) * colour + russet * (0.16, 0.08, 0.03)).astype(np.float32)


def poster(seed: int, shape: tuple[int, int] = (900, 720)) -> Float32:
    """A print for the wall: discs, bars and a staircase in flat inks on toned paper."""
    v, u = np.indices(shape) / shape[1]
    paper = 1 + 0.03 * noise(shape, (1, 1), seed)
    colour = np.broadcast_to(np.array([0.62, 0.55, 0.42]), (*shape, 3)).copy()
    colour[np.hypot(u - 0.42, v - 0.48) < 0.28] = (0.55, 0.10, 0.04)
    colour[np.hypot(u - 0.60, v - 0.62) < 0.17] = (0.03, 0.13, 0.22)
    colour[(np.abs((u + v) % 0.09 - 0.045) < 0.012) & (v > 0.82) & (u < 0.55)] = (0.04, 0.04, 0.05)
    colour[(v > 1.12 - 0.12 * np.floor((u - 0.55) * 10)) & (u > 0.55) & (u < 0.9) & (v < 1.14)] = (0.55, 0.33, 0.05)
    colour[(np.abs(v - 0.12) < 0.012) & (u > 0.08) & (u < 0.92)] = (0.04, 0.04, 0.05)
    margin = np.minimum(np.minimum(u, 1 - u), np.minimum(v, shape[0] / shape[1] - v)) < 0.05
    colour[margin] = (0.66, 0.62, 0.54)
    return (paper[..., None] * colour).astype(np.float32)


def book(seed: int, cloth: tuple[float, float, float], shape: tuple[int, int] = (256, 256)) -> Float32:
    """The cloth of a book's binding, woven and rubbed."""
    y, x = np.indices(shape)
    weave = 1 + 0.12 * np.sin(math.tau * x / 4) * np.sin(math.tau * y / 4) + 0.10 * clouds(shape, 50, seed)
    return (np.clip(weave, 0.5, 1.5)[..., None] * cloth).astype(np.float32)
