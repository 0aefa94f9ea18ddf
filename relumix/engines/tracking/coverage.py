"""How much of each frame of a shot every other frame shows: tracks between all of them, at a small size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from relumix.engines.tracking.correspondence import Track, warp
from relumix.engines.tracking.log_frame import LogFrame
from relumix.engines.tracking.tracks import WindowMotion
from relumix.types import Float16, Float32

REDUCED = 4
"""Coverage is averaged down by this: hundreds of pairs of frames are kept."""


def coverage(motion: WindowMotion, shown: Sequence[Float32]) -> Float16:
    """Return [n, n, h, w] in 0..1: at [a, b] how surely each pixel of frame b is found in frame a.

    shown  [h, w] in 0..1 for each frame: which part of it counts as shown, of a reference where its light is known.

    h, w of the result are those of the frames, reduced by REDUCED.

    Steps from frame to frame are chained and not solved anew: that is a hundred times as fast, and far enough for
    whole surfaces. What one step loses stays lost: the confidence of a chain is that of its weakest step.
    """
    frames, back = motion.frames, [step.reversed() for step in motion.steps]
    height, width = (max(1, side // REDUCED) for side in frames[0].log_luma.shape)
    found = np.ones((len(frames), len(frames), height, width), np.float16)
    for a in range(len(frames)):
        later = [(b, motion.steps[b - 1]) for b in range(a + 1, len(frames))]
        sooner = [(b, back[b]) for b in range(a - 1, -1, -1)]
        for b, seen in (*_seen_from(frames, shown[a], a, later), *_seen_from(frames, shown[a], a, sooner)):
            found[a, b] = cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA)
    return found


def _seen_from(
    frames: Sequence[LogFrame], shown: Float32, a: int, steps: Sequence[tuple[int, Track]]
) -> Iterator[tuple[int, Float32]]:
    """Yield frames on one side of frame a, outwards, and [h, w] how surely their pixels are found in it.

    steps  each frame's index, and its track to the one before it.
    """
    chained = np.zeros((*frames[a].log_luma.shape, 3), np.float32)
    chained[..., 2] = shown
    exposure_stops = 0.0
    for b, step in steps:
        chained = _extended(chained, step)
        exposure_stops += step.exposure_stops
        track = Track(chained[..., :2], chained[..., :2], exposure_stops)  # compared one way alone
        yield b, chained[..., 2] * track.similarity(frames[b], frames[a]) * frames[b].known


def _extended(chained: Float32, step: Track) -> Float32:
    """Return a chain [h, w, (x, y, confidence)], one step longer."""
    carried = warp(chained, step.forward)
    carried[..., :2] += step.forward
    carried[..., 2] = np.minimum(carried[..., 2], step.consistency)
    return carried
