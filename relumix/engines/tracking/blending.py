"""Blends the light of several references, by how sure each is at each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from relumix.engines.base import Carried
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float32

_POWER = 3
_LEAST_ERROR = 0.1  # in units of deviation: a floor, so that where all are sure time alone decides
_OUTSIDE = 3.0  # how much larger an error counts of what lies outside the reference: such guesses may be wildly off
_NEARER = 3.0  # how much more nearness counts between two guesses: what is expected of a guess is uncertain itself
_SIGMA_PX = 3.0  # at the size at which evidence is weighed: a single pixel's error says little


Gauged = tuple[Float32, Float32]
"""How far off a frame's light is expected to be, [h', w'] stops at a small size; and the share of each pixel there that
lies outside the reference's picture, in 0..1."""


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


def blend_window(frames: Sequence[ProxyFrame], references: Sequence[ProxyReference], sides: Sequence[Side]) -> Carried:
    """Return the light of a window by one or two references, each with its side."""
    blended = [_blend(frame.frame, references, sides, i) for i, frame in enumerate(frames)]
    return Carried(np.stack([gain for gain, _ in blended]), np.stack([error for _, error in blended]))


def _blend(frame: int, references: Sequence[ProxyReference], sides: Sequence[Side], at: int) -> tuple[Float32, Float32]:
    """Return gain [h, w, 3] and expected error [h, w] of a frame; a reference's own frame gets its own gain."""
    for reference in references:
        if reference.frame == frame:
            return reference.gain_stops, np.zeros_like(reference.known)
    gains, errors = [side.gains[at] for side in sides], [side.gauged[at][0] for side in sides]
    if len(sides) == 1:
        return gains[0], _enlarged(errors[0], gains[0])
    shares = _shares(frame, references, sides, at)
    error = sum((share * each for share, each in zip(shares, errors, strict=True)), np.float32(0))
    # One plus the share of the other's difference: where both are the same, that is returned to the last bit.
    first, second = gains
    gain = first + _enlarged(shares[1], first)[..., None] * (second - first)
    return gain, _enlarged(np.asarray(error, np.float32), first)


def _shares(frame: int, references: Sequence[ProxyReference], sides: Sequence[Side], at: int) -> list[Float32]:
    """Return each reference's share of the blend, [h', w'] in 0..1; they add up to 1.

    By nearness in time, for an even transition from one reference to the next, and by the inverse of the doubts, which
    are expected errors, to a power, so that one which never showed a surface does not count there. Where both guess,
    the nearer one has an advantage.
    """
    deviation_stops = np.float32(max(float(np.mean([side.deviation_stops for side in sides])), 1e-5))
    doubts = [error * (1 + _OUTSIDE * outside) for error, outside in (side.gauged[at] for side in sides)]
    nearness = 1 + _NEARER * _smooth(_guessed([side.gauged[at] for side in sides], deviation_stops))
    away = [abs(reference.frame - frame) for reference in references]
    logs = [
        nearness * np.log(np.float32(1 - distance / sum(away)))
        - _POWER * _smooth(np.log(doubt + np.float32(_LEAST_ERROR) * deviation_stops))
        for distance, doubt in zip(away, doubts, strict=True)
    ]
    highest = np.max(logs, axis=0)
    weights = [np.exp(each - highest) for each in logs]
    total = np.sum(weights, axis=0)
    return [np.asarray(weight / total, np.float32) for weight in weights]


def _guessed(gauged: Sequence[Gauged], deviation_stops: np.float32) -> Float32:
    """Return [h', w'] in 0..1: how far even the surest one guesses, where none lies outside its reference.

    Outside nearness says nothing: the nearer reference may have lost what the farther one still shows.
    """
    least = np.min([error for error, _ in gauged], axis=0) / deviation_stops - np.float32(_LEAST_ERROR)
    inside = np.prod([1 - outside for _, outside in gauged], axis=0)
    return np.asarray(np.clip(least, 0, 1) * inside, np.float32)


def _smooth(plane: Float32) -> Float32:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), _SIGMA_PX), np.float32)


def _enlarged(plane: Float32, like: Float32) -> Float32:
    return np.asarray(cv2.resize(plane, like.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
