"""One window's work of an engine that tracks: follow every frame to each reference, carry the light, hold it still."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from relumix.engines.base import Float32, Stone, WorkingFrame, WorkingReference
from relumix.engines.flow.correspondence import Track, View, step
from relumix.engines.flow.temporal import Light, mix, smooth
from relumix.engines.flow.tracking import Tracker

_THREADS = 2

Carry = Callable[[View, Track], Light]
"""From a frame and its track to a reference: that reference's light on it. Called by several threads at once."""


class TrackingPropagator:
    """An engine at work on one shot that follows frames to references, carries each one's light, and smooths it."""

    def __init__(self, look: Callable[[WorkingReference, View], Carry]) -> None:
        """look: what the engine makes of a reference, whose view is given."""
        self._look = look
        self._tracker = Tracker()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="relumix-carry")

    def propagate(
        self,
        frames: Sequence[WorkingFrame],
        references: Sequence[WorkingReference],
        approaches: Sequence[Sequence[Stone]],
    ) -> Float32:
        """Carry the light of the references to the frames of one window (see `Propagator.propagate`)."""
        with threadpool_limits(1, user_api="blas"):  # small products: its threads would only wait for each other
            return self._propagate(frames, references, approaches)

    def _propagate(
        self,
        frames: Sequence[WorkingFrame],
        references: Sequence[WorkingReference],
        approaches: Sequence[Sequence[Stone]],
    ) -> Float32:
        lights = self._lights(frames, references, approaches)
        return np.stack(
            [mix(frame.frame, references, [light[i] for light in lights]) for i, frame in enumerate(frames)]
        )

    def _lights(
        self,
        frames: Sequence[WorkingFrame],
        references: Sequence[WorkingReference],
        approaches: Sequence[Sequence[Stone]],
    ) -> list[list[Light]]:
        """For each reference, its light on each frame."""
        views = [View.of(frame) for frame in frames]
        steps = [step(now, last) for last, now in pairwise(views)]
        lights = []
        for reference, approach in zip(references, approaches, strict=True):
            root = View.of(reference)
            # Only the pool holds the tracks, which are many: it lets go of each as its light is carried.
            carried = self._pool.map(
                self._look(reference, root),
                views,
                self._tracker.tracks(reference, root, approach, frames, views, steps),
            )
            lights.append(smooth(list(carried), views, steps))
        return lights
