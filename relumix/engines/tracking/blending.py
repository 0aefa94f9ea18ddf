"""Blends the light of several references, by how sure each is at each pixel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from relumix.engines.base import Carried
from relumix.engines.tracking.motion_averaging import WeightedGain
from relumix.engines.tracking.reference_light import ReferenceLight
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float32

_POWER = 2
_LEAST_ERROR = 0.1  # in units of deviation: a floor, so that where all are sure time alone decides
_OUTSIDE = 1.5  # how much larger an error counts of what lies outside the reference: such guesses may be wildly off
_UNMATCHED, _COST_UNIT = 2.0, 3.1  # power of how badly the best match fits, and how many nats of that count as one
_NEARER = 1.0  # how much more nearness counts between two guesses: what is expected of a guess is uncertain itself
_FARTHER = 0.4  # how much a reference beyond the nearest ones counts, before anything is known of it
_SIGMA_PX = 3.0  # at the size at which evidence is weighed: a single pixel's error says little


class Gauged(NamedTuple):
    """What is known of a frame's light by one reference, each [h', w'] at a small size.

    error_stops  how far off it is expected to be.
    outside      the share of each pixel that lies outside the reference's picture, in 0..1.
    match_cost   how badly the reference's most similar pixels match, in nats; 0 with one reference.
    """

    error_stops: Float32
    outside: Float32
    match_cost: Float32


@dataclass(frozen=True)
class Side:
    """The light of one reference on the frames of a window.

    gains   [h, w, 3] stops, one for each frame.
    gauged  of each frame.
    deviation_stops  how much the reference's light varies.
    """

    gains: Sequence[Float32]
    gauged: Sequence[Gauged]
    deviation_stops: float

    @classmethod
    def of(cls, light: ReferenceLight, gains: Iterable[WeightedGain], gauged: Iterable[Gauged]) -> Side:
        """Gather what an engine made of one reference."""
        return cls([gain.gain_stops for gain in gains], list(gauged), light.deviation_stops)


def blend_window(frames: Sequence[ProxyFrame], references: Sequence[ProxyReference], sides: Sequence[Side]) -> Carried:
    """Return the light of a window by its references (see `Window.references`), each with its side."""
    blended = [_blend(frame.frame, references, sides, i) for i, frame in enumerate(frames)]
    return Carried(np.stack([gain for gain, _ in blended]), np.stack([error for _, error in blended]))


def _blend(frame: int, references: Sequence[ProxyReference], sides: Sequence[Side], at: int) -> tuple[Float32, Float32]:
    """Return gain [h, w, 3] and expected error [h, w] of a frame; a reference's own frame gets its own gain."""
    for reference in references:
        if reference.frame == frame:
            return reference.gain_stops, np.zeros_like(reference.known)
    gains, errors = [side.gains[at] for side in sides], [side.gauged[at].error_stops for side in sides]
    if len(sides) == 1:
        return gains[0], _enlarged(errors[0], gains[0])
    times = _Times.of(frame, [reference.frame for reference in references])
    shares = _shares(times, sides, at)
    error = sum((share * each for share, each in zip(shares, errors, strict=True)), np.float32(0))
    # One plus the shares of the others' differences: where all are the same, that is returned to the last bit.
    gain = gains[0]
    for share, other in zip(shares[1:], gains[1:], strict=True):
        gain = gain + _enlarged(share, gain)[..., None] * (other - gains[0])
    return gain, _enlarged(np.asarray(error, np.float32), gain)


@dataclass(frozen=True)
class _Times:
    """Where a frame lies among the references of its window.

    nearest   indices of the nearest reference before it and the nearest after it, or of the one that there is.
    nearness  of each reference: what of the blend it gets, were nothing known but time.
    """

    nearest: Sequence[int]
    nearness: Sequence[float]

    @classmethod
    def of(cls, frame: int, references: Sequence[int]) -> _Times:
        away = [abs(reference - frame) for reference in references]
        sides = [
            [i for i, at in enumerate(references) if at < frame],
            [i for i, at in enumerate(references) if at > frame],
        ]
        nearest = [min(side, key=away.__getitem__) for side in sides if side]
        least, total = min(away), sum(away[i] for i in nearest)
        # Hardly any of the light next to a reference comes from beyond it.
        nearness = [_FARTHER * least / (least + each) for each in away]
        for i in nearest:
            nearness[i] = 1 - away[i] / total if len(nearest) > 1 else 1.0
        return cls(nearest, nearness)


def _shares(times: _Times, sides: Sequence[Side], at: int) -> list[Float32]:
    """Return each reference's share of the blend, [h', w'] in 0..1; they add up to 1.

    By nearness in time, for an even transition from one reference to the next, and by the inverse of the doubts, to
    powers: of the expected error, and of how badly the reference's most similar pixels match, so that one which never
    showed a surface does not count there. Where both of the nearest guess, the nearer one has an advantage.
    """
    deviation_stops = np.float32(max(float(np.mean([side.deviation_stops for side in sides])), 1e-5))
    gauged = [side.gauged[at] for side in sides]
    advantage = 1 + _NEARER * _smooth(_guessed([gauged[i] for i in times.nearest], deviation_stops))
    logs = []
    for i, (error, outside, cost) in enumerate(gauged):
        doubt = error / deviation_stops * (1 + _OUTSIDE * outside) + np.float32(_LEAST_ERROR)
        log_doubt = _POWER * np.log(doubt) + _UNMATCHED * np.log1p(cost / np.float32(_COST_UNIT))
        log_nearness = np.log(np.float32(times.nearness[i]))
        logs.append((advantage if i in times.nearest else 1) * log_nearness - _smooth(log_doubt))
    highest = np.max(logs, axis=0)
    weights = [np.exp(each - highest) for each in logs]
    total = np.sum(weights, axis=0)
    return [np.asarray(weight / total, np.float32) for weight in weights]


def _guessed(gauged: Sequence[Gauged], deviation_stops: np.float32) -> Float32:
    """Return [h', w'] in 0..1: how far even the surest one guesses, where none lies outside its reference.

    Outside nearness says nothing: the nearer reference may have lost what the farther one still shows.
    """
    least = np.min([each.error_stops for each in gauged], axis=0) / deviation_stops - np.float32(_LEAST_ERROR)
    inside = np.prod([1 - each.outside for each in gauged], axis=0)
    return np.asarray(np.clip(least, 0, 1) * inside, np.float32)


def _smooth(plane: Float32) -> Float32:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), _SIGMA_PX), np.float32)


def _enlarged(plane: Float32, like: Float32) -> Float32:
    return np.asarray(cv2.resize(plane, like.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
