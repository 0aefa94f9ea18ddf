"""A smooth map of colours, fitted to what optimal transport says of some.

Colours are compared in stops over mid-grey, each picture's channels with their medians taken out first: those are a
plain grade, applied as such and exact on every value. What is left is the shape of the distribution: contrast,
saturation, the tint of shadows and of highlights. It is transported (see `transport`) and a map is fitted to it that
cannot do more than a light does: quadratic in the stops of red, green and blue, by ridge regression towards no change,
and bounded. So single colours of the other picture, which are its content, do not become the plate's. The less of the
transport such a map explains, the more of it is content, and the less of it is done (`ColorMap.contrast`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import LUMINANCE
from relumix.gain.log_gain import BLACK_OFFSET, MID_GREY
from relumix.reference.match.transport import linear_map, sliced
from relumix.types import Float32

MOST_STRETCH = 2.5
"""Contrast is multiplied or divided by at most this, in any direction of colour."""

MOST_LOCAL_STOPS = 4.0
"""Beside the grade, no colour gets more light, or loses more, than this."""

_LINEAR_RIDGE, _QUADRATIC_RIDGE = 1e-4, 0.05
"""Weight of no change against the fit, for features of unit variance."""

_CONTENT, _GRADE = 0.4, 0.95
"""Share of a transport that a map explains: grades of the same frame 0.97 to 1, other frames, lights and shots 0.4 to
0.75. Up to the first nothing but the plain grade is done, from the second on all of it."""

_BEYOND = 1.25
"""Features are held this many times the range that was seen: what is rarer is treated like the nearest."""


@dataclass(frozen=True)
class Palette:
    """The colours of a picture.

    stops  [n, 3] float64: log2 of the channels over their medians.
    level  [3] float64: those medians, in the picture's own values.
    """

    stops: NDArray[np.float64]
    level: NDArray[np.float64]

    @classmethod
    def of(cls, rgb: Float32) -> Palette:
        """Take the colours of pixels [n, 3], linear and >= 0; black ones do not count. n may be any number but 0."""
        lit = rgb[(rgb > 0).all(axis=1)].astype(np.float64)
        lit = lit if len(lit) else np.full((1, 3), MID_GREY)
        level = np.median(lit, axis=0)
        return cls(_stops(rgb.astype(np.float64), level), level)


def _stops(rgb: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return pixels [..., 3] in stops over a level, with an offset so that noise in black is no colour."""
    share = BLACK_OFFSET / MID_GREY
    return np.asarray(np.log2(np.maximum(rgb / level, 0) + share))


@dataclass(frozen=True)
class ColorMap:
    """A map from a plate's colours to a gain.

    grade  [3] stops: the same for every colour.
    level  [3]: the plate's medians, in the values that it was made from.
    weights [10, 3]: of the features of a colour; low, high [3]: the range of colours.
    explained  0..1: the share of the transport that this is.
    """

    grade: NDArray[np.float64]
    level: NDArray[np.float64]
    weights: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    explained: float

    @classmethod
    def fit(cls, plate: Palette, other: Palette) -> ColorMap:
        """Fit the map that makes the plate's colours the other picture's."""
        matrix = linear_map(plate.stops, other.stops, MOST_STRETCH)
        centre = plate.stops.mean(axis=0)
        linear = (plate.stops - centre) @ matrix + other.stops.mean(axis=0)
        wanted = sliced(linear, other.stops) - plate.stops
        features = _features(plate.stops)
        spread = np.sqrt(np.mean(np.square(features), axis=0)) + 1e-9
        ridge = np.array([0.0] + [_LINEAR_RIDGE] * 3 + [_QUADRATIC_RIDGE] * 6) * len(features)
        scaled = features / spread
        weights = np.linalg.solve(scaled.T @ scaled + np.diag(ridge) + 1e-9 * np.eye(10), scaled.T @ wanted)
        left = np.square(wanted - scaled @ weights).sum()
        explained = 1 - left / max(float(np.square(wanted).sum()), 1e-12 * len(wanted))
        low, high = np.percentile(plate.stops, (0.5, 99.5), axis=0)
        room = (high - low) * (_BEYOND - 1) / 2
        grade, weights = np.log2(other.level / plate.level), weights / spread[:, None]
        return cls(grade, plate.level, weights, low - room, high + room, float(np.clip(explained, 0, 1)))

    @property
    def contrast(self) -> float:
        """How much is done beside the plain grade, 0..1: as much as the map explains."""
        return float(np.clip((self.explained - _CONTENT) / (_GRADE - _CONTENT), 0, 1))

    def at_exposure(self) -> ColorMap:
        """Return the map without the change of brightness: the luminance of the plate's level stays."""
        before, after = self.level @ LUMINANCE, (self.level * np.exp2(self.grade)) @ LUMINANCE
        return replace(self, grade=self.grade - np.log2(after / before))

    def gain(self, rgb: Float32, contrast: float | None = None) -> Float32:
        """Return the gain in stops of pixels [h, w, 3] of the plate, >= 0, in the values that the map was made from.

        contrast  0..1: how much is done beside the grade; None: `self.contrast`.
        """
        stops = np.clip(_stops(rgb.astype(np.float64), self.level), self.low, self.high)
        local = np.clip(_features(stops) @ self.weights, -MOST_LOCAL_STOPS, MOST_LOCAL_STOPS)
        return np.asarray(local * (self.contrast if contrast is None else contrast) + self.grade, np.float32)


def _features(stops: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the map is linear in: 1, the stops of red, green, blue, and their products, [..., 10]."""
    red, green, blue = stops[..., 0], stops[..., 1], stops[..., 2]
    products = [red * red, green * green, blue * blue, red * green, green * blue, blue * red]
    return np.stack([np.ones_like(red), red, green, blue, *products], axis=-1)
