"""Points spread evenly over a light, the same in every frame: light that does not crawl has no random numbers."""

from __future__ import annotations

import math

import numpy as np

from relumix.types import Float32

_STEP = (0.7548776662466927, 0.5698402909980532)
"""Roberts' R2 sequence, the golden ratio of two dimensions ("The Unreasonable Effectiveness of Quasirandom Sequences")."""


def square(count: int, shift: tuple[float, float] = (0.0, 0.0)) -> Float32:
    """Return points of the unit square, [count, 2] in 0..1, evenly spread; `shift` moves all of them, wrapping round."""
    index = np.arange(count)[:, None] + 0.5
    return np.asarray((index * np.array(_STEP) + 0.5 + np.array(shift)) % 1, np.float32)


def disc(count: int, shift: tuple[float, float] = (0.0, 0.0)) -> Float32:
    """Return points of the unit disc, [count, 2], evenly spread: rings of a sunflower (Vogel 1979).

    shift  turns them (its first number, in whole turns) and moves them across the rings (its second, in points).
    """
    index = np.arange(count)
    radius = np.sqrt((index + (0.5 + shift[1]) % 1) / count)
    angle = index * math.pi * (3 - math.sqrt(5)) + 2 * math.pi * shift[0]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).astype(np.float32)
