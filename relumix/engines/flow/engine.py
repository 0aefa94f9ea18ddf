"""The engine without weights: it carries each reference's light along optical flow."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from relumix.engines.base import Float32, Propagator, WorkingFrame, WorkingReference
from relumix.engines.flow import colour
from relumix.engines.flow.correspondence import Track, View, follow_all, round_trip, sample, start


class FlowEngine:
    """Optical flow, matching and a colour model (see the package)."""

    name: str = "flow"
    version: str = "1"
    window: int = 8
    overlap: int = 2
    tracks: bool = True

    def start(self) -> Propagator:
        """Begin a shot."""
        return FlowPropagator()


class FlowPropagator:
    """The flow engine at work on one shot."""

    def propagate(
        self,
        frames: Sequence[WorkingFrame],
        references: Sequence[WorkingReference],
        approaches: Sequence[Sequence[WorkingFrame]],
    ) -> Float32:
        """Carry the light of the references to the frames of one window (see `Propagator.propagate`)."""
        lights = [self._carry(frames, *pair) for pair in zip(references, approaches, strict=True)]
        out = [self._mix(frame, references, [light[i] for light in lights]) for i, frame in enumerate(frames)]
        return np.stack(out)

    def _carry(
        self, frames: Sequence[WorkingFrame], reference: WorkingReference, approach: Sequence[WorkingFrame]
    ) -> list[tuple[Float32, Float32]]:
        """Per frame: the reference's stops there [h, w, 3], and how sure they are [h, w, 1]."""
        median = np.median(reference.stops, (0, 1))
        local = reference.stops - median
        model = colour.fit(reference, local)
        trusted = reference.lit * reference.known
        tracks = self._track(frames, reference, approach)
        carried = []
        for frame in frames:
            track = tracks[frame.frame]
            weight = sample(trusted, track.there)
            warped = sample(local * trusted[..., None], track.there) / np.maximum(weight, 1e-6)[..., None]
            sure = round_trip(track) * weight * frame.known
            sure = np.minimum(sure, cv2.GaussianBlur(sure, (0, 0), 2))[..., None]
            stops = sure * warped + (1 - sure) * colour.predict(model, frame, track.exposure)
            carried.append((stops + median, sure))
        return carried

    def _track(
        self, frames: Sequence[WorkingFrame], reference: WorkingReference, approach: Sequence[WorkingFrame]
    ) -> dict[int, Track]:
        """The track of every frame, by frame number; followed outwards from the reference."""
        root = View.of(reference)
        track, last = start(root), root
        for stone in approach:
            view = View.of(stone)
            (track,) = follow_all(track, root, last, [view])
            last = view
        tracks: dict[int, Track] = {}
        after = [f for f in frames if f.frame >= reference.frame]
        before = [f for f in reversed(frames) if f.frame < reference.frame]
        for side in (after, before):
            views = [View.of(f) for f in side]
            tracks |= dict(zip((f.frame for f in side), follow_all(track, root, last, views), strict=True))
        return tracks

    def _mix(
        self, frame: WorkingFrame, references: Sequence[WorkingReference], lights: Sequence[tuple[Float32, Float32]]
    ) -> Float32:
        """Light from all sides, [h, w, 3] stops: nearer and surer counts more; a reference's own frame is its own."""
        for reference in references:
            if reference.frame == frame.frame:
                return reference.stops
        if len(references) == 1:
            return lights[0][0]
        distance = np.array([abs(r.frame - frame.frame) for r in references], np.float32)
        nearness = distance[::-1] / distance.sum()
        weights = [n * (1e-3 + sure) for n, (_, sure) in zip(nearness, lights, strict=True)]
        total = np.sum(weights, axis=0)
        mixed: Float32 = np.sum([w / total * stops for w, (stops, _) in zip(weights, lights, strict=True)], axis=0)
        return mixed
