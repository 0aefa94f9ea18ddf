"""A relit frame with fewer pixels than the plate, brought to the plate's size: its gain on the plate's own detail.

Scaled up as a picture it would be blurrier than its neighbours, and the blur would be taken for a change of light. So
the plate is scaled down to it, the ratio of the two is scaled up, and the plate is multiplied with that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relumix.shot.box import Box
from relumix.shot.picture import Picture
from relumix.shot.placing import Place, fitted, on, scaled
from relumix.types import Float32

_BLACK_SHARE = 1 / 64
"""Share of the plate's median that is added on both sides of the ratio, so that noise in black is not amplified."""

COVERED = 0.999
"""Least share of a scaled pixel that must be known for the pixel to count as known."""


@dataclass(frozen=True)
class Background:
    """The plate at the size of a relit frame, pixel for pixel: the B side of the comp.

    rgb     [h, w, 3] float32, premultiplied, on the pixels of `window`.
    alpha   [h, w] float32, or None where the plate has none that is coverage.
    matte   [h, w] float32: alpha that is none; None where there is none.
    """

    rgb: Float32
    alpha: Float32 | None
    window: Box
    matte: Float32 | None = None

    @classmethod
    def of(cls, picture: Picture, place: Place) -> Background:
        """Return the plate, scaled down if the reference has fewer pixels."""
        if place.fitted is None or not place.enlarged:
            return cls(picture.rgb, picture.alpha, picture.data_window, picture.matte)
        sound = np.asarray(np.isfinite(picture.rgb).all(axis=-1), np.bool_)
        share = _scaled_down(sound, picture.data_window, place)
        light = _scaled_down(np.where(sound[..., None], picture.rgb, 0), picture.data_window, place)
        rgb = np.divide(light, share[..., None], out=np.zeros_like(light), where=share[..., None] > 0)
        alpha, matte = (
            None if each is None else _scaled_down(np.clip(np.nan_to_num(each), 0, 1), picture.data_window, place)
            for each in (picture.alpha, picture.matte)
        )
        return cls(rgb, alpha, place.fitted, matte)

    def enlarged(
        self, relit: Float32, known: NDArray[np.bool_], picture: Picture, place: Place
    ) -> tuple[Float32, NDArray[np.bool_]]:
        """Return a relit frame of this background's size at the plate's size, and where it is known."""
        if place.fitted is None or not place.enlarged:
            return relit, known
        black = self._black()
        before, after = np.maximum(self.rgb, 0) + black, np.maximum(relit, 0) + black
        stops = np.where(known[..., None], np.log2(after / before), np.float32(0))
        stops = on(picture.data_window, place.window, fitted(stops, place.fitted, place))
        covered = on(picture.data_window, place.window, fitted(known, place.fitted, place) >= COVERED)
        plate = np.where(np.isfinite(picture.rgb), picture.rgb, np.float32(0))
        # In this form it is exactly the plate where stops are 0.
        rgb = plate + (np.maximum(plate, 0) + black) * (np.exp2(stops) - 1)
        return np.asarray(rgb, np.float32), np.asarray(covered & np.isfinite(picture.rgb).all(axis=-1))

    def _black(self) -> np.float32:
        light = self.rgb[self.rgb > 0]
        return np.float32(_BLACK_SHARE * float(np.median(light)) if light.size else 1.0)


def _scaled_down(values: NDArray[np.generic], window: Box, place: Place) -> Float32:
    assert place.fitted is not None
    return scaled(on(place.window, window, values), place.fitted.size)
