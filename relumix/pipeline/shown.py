"""What the frames of one scene show of each other, and so what error is left with references at some of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import cv2
import numpy as np

from relumix.engines.tracking.coverage import coverage
from relumix.engines.tracking.reference_light import deviation_stops
from relumix.engines.tracking.tracks import WindowMotion
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float16, Float32

MOSTLY = 0.5
"""A frame of which more than this share is a guess is mostly a guess."""

_SEEN, _SEEN_A_FRAME, _MOST_SEEN = 0.06, 0.02, 0.35
_GUESS, _GUESS_A_FRAME, _MOST_GUESSED = 0.5, 0.03, 0.9
"""Errors, in units of deviation: of what a reference shows, next to it, more a frame, at most; and of what it does not,
which near by is found by what looks alike."""

_LEAST_MEAN_SQUARE = 1e-4  # 40 dB: finer differences are not seen, and not foreseen
_GAMMA = 2.2


@dataclass(frozen=True)
class Shown:
    """What every frame of a scene shows of every other one. References below are indices of frames.

    numbers  of the frames, ascending.
    found    [n, n, h, w] in 0..1: at [a, b] how surely each pixel of frame b is found in frame a.
    slopes   [n, h, w] in 0..1: how much a stop changes each pixel as it is displayed.
    deviation_stops  how much the references' light varies.
    added_stops      how much light they add or take, mean over their pixels: what a scene without any lacks.
    """

    numbers: Sequence[int]
    found: Float16
    slopes: Float32
    deviation_stops: float
    added_stops: float

    @classmethod
    def of(cls, frames: Sequence[ProxyFrame], references: Sequence[ProxyReference]) -> Shown:
        """Compare the frames of a scene.

        references  of the shot, at least one. Those among the frames say what its light is like; all where none is.
        """
        shown = [frame.trusted if isinstance(frame, ProxyReference) else frame.known for frame in frames]
        found = coverage(WindowMotion.of(frames), shown)
        lights = [frame for frame in frames if isinstance(frame, ProxyReference)] or references
        deviation = float(np.mean([deviation_stops(light) for light in lights]))
        added = float(np.mean([np.abs(light.gain_stops).mean() for light in lights]))
        median = np.mean([light.median_gain() for light in lights], axis=0)
        slopes = np.stack([_slope(frame.rgb * np.exp2(median), found.shape[2:]) for frame in frames])
        return cls([frame.frame for frame in frames], found, slopes, deviation, added)

    def error_stops(self, at: int, references: Sequence[int]) -> Float32:
        """Return [h, w] the error expected on a frame by the nearest references before and after it."""
        if not references:
            return np.full(self.slopes.shape[1:], self.added_stops, np.float32)
        before = max((r for r in references if r <= at), default=None)
        after = min((r for r in references if r >= at), default=None)
        by = [self._error_by(reference, at) for reference in {before, after} if reference is not None]
        if len(by) == 1:
            return by[0][1] * np.float32(self.deviation_stops)
        (found, error), (other_found, other_error) = by
        # Errors of what both show are averaged, for they are not the same ones; two guesses are no better than one.
        least, both = np.minimum(error, other_error), found * other_found
        averaged = error * other_error / np.hypot(np.hypot(error, other_error), np.float32(1e-6))
        return np.asarray((least + both * (averaged - least)) * np.float32(self.deviation_stops), np.float32)

    def _error_by(self, reference: int, at: int) -> tuple[Float32, Float32]:
        """Return [h, w] how surely a reference shows a frame, and its light's error there, in deviations."""
        away = abs(self.numbers[reference] - self.numbers[at])
        seen = min(_SEEN + _SEEN_A_FRAME * away, _MOST_SEEN) if away else 0.0
        guess = min(_GUESS + _GUESS_A_FRAME * away, _MOST_GUESSED)
        found = self.found[reference, at].astype(np.float32)
        return found, guess + found * np.float32(seen - guess)

    def decibels(self, references: Sequence[int]) -> list[float]:
        """Return the PSNR expected of the display of each frame that is no reference."""
        rest = [i for i in range(len(self.numbers)) if i not in references]
        squares = [float(np.square(self.error_stops(i, references) * self.slopes[i]).mean()) for i in rest]
        return [float(-10 * np.log10(square + _LEAST_MEAN_SQUARE)) for square in squares]

    def mean_errors(self, references: Sequence[int]) -> list[float]:
        """Return the error of each frame in stops, mean over its pixels."""
        return [float(self.error_stops(i, references).mean()) for i in range(len(self.numbers))]

    def guessed(self, references: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Yield the first and last frame of each stretch of frames that are mostly a guess."""
        half = (_MOST_GUESSED + _SEEN) / 2 * self.deviation_stops
        guess = [float((self.error_stops(i, references) > half).mean()) > MOSTLY for i in range(len(self.numbers))]
        for mostly, stretch in groupby(range(len(self.numbers)), key=guess.__getitem__):
            at = list(stretch)
            if mostly:
                yield self.numbers[at[0]], self.numbers[at[-1]]


PERFECT_DECIBELS = float(-10 * np.log10(_LEAST_MEAN_SQUARE))
"""What `Shown.decibels` says of a frame without any error."""


def _slope(relit: Float32, size: tuple[int, ...]) -> Float32:
    """Return [h, w]: what a stop more changes of a relit picture [h, w, 3] under a display's gamma."""
    shown = np.clip(cv2.resize(relit, size[::-1], interpolation=cv2.INTER_AREA), 0, 1) ** (1 / _GAMMA)
    return np.asarray(shown.mean(-1) * np.log(2) / _GAMMA, np.float32)
