"""How far off carried light is expected to be: at each pixel, from what can be seen of how it was found.

A network of one small hidden layer maps the evidence to the expected absolute error, in units of how much the
reference's light varies. It was fitted to held-out truth by `tests/benchmarks/bench_confidence.py --fit`, which also
measures how far it can be believed. It works at a small size: what is expected of a single pixel is that of its
surroundings.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import cv2
import numpy as np

from relumix.engines.tracking.appearance import shrink
from relumix.engines.tracking.blending import Gauged
from relumix.engines.tracking.correspondence import Track, beyond_edges, squared_length
from relumix.engines.tracking.log_frame import LogFrame
from relumix.engines.tracking.motion_averaging import WeightedGain
from relumix.engines.tracking.reference_light import ReferenceLight, TrackedGain
from relumix.types import Float32

EDGE_PX = 96
"""Long edge of the size at which evidence is weighed."""

INPUTS = (
    "confidence",
    "similarity",
    "difference",
    "consistency",
    "disagreement",
    "motion",
    "beyond",
    "outside",
    "frames",
    "weight",
    "change",
    "own",
)
"""What is weighed, in this order: see `Evidence.inputs`."""

LEAST_DEVIATION_STOPS = 0.02
"""A smaller variation of the reference's light is noise, which dividing by it would amplify."""

_MOST_LOG_ERROR, _LEAST_LOG_ERROR = 3.0, -6.0


@dataclass(frozen=True)
class Evidence:
    """What is known of how a reference's gain was carried to a frame, [h, w] at a long edge of EDGE_PX.

    confidence, similarity, consistency  as of the track (see `carry`), 0..1.
    motion_percent  how far it moved; beyond_percent: how far outside the reference it lies; of the long edge.
    outside         the share of it that lies outside.
    match_cost      how badly it is matched (see `match_cost` of relumix.engines.tracking.appearance); None where
                    nothing is to be chosen by it.
    carried, matched  [h, w, 3] local stops; own_gain [h, w, 3] stops: both combined, of this frame alone.
    """

    confidence: Float32
    similarity: Float32
    consistency: Float32
    motion_percent: Float32
    beyond_percent: Float32
    outside: Float32
    carried: Float32
    matched: Float32
    own_gain: Float32
    match_cost: Float32 | None = None

    @classmethod
    def of(
        cls,
        track: Track,
        carried: TrackedGain,
        matched: Float32,
        own: WeightedGain,
        match_cost: Float32 | None = None,
    ) -> Evidence:
        """Gather it.

        matched     [h, w, 3] local stops of what looks alike.
        match_cost  of any size.
        """
        percent = np.float32(100 / max(track.forward.shape))
        forward = small(track.forward)
        beyond = small(beyond_edges(track.forward))
        return cls(
            small(carried.confidence),
            small(carried.similarity),
            small(track.consistency),
            np.sqrt(squared_length(forward)) * percent,
            beyond * percent,
            (beyond > 0).astype(np.float32),
            small(carried.local_stops),
            small(matched),
            small(own.gain_stops),
            None if match_cost is None else np.asarray(cv2.resize(match_cost, beyond.shape[::-1]), np.float32),
        )

    def inputs(
        self, averaged: WeightedGain, frames_away: int, deviation_stops: float, log_error: Float32 | None
    ) -> Float32:
        """Return [h, w, len(INPUTS)], each of the order of 1.

        averaged   the gain after averaging along the motion, at full size.
        log_error  [h, w] log2 of the error that an engine expects itself, in units of spread; None without.
        """
        unit = np.float32(1 / max(deviation_stops, LEAST_DEVIATION_STOPS))
        disagreement = np.abs(self.carried - self.matched).mean(-1) * unit
        change = np.abs(small(averaged.gain_stops) - self.own_gain).mean(-1) * unit
        planes = [
            self.confidence,
            self.similarity,
            np.sqrt(np.minimum(-np.log(np.maximum(self.similarity, np.float32(1e-6))), 12)) / 2,
            self.consistency,
            np.log2(disagreement + np.float32(0.02)) / 3,
            np.log2(self.motion_percent + np.float32(0.3)) / 3,
            np.log2(self.beyond_percent + np.float32(0.5)) / 3,
            self.outside,
            np.full_like(self.confidence, np.log2(max(frames_away, 1)) / 3),
            np.log2(small(averaged.weight) + np.float32(0.2)) / 2,
            np.log2(change + np.float32(0.005)) / 4,
            np.zeros_like(self.confidence) if log_error is None else log_error / 2,
        ]
        return np.stack(planes, -1).astype(np.float32)


def small(plane: Float32) -> Float32:
    """Return a plane [h, w] or [h, w, c] at the size at which evidence is weighed."""
    return shrink(plane, EDGE_PX)


@dataclass(frozen=True)
class ErrorNet:
    """The fitted network: log error = out . tanh(hidden . inputs), of one engine.

    hidden  [len(INPUTS) + 1, n]; out [n + 1]: the last row of each is the offset.
    """

    hidden: Float32
    out: Float32

    def error(self, inputs: Float32) -> Float32:
        """Return [h, w]: the expected absolute error, mean over the channels, in units of deviation."""
        hidden = np.tanh(inputs @ self.hidden[:-1] + self.hidden[-1])
        log_error = hidden @ self.out[:-1] + self.out[-1]
        return np.asarray(np.exp(np.clip(log_error, _LEAST_LOG_ERROR, _MOST_LOG_ERROR)), np.float32)


class ErrorGauge:
    """Tells how far off the light of one reference is expected to be, frame by frame."""

    def __init__(self, engine: str, light: ReferenceLight) -> None:
        """engine: whose network."""
        self._net, self._light = _shipped()[engine], light

    def error(
        self, frame: LogFrame, evidence: Evidence | None, averaged: WeightedGain, log_error: Float32 | None = None
    ) -> Gauged:
        """Return the error expected on a frame.

        evidence   None on the reference's own picture, of which only what it does not tell is unknown.
        averaged   the gain whose error is asked for; log_error: see `Evidence.inputs`.
        """
        deviation = np.float32(self._light.deviation_stops)
        if evidence is None:
            unknown = deviation * (1 - small(self._light.trusted))
            return Gauged(unknown, np.zeros_like(unknown), np.zeros_like(unknown))
        away = abs(frame.frame - self._light.log_frame.frame)
        inputs = evidence.inputs(averaged, away, float(deviation), log_error)
        error = self._net.error(inputs) * deviation
        cost = np.zeros_like(error) if evidence.match_cost is None else evidence.match_cost
        return Gauged(error, evidence.outside, cost)


@cache
def _shipped() -> dict[str, ErrorNet]:
    nets = json.loads(files(__package__).joinpath("expected_error.json").read_text("utf-8"))
    return {
        name: ErrorNet(np.array(net["hidden"], np.float32), np.array(net["out"], np.float32))
        for name, net in nets.items()
    }
