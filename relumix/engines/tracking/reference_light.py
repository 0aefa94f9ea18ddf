"""A reference's gain, prepared for an engine, and how it is carried along a track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relumix.engines.tracking.appearance import MATCH_EDGE_PX, Bank
from relumix.engines.tracking.correspondence import Track, warp
from relumix.engines.tracking.log_frame import LogFrame
from relumix.engines.tracking.motion_averaging import WeightedGain
from relumix.gain.proxy import ProxyReference
from relumix.types import Float32

_MATCHED_WEIGHT = 0.2
"""Weight of gain matched by appearance, beside 1 for carried gain. Above 0, since averages divide by the weights."""


@dataclass(frozen=True)
class ReferenceLight:
    """A reference's gain, split into its median and the rest.

    log_frame    its plate.
    gain_stops   [h, w, 3] in full; median_gain [3] its median where trusted; local_stops [h, w, 3] the rest.
    trusted      [h, w] in 0..1: where the gain is known.
    deviation_stops  see the function.
    bank         the local gain, to be matched by appearance.
    """

    log_frame: LogFrame
    gain_stops: Float32
    median_gain: Float32
    local_stops: Float32
    trusted: Float32
    deviation_stops: float
    bank: Bank

    @classmethod
    def of(cls, reference: ProxyReference, edge_px: int = MATCH_EDGE_PX) -> ReferenceLight:
        """Make it from a reference. edge_px: the long edge of the picture in which appearance is matched."""
        log_frame, trusted, median_gain = LogFrame.of(reference), reference.trusted, reference.median_gain()
        # Local gain is near 0, so interpolating and averaging it errs by little, and a plain grade passes exactly.
        local = reference.gain_stops - median_gain
        bank = Bank.of(log_frame, local, trusted, edge_px)
        return cls(log_frame, reference.gain_stops, median_gain, local, trusted, deviation_stops(reference), bank)

    def own_gain(self) -> WeightedGain:
        """Return the gain on the reference's own picture: exact, weighted by where it is known."""
        return WeightedGain(self.gain_stops, self.trusted + np.float32(_MATCHED_WEIGHT))


@dataclass(frozen=True)
class TrackedGain:
    """Local gain on a frame, carried along the flow.

    local_stops  [h, w, 3].
    confidence   [h, w] in 0..1: how reliable it is.
    similarity   [h, w] in 0..1: a part of that, how alike both ends of the track look.
    """

    local_stops: Float32
    confidence: Float32
    similarity: Float32


def carry(light: ReferenceLight, frame: LogFrame, track: Track) -> TrackedGain:
    """Take a reference's gain along a frame's track to it."""
    # Next to unknown pixels the gain is the mean of the known ones, sum(w g) / sum(w), rather than a fade to 0.
    known = warp(light.trusted, track.forward)
    weighted = warp(light.local_stops * light.trusted[..., None], track.forward)
    local: Float32 = weighted / np.maximum(known, np.float32(1e-6))[..., None]
    # A product, since one failure is enough: inconsistent flow, another surface, or unknown pixels at either end.
    similarity = track.similarity(frame, light.log_frame)
    return TrackedGain(local, track.consistency * similarity * known * frame.known, similarity)


def combine(light: ReferenceLight, carried: TrackedGain, matched: Float32) -> WeightedGain:
    """Combine the carried gain, by its confidence, and the matched gain [h, w, 3] for the rest.

    gain = median + matched + confidence * (carried - matched)
    """
    gain_stops = light.median_gain + matched + carried.confidence[..., None] * (carried.local_stops - matched)
    return WeightedGain(gain_stops, carried.confidence + np.float32(_MATCHED_WEIGHT))


def deviation_stops(reference: ProxyReference) -> float:
    """Return the mean absolute deviation of a reference's gain from its median: how far off that alone would be."""
    seen = reference.trusted > 0.5
    return float(np.abs(reference.gain_stops[seen] - reference.median_gain()).mean()) if seen.any() else 0.0
