"""Tells paint-overs from other relit frames by their alpha, and comps them over the plate."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relumix.types import Float32

Mask = NDArray[np.bool_]

_TOLERANCE = 1 / 255
"""Alphas that differ by less are equal but for rounding: one step of 8 bits."""

_MATTE_SHARE = 0.5
"""If more than this share of the pixels with alpha 0 has light, alpha is a matte rather than coverage."""


class Alpha(enum.Enum):
    """WHOLE: all is painted. PAINTED: some is. EMPTY: 0 everywhere. MATTE: there is light where it is 0."""

    WHOLE = enum.auto()
    PAINTED = enum.auto()
    EMPTY = enum.auto()
    MATTE = enum.auto()


@dataclass(frozen=True)
class Paint:
    """A relit frame with alpha, on the plate's pixels.

    rgb       [h, w, 3] float32, premultiplied, 0 where it is not finite.
    known     [h, w] bool: where its light is known.
    alpha     [h, w] float32, finite, 0 outside of the image.
    inside    [h, w] bool: the pixels of the image itself.
    straight  whether the colour was stored without alpha, so that it means nothing where alpha is 0.
    """

    rgb: Float32
    known: Mask
    alpha: Float32
    inside: Mask
    straight: bool

    def classify(self, plate_alpha: Float32 | None) -> Alpha:
        """Tell what the alpha means, compared with the plate's (None: 1 everywhere)."""
        if not (self.alpha > 0).any():
            return Alpha.EMPTY
        share = self._share(plate_alpha)
        if not (self.inside & (share < 1)).any():
            return Alpha.WHOLE
        uncovered: Mask = np.asarray(self.inside & (share == 0), np.bool_)
        lit = uncovered & (self.rgb > 0).any(axis=-1)
        if not self.straight and np.count_nonzero(lit) > _MATTE_SHARE * np.count_nonzero(uncovered):
            return Alpha.MATTE
        return Alpha.PAINTED

    def over(self, plate: Float32, plate_alpha: Float32 | None) -> tuple[Float32, Mask]:
        """Return it over the plate [h, w, 3], and where that is known; the plate itself where nothing was painted."""
        share = self._share(plate_alpha, nothing=0.0)
        sound: Mask = np.asarray(np.isfinite(plate).all(axis=-1))
        below = np.where(sound[..., None], plate, np.float32(0))
        rgb = np.where((share < 1)[..., None], self.rgb + below * (1 - share)[..., None], self.rgb)
        painted = self.known & (sound | (share == 1))
        unpainted = sound & (share == 0) & ~self.rgb.any(axis=-1)
        return np.asarray(rgb, np.float32), np.asarray(painted | unpainted, np.bool_)

    def _share(self, plate_alpha: Float32 | None, nothing: float = 1.0) -> Float32:
        """Return how much of what the plate shows was painted, [h, w] in 0..1; `nothing` where neither shows any."""
        whole = np.ones_like(self.alpha) if plate_alpha is None else np.clip(np.nan_to_num(plate_alpha), 0, 1)
        covered = np.clip(self.alpha, 0, 1)
        share = np.divide(covered, whole, out=np.ones_like(covered), where=whole > 0)
        share = np.where((whole - covered <= _TOLERANCE) & (covered > 0), np.float32(1), np.minimum(share, 1))
        return np.asarray(np.where((whole <= _TOLERANCE) & (covered == 0), np.float32(nothing), share), np.float32)
