"""The shoulder of a display: plain up to KNEE, then highlights roll off towards white, and none is lost."""

from __future__ import annotations

import numpy as np

from relumix.types import Float32

KNEE = 0.6
"""Exposed linear value up to which nothing is changed."""


def roll_off(linear: Float32) -> Float32:
    """Return values >= 0 rolled off to 0..1: above KNEE Reinhard's x / (1 + x), joined to the rest without a break."""
    over = np.maximum(linear - KNEE, 0) / (1 - KNEE)
    return np.where(linear <= KNEE, linear, KNEE + (1 - KNEE) * over / (1 + over)).astype(np.float32)


def roll_on(rolled: Float32, most: float) -> Float32:
    """Return the values that `roll_off` makes these of, at most `most`."""
    over = np.clip((rolled - KNEE) / (1 - KNEE), 0, 1)
    back = np.divide(over, 1 - over, out=np.full_like(over, np.inf), where=over < 1)
    return np.where(rolled <= KNEE, rolled, np.minimum(KNEE + (1 - KNEE) * back, most)).astype(np.float32)
