"""Surfaces painted with numpy: albedo [h, w, 3] or height [h, w, 1], linear, float32."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


def noise(shape: tuple[int, int], grain_px: tuple[float, float], seed: int) -> Float64:
    """Tiling Gaussian noise [h, w] of mean 0 and standard deviation 1, blurred by grain_px down and across."""
    down, across = (np.fft.fftfreq(n)[:, None] * g for n, g in zip(shape, grain_px, strict=True))
    blur = np.exp(-2 * math.pi**2 * (down**2 + across.T**2))
    white = np.random.default_rng(seed).standard_normal(shape)
    smooth = np.fft.ifft2(np.fft.fft2(white) * blur).real
    return np.asarray((smooth - smooth.mean()) / smooth.std())


def clouds(shape: tuple[int, int], coarsest_px: float, seed: int, octaves: int = 6) -> Float64:
    """Tiling fractal noise [h, w] of standard deviation 1: octaves from coarsest_px down, each half as strong."""
    layers = [noise(shape, (coarsest_px / 2**k,) * 2, seed + k) / 2**k for k in range(octaves)]
    total = np.sum(layers, axis=0)
    return np.asarray(total / total.std())


def planks(seed: int, shape: tuple[int, int] = (1024, 1536), count: int = 6) -> Float32:
    """Boards that run across the picture, each cut from another place of another tree, with dark gaps between."""
    height, width = shape
    row = np.arange(height)[:, None] / height * count
    board = np.broadcast_to(row.astype(int), shape)
    shift = np.random.default_rng(seed).integers(0, width, count)[board]
    column = (np.arange(width)[None, :] + shift) % width
    warp = noise(shape, (24, 220), seed + 1)[np.arange(height)[:, None], column]
    rings = 0.5 + 0.5 * np.sin(math.tau * (2.2 * row + 0.9 * warp + 3.1 * board))
    fibre = noise(shape, (1.2, 32), seed + 2)[np.arange(height)[:, None], column]
    tone = 0.55 * rings**2 - 0.16 * fibre + 0.35 * np.random.default_rng(seed + 3).standard_normal(count)[board]
    light, dark = np.array([0.40, 0.235, 0.12]), np.array([0.13, 0.058, 0.024])
    share = np.clip(0.3 + 0.5 * tone, 0, 1)[..., None]
    gap = np.minimum(row % 1, 1 - row % 1)[..., None] * height / count
    return np.asarray((light + (dark - light) * share) * np.clip(0.15 + gap / 4, 0.15, 1), np.float32)


def plaster(seed: int, tint: tuple[float, float, float], shape: tuple[int, int] = (1024, 1024)) -> Float32:
    """A painted wall, a little uneven."""
    tone = 1 + 0.07 * clouds(shape, 120, seed) + 0.03 * noise(shape, (1.5, 1.5), seed + 9)
    return (np.clip(tone, 0.5, 1.5)[..., None] * tint).astype(np.float32)


def relief(seed: int, coarsest_px: float, shape: tuple[int, int] = (1024, 1024)) -> Float32:
    """Height of rough plaster or paper, standard deviation 1."""
    return clouds(shape, coarsest_px, seed)[..., None].astype(np.float32)


def gingham(seed: int, shape: tuple[int, int] = (1024, 1024), checks: int = 9) -> Float32:
    """Cotton woven of dyed and undyed threads, each thread visible."""
    y, x = np.indices(shape) / np.array(shape)[:, None, None] * checks
    dyed = ((x % 1 < 0.5) * 1.0 + (y % 1 < 0.5) * 1.0) / 2
    thread = 1 + 0.16 * np.sin(math.tau * 14 * x) * np.sin(math.tau * 14 * y) + 0.07 * noise(shape, (1, 1), seed)
    undyed, dye = np.array([0.72, 0.68, 0.60]), np.array([0.46, 0.035, 0.045])
    return np.asarray(np.clip(thread, 0.4, 1.5)[..., None] * undyed * (dye / undyed) ** dyed[..., None], np.float32)
