"""Which frames to relight next: those that show most of what no reference shows, counted over the shot.

Nothing is relit for it. At a small size every frame is tracked to every other one, which tells how much of the shot a
reference at any frame would show, and so what error is left with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from relumix.engines.tracking.coverage import coverage
from relumix.engines.tracking.reference_light import deviation_stops
from relumix.engines.tracking.tracks import WindowMotion
from relumix.errors import FrameError, InputError
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.gain.proxy_shot import Light, ProxyShot
from relumix.types import Float16, Float32

WORK_SIZE = 256
"""Long edge in pixels at which frames are compared."""

MOST_FRAMES = 48
"""Most frames that are compared, evenly spaced; the time goes with the square."""

MOSTLY = 0.5
"""A frame of which more than this share is a guess is mostly a guess."""

_GUESS, _SEEN, _SEEN_A_FRAME, _MOST_SEEN = 0.9, 0.06, 0.02, 0.35
"""Errors, in units of deviation: of what no reference shows; of what one shows, next to it, more a frame, at most."""

_LEAST_WORTH_DB = 0.05
_LEAST_MEAN_SQUARE = 1e-4  # 40 dB: finer differences are not seen, and not foreseen
_GAMMA = 2.2
_READERS = 2


@dataclass(frozen=True)
class Suggested:
    """A frame to relight next.

    error_stops  the error that is then expected of the light, mean over the shot.
    """

    frame: int
    error_stops: float


@dataclass(frozen=True)
class Suggestion:
    """What more references would bring.

    error_stops  the error expected of the light with those there are, mean over the shot.
    guessed      first and last frame of each stretch of which most is a guess.
    frames       the frames to relight next: the first alone brings most, the second most beside it, and so on. Fewer
                 than asked for where more bring nothing.
    """

    error_stops: float
    guessed: tuple[tuple[int, int], ...]
    frames: tuple[Suggested, ...]


def spans(stretches: Iterable[tuple[int, int]]) -> str:
    """Return stretches of frames in words, as `1001, 1009 to 1016`."""
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in stretches)


def sampled(frames: Sequence[int], references: Sequence[int], most: int = MOST_FRAMES) -> list[int]:
    """Return at most about `most` of the frames, evenly spaced, and all references; ascending."""
    at = np.linspace(0, len(frames) - 1, min(most, len(frames))).round().astype(int)
    return sorted({frames[i] for i in at}.union(references))


def suggest(shot: ProxyShot, count: int = 1) -> Suggestion:
    """Say which `count` frames of a shot to relight next.

    shot  at a small size (WORK_SIZE).

    Raises InputError where references cannot be read; other frames that cannot be read are left out.
    """
    if count < 1:
        raise InputError(f"{count} frames to suggest: expected 1 or more")
    canvas, lights = shot.lights()
    wanted = [frame for frame in sampled(shot.frames, shot.references) if frame not in lights]

    def read(frame: int) -> ProxyFrame | None:
        try:
            return shot.frame(canvas, frame)
        except FrameError:
            return None

    with ThreadPoolExecutor(_READERS, thread_name_prefix="relumix-read") as readers:
        found = [frame for frame in readers.map(read, wanted) if frame is not None]
    return suggest_from(found, lights, count)


def suggest_from(frames: Sequence[ProxyFrame], lights: Mapping[int, Light], count: int) -> Suggestion:
    """Say which of `frames`, none of which is a reference, to relight next.

    lights  the references, by frame, of the same size.
    """
    every = sorted([*frames, *(light for light, _ in lights.values())], key=lambda frame: frame.frame)
    with threadpool_limits(1, user_api="blas"):
        shown = _Shown.of(every, [light for light, _ in lights.values()])
    given = [i for i, frame in enumerate(every) if frame.frame in lights]
    suggested: list[Suggested] = []
    chosen = list(given)
    for _ in range(min(count, len(frames))):
        worth = {i: shown.decibels([*chosen, i]) for i in range(len(every)) if i not in chosen}
        best = max(worth, key=worth.__getitem__)
        if worth[best] - shown.decibels(chosen) < _LEAST_WORTH_DB:
            break
        chosen.append(best)
        suggested.append(Suggested(every[best].frame, shown.mean_error(chosen)))
    return Suggestion(shown.mean_error(given), tuple(shown.guessed(given)), tuple(suggested))


@dataclass(frozen=True)
class _Shown:
    """What every frame of a shot shows of every other one.

    numbers  of the frames, ascending.
    found    [n, n, h, w] in 0..1: at [a, b] how surely each pixel of frame b is found in frame a.
    slopes   [n, h, w] in 0..1: how much a stop changes each pixel as it is displayed.
    deviation_stops  how much the references' light varies.
    """

    numbers: Sequence[int]
    found: Float16
    slopes: Float32
    deviation_stops: float

    @classmethod
    def of(cls, frames: Sequence[ProxyFrame], references: Sequence[ProxyReference]) -> _Shown:
        """Compare the frames; the references are among them."""
        shown = [frame.trusted if isinstance(frame, ProxyReference) else frame.known for frame in frames]
        found = coverage(WindowMotion.of(frames), shown)
        deviation = float(np.mean([deviation_stops(reference) for reference in references]))
        median = np.mean([reference.median_gain() for reference in references], axis=0)
        slopes = np.stack([_slope(frame.rgb * np.exp2(median), found.shape[2:]) for frame in frames])
        return cls([frame.frame for frame in frames], found, slopes, deviation)

    def error(self, at: int, references: Sequence[int]) -> Float32:
        """Return [h, w], in units of deviation: the error expected on a frame by the nearest references."""
        before = max((r for r in references if r <= at), default=None)
        after = min((r for r in references if r >= at), default=None)
        by = [self._error_by(reference, at) for reference in {before, after} if reference is not None]
        if len(by) == 1:
            return by[0][1]
        (found, error), (other_found, other_error) = by
        # Errors of what both show are averaged, for they are not the same ones; two guesses are no better than one.
        least, both = np.minimum(error, other_error), found * other_found
        averaged = error * other_error / np.hypot(np.hypot(error, other_error), np.float32(1e-6))
        return np.asarray(least + both * (averaged - least), np.float32)

    def _error_by(self, reference: int, at: int) -> tuple[Float32, Float32]:
        """Return [h, w] how surely a reference shows a frame, and the error that is expected of its light there."""
        away = abs(self.numbers[reference] - self.numbers[at])
        seen = min(_SEEN + _SEEN_A_FRAME * away, _MOST_SEEN) if away else 0.0
        found = self.found[reference, at].astype(np.float32)
        return found, _GUESS + found * np.float32(seen - _GUESS)

    def decibels(self, references: Sequence[int]) -> float:
        """Return the PSNR expected of the display, mean over the frames that are no references."""
        rest = [i for i in range(len(self.numbers)) if i not in references]
        squares = [
            float(np.square(self.error(i, references) * self.slopes[i] * self.deviation_stops).mean()) for i in rest
        ]
        return float(np.mean([-10 * np.log10(square + _LEAST_MEAN_SQUARE) for square in squares])) if rest else 0.0

    def mean_error(self, references: Sequence[int]) -> float:
        """Return the error in stops, mean over the shot."""
        errors = [float(self.error(i, references).mean()) for i in range(len(self.numbers))]
        return float(np.mean(errors)) * self.deviation_stops

    def guessed(self, references: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Yield the first and last frame of each stretch of frames that are mostly a guess."""
        half = (_GUESS + _SEEN) / 2
        guess = [float((self.error(i, references) > half).mean()) > MOSTLY for i in range(len(self.numbers))]
        for mostly, stretch in groupby(range(len(self.numbers)), key=guess.__getitem__):
            at = list(stretch)
            if mostly:
                yield self.numbers[at[0]], self.numbers[at[-1]]


def _slope(relit: Float32, size: tuple[int, ...]) -> Float32:
    """Return [h, w]: what a stop more changes of a relit picture [h, w, 3] under a display's gamma."""
    shown = np.clip(cv2.resize(relit, size[::-1], interpolation=cv2.INTER_AREA), 0, 1) ** (1 / _GAMMA)
    return np.asarray(shown.mean(-1) * np.log(2) / _GAMMA, np.float32)
