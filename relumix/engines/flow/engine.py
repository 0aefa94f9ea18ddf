"""The engine without weights: it carries each reference's light along optical flow, and matches what the flow loses."""

from __future__ import annotations

import numpy as np

from relumix.engines.base import Propagator, WorkingReference
from relumix.engines.flow.correspondence import Track, View
from relumix.engines.flow.propagator import Carry, TrackingPropagator
from relumix.engines.flow.proposals import ReferenceLight, propose
from relumix.engines.flow.temporal import Light

_MATCHED_SURE = 0.2  # how much light by appearance counts beside light that was seen


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
        return TrackingPropagator(_look)


def _look(reference: WorkingReference, root: View) -> Carry:
    """Return what carries a reference's light: along the flow where that is sure, by appearance elsewhere."""
    light = ReferenceLight.of(reference, root)

    def carry(view: View, track: Track) -> Light:
        if view.digest == root.digest:
            return light.stops, light.trusted + np.float32(_MATCHED_SURE)
        found = propose(light, view, track)
        stops = light.level + found.matched + found.sure[..., None] * (found.carried - found.matched)
        return stops, found.sure + np.float32(_MATCHED_SURE)

    return carry
