"""Holding light still on moving surfaces, and blending that of several references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from relumix.engines.tracking.correspondence import Track, View, sample
from relumix.gain.proxy import ProxyReference
from relumix.types import Float32

KEEP = 0.7
"""What `smooth` keeps, where nothing else is asked for."""


Light = tuple[Float32, Float32]
"""[h, w, 3] stops, and [h, w] > 0: how much they count."""


def smooth(lights: Sequence[Light], views: Sequence[View], steps: Sequence[Track], keep: float = KEEP) -> list[Light]:
    """Each frame's light, averaged with that of its neighbours along the motion, and how much it then counts.

    lights, views  one for each of n frames.
    steps          n - 1 tracks: from frame i + 1 to frame i.
    keep           how much of what was gathered so far a frame takes on from its neighbour.

    Two recursive passes, one from each end, gather what is still visible; nearer frames and surer light count more.
    """
    before = [gathered for _, gathered in _gather(lights, views, steps, keep)]
    smoothed = []
    for own, after in _gather(lights[::-1], views[::-1], (step.reversed() for step in reversed(steps)), keep):
        total = before.pop() + after - own
        # A view of its last plane would keep all of it.
        smoothed.append((total[..., :3] / total[..., 3:], total[..., 3].copy()))
    return smoothed[::-1]


def _gather(
    lights: Sequence[Light], views: Sequence[View], steps: Iterable[Track], keep: float
) -> Iterator[tuple[Float32, Float32]]:
    """Yield each frame's light times its weight, and weight, [h, w, 4]; and the same with what was gathered so far."""
    ways = iter(steps)
    for i, (stops, sure) in enumerate(lights):
        own = np.concatenate([stops * sure[..., None], sure[..., None]], -1)
        if i == 0:
            gathered = own
        else:
            way = next(ways)
            kept = keep * way.seen * way.alike(views[i], views[i - 1])
            gathered = own + kept[..., None] * sample(gathered, way.there)
        yield own, gathered


def mix(frame: int, references: Sequence[ProxyReference], lights: Sequence[Light]) -> Float32:
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
