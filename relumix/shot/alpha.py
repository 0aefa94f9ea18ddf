"""What alpha means, told from the pixels: whether the colour is multiplied by it, for plates and references alike.

Premultiplied colour is at most as bright as alpha lets it be. A roto matte beside a whole picture, or light that covers
nothing (fire, flares, a visible sky), shows more light than that where alpha is next to 0. Dividing such colour by
alpha would lose it, so alpha is then passed through and not used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from relumix.types import Float32

Premult = Literal["auto", "yes", "no"]

TRANSPARENT = 1.5 / 255
"""Alpha that counts as 0: up to one step of 8 bits."""

_SAMPLES = 1 << 14
"""About as many pixels are looked at, whatever the size of the frame: more would cost time and tell no more."""

_OPEN_SHARE = 1 / 8
"""Alpha below this share of its highest leaves a pixel open: what it shows there is hardly covered by anything."""

_MARGIN = 2.0
"""How many times brighter than all that alpha covers a pixel must be before alpha cannot explain it."""

_UNCOVERED_SHARE = 1 / 256
"""More than this share of a frame's light where alpha cannot have covered it: alpha is no coverage.

Little, since coverage taken for a matte costs next to nothing, and a matte taken for coverage all of that light.
"""

_BRIGHTEST = 0.99
"""The quantile that stands for the brightest light, so that a few sparks decide nothing."""

_ONE_COLOUR = 2 / 255
"""Straight colour that varies by less where alpha is 0 is what the program left there, and no picture."""


@dataclass(frozen=True)
class Uncovered:
    """Some pixels of an image with alpha, spread over it.

    light   [n, m] float32 >= 0: the brightest channel of each.
    open    [n, m] bool: where alpha covers next to nothing.
    excess  [n, m] bool: where it is open, and there is more light than alpha could cover.
    """

    light: Float32
    open: NDArray[np.bool_]
    excess: NDArray[np.bool_]

    @classmethod
    def of(cls, rgb: Float32, alpha: Float32, *, straight: bool) -> Uncovered:
        """Look at an image.

        rgb       [h, w, 3] float32 as stored, or decoded to linear light without regard to alpha.
        alpha     [h, w] float32.
        straight  whether the file says that its colour is not multiplied by alpha, whatever alpha means.
        """
        pixels, alpha = sampled(rgb), sampled(alpha)
        light = np.maximum(np.nan_to_num(pixels, nan=0, posinf=0, neginf=0), 0).max(axis=-1)
        alpha = np.clip(np.nan_to_num(alpha, nan=1), 0, 1)
        bare = np.asarray(alpha <= TRANSPARENT)
        if bare.all():
            return cls(light, bare, light > 0)
        if straight:
            varies = np.asarray(bare.any() and np.ptp(light[bare]) > _ONE_COLOUR)
            return cls(light, bare, bare & (light > 0) & varies)
        is_open = np.asarray(alpha <= alpha.max() * _OPEN_SHARE)
        return cls(light, is_open, is_open & (light > _MARGIN * _brightest_covered(light, alpha) * alpha))

    @property
    def share(self) -> float:
        """The share of the image's light that alpha cannot have covered, 0 to 1; 0 for a black image."""
        lit = self.light[self.light > 0]
        if not lit.size or not self.excess.any():
            return 0.0
        light = np.minimum(self.light, np.quantile(lit, _BRIGHTEST)).astype(np.float64)
        return min(1.0, float(light[self.excess].sum() / light.sum()))  # above 1 by rounding


def is_coverage(rgb: Float32, alpha: Float32, premult: Premult, *, straight: bool = False) -> bool:
    """Tell whether the alpha of a plate is coverage; see `Uncovered.of` for the arguments.

    It is decided by the frame's own pixels alone where `premult` is "auto", else as that says. Alpha that is nowhere
    finite covers nothing.
    """
    if premult != "auto":
        return premult == "yes"
    if (sampled(alpha) >= 1).all():
        return True
    if not np.isfinite(sampled(alpha)).any():
        return False
    return Uncovered.of(rgb, alpha, straight=straight).share <= _UNCOVERED_SHARE


def looked_at(references: Sequence[int]) -> tuple[int, ...]:
    """Return the references (ascending) whose plates say for the whole shot that alpha is no coverage.

    A shot is read alike wherever one of these says so, since a frame whose dark surroundings count and one where they
    do not are hard to compare. They are the first, the middle and the last: a job reads those in every farm chunk and
    on every server. Any other frame that says so is read so alone.
    """
    return tuple(dict.fromkeys(references[at] for at in (0, len(references) // 2, len(references) - 1)))


def sampled(values: NDArray[Any]) -> NDArray[Any]:
    """Return every so many rows and columns of [h, w, ...], the same ones for all arrays of a size."""
    # Odd, since pictures have grids and dithers of even numbers of pixels.
    step = max(1, math.isqrt(values.shape[0] * values.shape[1] // _SAMPLES)) | 1
    return values[step // 2 :: step, step // 2 :: step] if min(values.shape[:2]) > step else values


def _brightest_covered(light: Float32, alpha: Float32) -> np.float32:
    """The straight light that what is covered most shows at its brightest."""
    covered = alpha >= alpha.max() / 2
    with np.errstate(over="ignore"):
        return np.float32(np.quantile(light[covered] / alpha[covered], _BRIGHTEST))
