"""Averages gain along the motion of a window, and mixes that of several references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from relumix.engines.base import Carried
from relumix.engines.tracking.correspondence import Track, warp
from relumix.engines.tracking.log_frame import LogFrame
from relumix.engines.tracking.tracks import WindowMotion
from relumix.gain.proxy import ProxyReference
from relumix.types import Float32

KEEP = 0.7
"""Default of `average`."""


class WeightedGain(NamedTuple):
    """gain_stops  [h, w, 3] float32 on a frame; weight [h, w] float32 > 0: its weight."""

    gain_stops: Float32
    weight: Float32


def average(gains: Sequence[WeightedGain], motion: WindowMotion, keep: float = KEEP) -> list[WeightedGain]:
    """Return each frame's gain, averaged with its neighbours' along the motion, and the total weight.

    gains  one for each frame of the window.
    keep   share of a neighbour's accumulated gain that a frame takes over, 0..1.

    Two recursive passes, one from each end, accumulate what is still visible; nearer, more confident gain counts more.
    """
    frames, steps = motion.frames, motion.steps
    before = [gathered for _, gathered in _gather(gains, frames, steps, keep)]
    averaged = []
    for own, after in _gather(gains[::-1], frames[::-1], (step.reversed() for step in reversed(steps)), keep):
        total = before.pop() + after - own  # a frame's own gain is in both passes
        # Copied: a view of one plane would keep the whole array alive.
        averaged.append(WeightedGain(total[..., :3] / total[..., 3:], total[..., 3].copy()))
    return averaged[::-1]


def _gather(
    gains: Sequence[WeightedGain], frames: Sequence[LogFrame], steps: Iterable[Track], keep: float
) -> Iterator[tuple[Float32, Float32]]:
    """Yield each frame's gain times its weight, and weight, [h, w, 4]; and the same accumulated over the frames so far.

    G_i = w_i (g_i, 1) + keep * c_i * G_{i-1}(p + F(p)), where c_i is the confidence in the step F to frame i - 1.
    """
    step_of = iter(steps)
    for i, (gain_stops, weight) in enumerate(gains):
        own = np.concatenate([gain_stops * weight[..., None], weight[..., None]], -1)
        if i == 0:
            gathered = own
        else:
            step = next(step_of)
            kept = keep * step.consistency * step.similarity(frames[i], frames[i - 1])
            gathered = own + kept[..., None] * warp(gathered, step.forward)
        yield own, gathered


def mix(
    frame: int, references: Sequence[ProxyReference], gains: Sequence[WeightedGain], errors: Sequence[Float32]
) -> tuple[Float32, Float32]:
    """Return the references' gains, weighted by nearness and confidence, [h, w, 3], and their expected error, [h, w].

    frame   its number; a reference's own frame gets the reference's own gain.
    gains   on this frame, one for each reference; errors: expected of them, [h, w] stops each.
    """
    for reference in references:
        if reference.frame == frame:
            return reference.gain_stops, np.zeros_like(errors[0])
    if len(gains) == 1:
        return gains[0].gain_stops, errors[0]
    # By distance, for an even transition from one reference to the next; by weight, so that a reference which never
    # showed a surface does not count there.
    away = np.array([abs(reference.frame - frame) for reference in references], np.float32)
    nearness = 1 - away / away.sum()
    weights = [near * gain.weight for near, gain in zip(nearness, gains, strict=True)]
    total = np.sum(weights, axis=0)
    mixed = np.zeros_like(gains[0].gain_stops)
    mixed_error = np.zeros_like(errors[0])
    for weight, gain, error in zip(weights, gains, errors, strict=True):
        share = weight / total
        mixed += share[..., None] * gain.gain_stops
        mixed_error += share * error
    return mixed, mixed_error


def mix_window(
    frames: Sequence[LogFrame],
    references: Sequence[ProxyReference],
    gains: Sequence[Sequence[WeightedGain]],
    errors: Sequence[Sequence[Float32]],
) -> Carried:
    """Return the light of a window: `mix` on each of its frames.

    gains, errors  for each reference, one for each frame.
    """
    mixed = [
        mix(frame.frame, references, on_it, their_errors)
        for frame, on_it, their_errors in zip(frames, zip(*gains, strict=True), zip(*errors, strict=True), strict=True)
    ]
    return Carried(np.stack([gain for gain, _ in mixed]), np.stack([error for _, error in mixed]))
