"""What a picture has in common with a smaller version of itself: the mean colours of 8 x 8 equal parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NUMBERS = 8 * 8 * 3

_SHARE = 0.05
_OF_THE_BRIGHTEST = 0.005


def alike(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether two glances are of one picture at two sizes: every part within 5 %, or 0.5 % of the brightest."""
    if len(one) != NUMBERS or len(other) != NUMBERS:
        return False
    a, b = np.abs(np.asarray(one)), np.abs(np.asarray(other))
    allowed = np.maximum(_SHARE * np.maximum(a, b), _OF_THE_BRIGHTEST * max(a.max(), b.max()))
    return bool((np.abs(np.asarray(one) - np.asarray(other)) <= allowed).all())
