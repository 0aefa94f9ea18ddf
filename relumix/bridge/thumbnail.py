"""A thumbnail tells whether two pictures are one at two sizes: the mean colours of 8 x 8 equal parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NUMBERS = 8 * 8 * 3

_RELATIVE_TOLERANCE = 0.05
_FLOOR_OF_BRIGHTEST = 0.005


def same_picture(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether two thumbnails are of one picture at two sizes: every part within 5 %, or 0.5 % of the brightest."""
    if len(one) != NUMBERS or len(other) != NUMBERS:
        return False
    a, b = np.abs(np.asarray(one)), np.abs(np.asarray(other))
    allowed = np.maximum(_RELATIVE_TOLERANCE * np.maximum(a, b), _FLOOR_OF_BRIGHTEST * max(a.max(), b.max()))
    return bool((np.abs(np.asarray(one) - np.asarray(other)) <= allowed).all())
