"""Holding light still on moving surfaces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from relumix.engines.base import Float32
from relumix.engines.flow.correspondence import Track, View, sample

_KEEP = 0.7  # how much of what was gathered so far a frame takes on from its neighbour


def smooth(
    lights: Sequence[Float32], sure: Sequence[Float32], views: Sequence[View], steps: Sequence[Track]
) -> Float32:
    """[n, h, w, 3]: each frame's stops, averaged with those of its neighbours along the motion.

    lights  [h, w, 3] stops for each of n frames; sure [h, w] > 0, their weights.
    steps   n - 1 tracks: from frame i + 1 to frame i.

    Two recursive passes, one from each end, gather what is still visible; nearer frames and surer light count more.
    """
    firm = [weight[..., None] for weight in sure]
    weighted = [np.concatenate([light * weight, weight], -1) for light, weight in zip(lights, firm, strict=True)]
    from_before = _gather(weighted, views, list(steps))
    from_after = _gather(weighted[::-1], views[::-1], [step.reversed() for step in reversed(steps)])[::-1]
    out = np.empty((len(lights), *lights[0].shape), np.float32)
    for i, own in enumerate(weighted):
        total = from_before[i] + from_after[i] - own
        out[i] = total[..., :3] / total[..., 3:]
    return out


def _gather(weighted: Sequence[Float32], views: Sequence[View], steps: Sequence[Track]) -> list[Float32]:
    gathered = [weighted[0]]
    for now, here, other, step in zip(weighted[1:], views[1:], views, steps, strict=False):
        kept = _KEEP * step.seen * step.alike(here, other)
        gathered.append(now + kept[..., None] * sample(gathered[-1], step.there))
    return gathered
