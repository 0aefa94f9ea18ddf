"""The engine without weights: it carries each reference's light along optical flow, and matches what the flow loses."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from relumix.engines.base import Float32, Propagator, Stone, WorkingFrame, WorkingReference
from relumix.engines.flow.appearance import Bank, match
from relumix.engines.flow.correspondence import Track, View, sample, step
from relumix.engines.flow.temporal import Light, mix, smooth
from relumix.engines.flow.tracking import Tracker

_MATCHED_SURE = 0.2  # how much light by appearance counts beside light that was seen
_THREADS = 2


class FlowEngine:
    """Optical flow, matching by appearance, and smoothing in time. See `Engine`."""

    def __init__(self) -> None:
        self.name = "flow"
        self.version = "1"
        self.window = 16
        self.overlap = 2
        self.tracks = True
        self.chained = False

    def start(self) -> Propagator:
        """Begin a shot."""
        return FlowPropagator()


class FlowPropagator:
    """The flow engine at work on one shot."""

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="relumix-flow")

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
                _Carrier.of(reference, root),
                views,
                self._tracker.tracks(reference, root, approach, frames, views, steps),
            )
            lights.append(smooth(list(carried), views, steps))
        return lights


@dataclass(frozen=True)
class _Carrier:
    """Carries a reference's light to frames: along the flow where that is sure, by appearance elsewhere.

    root     the reference's view; stops its light.
    level    [3] stops, the median where the light is trusted, [h, w] in 0..1; local what is left of the stops.
    bank     the local light, to be looked up by appearance.
    """

    root: View
    stops: Float32
    trusted: Float32
    level: Float32
    local: Float32
    bank: Bank

    @classmethod
    def of(cls, reference: WorkingReference, root: View) -> _Carrier:
        """Look at a reference, whose view is given."""
        trusted = reference.lit * reference.known
        level = _level(reference.stops, trusted)
        local = reference.stops - level
        return cls(root, reference.stops, trusted, level, local, Bank.of(root, local, trusted))

    def __call__(self, view: View, track: Track) -> Light:
        """Return the light on a frame, whose track to the reference is given."""
        if view.digest == self.root.digest:
            return self.stops, self.trusted + np.float32(_MATCHED_SURE)
        weight = sample(self.trusted, track.there)
        carried: Float32 = (
            sample(self.local * self.trusted[..., None], track.there) / np.maximum(weight, np.float32(1e-6))[..., None]
        )
        sure = track.seen * track.alike(view, self.root) * weight * view.known
        matched = match(self.bank, view, track)
        stops: Float32 = self.level + matched + sure[..., None] * (carried - matched)
        return stops, sure + np.float32(_MATCHED_SURE)


def _level(stops: Float32, trusted: Float32) -> Float32:
    """[3] the median stops of what is trusted: taken out before any arithmetic, and put back."""
    known = trusted > 0.5
    return np.median(stops[known], axis=0).astype(np.float32) if known.any() else np.zeros(3, np.float32)
