"""Averages gain along the motion of a window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from relumix.engines.tracking.correspondence import Track, warp
from relumix.engines.tracking.log_frame import LogFrame
from relumix.engines.tracking.tracks import WindowMotion
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
