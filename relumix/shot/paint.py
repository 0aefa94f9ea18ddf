"""Tells paint-overs from other relit frames by their alpha, and comps them over the plate."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relumix.shot.alpha import TRANSPARENT, Premult, Uncovered, sampled
from relumix.types import Float32

Mask = NDArray[np.bool_]

_TOLERANCE = 1 / 255
"""Alphas that differ by less are equal but for rounding: one step of 8 bits."""

_MATTE_SHARE = 0.5
"""If more than this share of what alpha leaves open has light in plate and reference, alpha is a matte."""

_FLAT_SHARE = 0.5
"""More of a matte than this is away from edges: so much is enough to know it again."""


class Alpha(enum.Enum):
    """WHOLE: all is painted. PAINTED: some is. EMPTY: 0 everywhere. MATTE: a matte, with light where it is 0.

    The last two are no coverage: the relit frame is all that its file shows.
    """

    WHOLE = enum.auto()
    PAINTED = enum.auto()
    EMPTY = enum.auto()
    MATTE = enum.auto()


@dataclass(frozen=True)
class Paint:
    """A relit frame with alpha, on the plate's pixels.

    rgb       [h, w, 3] float32, premultiplied, 0 where it is not finite.
    shown     [h, w, 3] float32: the same with alpha left aside.
    known     [h, w] bool: where its light is known.
    alpha     [h, w] float32, finite, 0 outside of the image.
    inside    [h, w] bool: the pixels of the image itself.
    straight  whether the file says that its colour is stored without alpha.
    """

    rgb: Float32
    shown: Float32
    known: Mask
    alpha: Float32
    inside: Mask
    straight: bool

    def classify(
        self, plate: Float32, plate_alpha: Float32 | None, premult: Premult, plate_matte: Float32 | None = None
    ) -> Alpha:
        """Tell what the alpha means, beside the plate [h, w, 3] and its alpha (None: 1 everywhere).

        premult      "yes": it is coverage; "no": it is none, WHOLE; "auto": as the pixels say.
        plate_matte  [h, w]: the plate's alpha where that is no coverage. Here it is none either.
        """
        if premult == "no":
            return Alpha.WHOLE
        if premult == "auto" and not (self.alpha > TRANSPARENT).any():
            return Alpha.EMPTY
        if not (self.inside & (self._share(plate_alpha) < 1)).any():
            return Alpha.WHOLE
        if premult == "auto" and (self._carries(plate_matte) or self._shows_more(plate)):
            return Alpha.MATTE
        return Alpha.PAINTED

    def _carries(self, matte: Float32 | None) -> bool:
        """Tell whether its alpha is that matte, which may have been scaled."""
        if matte is None:
            return False
        matte = np.clip(np.nan_to_num(matte), 0, 1)
        flat = np.ones(matte.shape, np.bool_)
        down, across = (np.abs(np.diff(matte, axis=axis)) <= TRANSPARENT for axis in (0, 1))
        flat[1:] &= down
        flat[:-1] &= down
        flat[:, 1:] &= across
        flat[:, :-1] &= across
        # Scaled, the two differ at edges alone; a matte that is all edges is the same only where it is everywhere.
        compared = self.inside & flat if flat.mean() > _FLAT_SHARE else self.inside
        return bool((np.abs(self.alpha - matte)[compared] <= TRANSPARENT).all())

    def _shows_more(self, plate: Float32) -> bool:
        """Tell whether it shows light in most of what its alpha leaves open, as far as the plate has light there."""
        uncovered = Uncovered.of(self.shown, self.alpha, straight=self.straight)
        concerned = uncovered.open & sampled(self.inside) & (sampled(plate) > 0).any(axis=-1)
        lit = np.count_nonzero(uncovered.excess & concerned)
        return lit > _MATTE_SHARE * np.count_nonzero(concerned)

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
