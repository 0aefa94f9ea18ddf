"""The engine without weights: it carries each reference's light along optical flow, and matches what the flow loses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relumix.engines.base import Propagator, Windowing
from relumix.engines.tracking.candidates import ReferenceLight, believe, propose
from relumix.engines.tracking.correspondence import Track, View
from relumix.engines.tracking.motion_averaging import Light, smooth
from relumix.engines.tracking.propagator import TrackingPropagator
from relumix.gain.proxy import ProxyReference


class FlowEngine:
    """Optical flow, matching by appearance, and smoothing in time. See `Engine`."""

    def __init__(self) -> None:
        self.name = "flow"
        self.windowing = Windowing(version="1", window=16, overlap=2, tracks=True)

    def start(self) -> Propagator:
        """Begin a shot."""
        return TrackingPropagator(_Carrier.of)


@dataclass(frozen=True)
class _Carrier:
    """Carries a reference's light: along the flow where that is sure, by appearance elsewhere. See `Carrier`."""

    light: ReferenceLight

    @classmethod
    def of(cls, reference: ProxyReference, root: View) -> _Carrier:
        return cls(ReferenceLight.of(reference, root))

    def carry(self, view: View, track: Track) -> Light:
        if view.digest == self.light.view.digest:
            return self.light.itself()
        return believe(self.light, propose(self.light, view, track))

    def settle(self, carried: Sequence[Light], views: Sequence[View], steps: Sequence[Track]) -> list[Light]:
        return smooth(carried, views, steps)
