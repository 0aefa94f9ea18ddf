"""Holding light still on moving surfaces, and blending that of several references."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from relumix.engines.base import Float32, WorkingReference
from relumix.engines.flow.correspondence import Track, View, sample

_KEEP = 0.7  # how much of what was gathered so far a frame takes on from its neighbour


Light = tuple[Float32, Float32]
"""[h, w, 3] stops, and [h, w] > 0: how much they count."""


def smooth(lights: Sequence[Light], views: Sequence[View], steps: Sequence[Track]) -> list[Light]:
    """Each frame's light, averaged with that of its neighbours along the motion, and how much it then counts.

    lights, views  one for each of n frames.
    steps          n - 1 tracks: from frame i + 1 to frame i.

    Two recursive passes, one from each end, gather what is still visible; nearer frames and surer light count more.
    """
    weighted = [np.concatenate([stops * sure[..., None], sure[..., None]], -1) for stops, sure in lights]
    from_before = _gather(weighted, views, steps)
    from_after = _gather(weighted[::-1], views[::-1], [step.reversed() for step in reversed(steps)])[::-1]
    smoothed = []
    for own, before, after in zip(weighted, from_before, from_after, strict=True):
        total = before + after - own
        smoothed.append((total[..., :3] / total[..., 3:], total[..., 3]))
    return smoothed


def _gather(weighted: Sequence[Float32], views: Sequence[View], steps: Sequence[Track]) -> list[Float32]:
    gathered = [weighted[0]]
    for now, here, other, step in zip(weighted[1:], views[1:], views, steps, strict=False):
        kept = _KEEP * step.seen * step.alike(here, other)
        gathered.append(now + kept[..., None] * sample(gathered[-1], step.there))
    return gathered


def mix(frame: int, references: Sequence[WorkingReference], lights: Sequence[Light]) -> Float32:
    """[h, w, 3] stops: light from all sides, the nearer reference and the surer light first. A reference is its own.

    lights  on this frame, one for each reference.
    """
    for reference in references:
        if reference.frame == frame:
            return reference.stops
    if len(lights) == 1:
        return lights[0][0]
    away = np.array([abs(reference.frame - frame) for reference in references], np.float32)
    nearness = 1 - away / away.sum()
    weights = [near * sure for near, (_, sure) in zip(nearness, lights, strict=True)]
    total = np.sum(weights, axis=0)
    mixed = np.zeros_like(lights[0][0])
    for weight, (stops, _) in zip(weights, lights, strict=True):
        mixed += (weight / total)[..., None] * stops
    return mixed
