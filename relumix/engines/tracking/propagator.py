"""One window's work of an engine that tracks: follow every frame to each reference, carry the light, hold it still."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from relumix.engines.base import Keyframe
from relumix.engines.tracking.correspondence import Track, View, step
from relumix.engines.tracking.motion_averaging import Light, mix
from relumix.engines.tracking.tracks import Tracker
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float32

_THREADS = 2

Carried = TypeVar("Carried")


class Carrier(Protocol[Carried]):
    """What an engine makes of one reference in one window."""

    def carry(self, view: View, track: Track) -> Carried:
        """Take the light to a frame whose track to the reference is given. Called by several threads at once."""
        ...

    def settle(self, carried: Sequence[Carried], views: Sequence[View], steps: Sequence[Track]) -> list[Light]:
        """Return the light on each frame of the window, held still. carried, views: one a frame; steps: as `smooth`."""
        ...


class TrackingPropagator:
    """An engine at work on one shot that follows frames to references and carries each one's light to them."""

    def __init__(self, look: Callable[[ProxyReference, View], Carrier[Any]]) -> None:
        """look: what the engine makes of a reference, whose view is given."""
        self._look = look
        self._tracker = Tracker()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="relumix-carry")

    def propagate(
        self,
        frames: Sequence[ProxyFrame],
        references: Sequence[ProxyReference],
        keyframe_paths: Sequence[Sequence[Keyframe]],
    ) -> Float32:
        """Carry the light of the references to the frames of one window (see `Propagator.propagate`)."""
        with threadpool_limits(1, user_api="blas"):  # small products: its threads would only wait for each other
            return self._propagate(frames, references, keyframe_paths)

    def _propagate(
        self,
        frames: Sequence[ProxyFrame],
        references: Sequence[ProxyReference],
        keyframe_paths: Sequence[Sequence[Keyframe]],
    ) -> Float32:
        lights = self._lights(frames, references, keyframe_paths)
        return np.stack(
            [mix(frame.frame, references, [light[i] for light in lights]) for i, frame in enumerate(frames)]
        )

    def _lights(
        self,
        frames: Sequence[ProxyFrame],
        references: Sequence[ProxyReference],
        keyframe_paths: Sequence[Sequence[Keyframe]],
    ) -> list[list[Light]]:
        """For each reference, its light on each frame."""
        views = [View.of(frame) for frame in frames]
        steps = [step(now, last) for last, now in pairwise(views)]
        lights = []
        for reference, keyframe_path in zip(references, keyframe_paths, strict=True):
            root = View.of(reference)
            # Only the pool holds the tracks, which are many: it lets go of each as its light is carried.
            carrier = self._look(reference, root)
            carried = self._pool.map(
                carrier.carry,
                views,
                self._tracker.tracks(reference, root, keyframe_path, frames, views, steps),
            )
            lights.append(carrier.settle(list(carried), views, steps))
        return lights
