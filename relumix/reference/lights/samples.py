"""Points spread evenly over a light, the same in every frame: light that does not crawl has no random numbers."""

from __future__ import annotations

import math

import numpy as np

from relumix.types import Float32

_STEP = (0.7548776662466927, 0.5698402909980532)
"""Of the R2 sequence (Roberts, "The Unreasonable Effectiveness of Quasirandom Sequences", 2018)."""


def square(count: int) -> Float32:
    """Return points of the unit square, [count, 2] in 0..1, evenly spread."""
    index = np.arange(count)[:, None] + 0.5
    return np.asarray((index * np.array(_STEP) + 0.5) % 1, np.float32)


def disc(count: int) -> Float32:
    """Return points of the unit disc, [count, 2], evenly spread: rings of a sunflower (Vogel 1979), the rim last."""
    index = np.arange(count)
    radius = np.sqrt((index + 0.5) / count)
    angle = index * math.pi * (3 - math.sqrt(5))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).astype(np.float32)
