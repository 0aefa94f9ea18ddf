"""The engine without weights: it carries each reference's light along optical flow, and matches what the flow loses."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from relumix.engines.base import Float32, Propagator, Stone, WorkingFrame, WorkingReference
from relumix.engines.flow.appearance import Bank, match
from relumix.engines.flow.correspondence import Track, View, follow, sample, stay, step
from relumix.engines.flow.temporal import Light, smooth

_MATCHED_SURE = 0.2  # how much light by appearance counts beside light that was seen
_STONES_KEPT = 4
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
    """The flow engine at work on one shot. It remembers the tracks of the last few stepping stones, nothing else."""

    def __init__(self) -> None:
        self._stones: OrderedDict[tuple[int, ...], Track] = OrderedDict()

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
        views = [View.of(frame) for frame in frames]
        steps = [step(now, last) for last, now in pairwise(views)]
        lights = []
        for reference, approach in zip(references, approaches, strict=True):
            root = View.of(reference)
            tracks = self._tracks(reference, root, approach, frames, views, steps)
            lights.append(smooth(_carry(reference, root, views, tracks), views, steps))
        return np.stack(
            [_mix(frame.frame, references, [light[i] for light in lights]) for i, frame in enumerate(frames)]
        )

    def _tracks(
        self,
        reference: WorkingReference,
        root: View,
        approach: Sequence[Stone],
        frames: Sequence[WorkingFrame],
        views: Sequence[View],
        steps: Sequence[Track],
    ) -> list[Track]:
        """Each frame's track to the reference: outwards from it, over the stepping stones, then frame by frame."""
        tracks = [stay(root)] * len(frames)
        later = [i for i, frame in enumerate(frames) if frame.frame >= reference.frame]
        sooner = [i for i, frame in enumerate(frames) if frame.frame < reference.frame][::-1]
        for side in (later, sooner):
            if not side:
                continue
            stones = [
                s for s in approach if (s.frame > reference.frame) == (side is later) and s.frame != reference.frame
            ]
            track, last = self._walk(reference.frame, root, stones)
            moved = step(views[side[0]], last)
            for i, following in zip(side, [*side[1:], None], strict=True):
                tracks[i] = track = follow(moved, track, views[i], root)
                if following is not None:
                    moved = steps[i] if following > i else steps[following].reversed()
        return tracks

    def _walk(self, start: int, root: View, stones: Sequence[Stone]) -> tuple[Track, View]:
        """The track of the last stepping stone (the reference itself where there are none), and its view.

        It begins at the farthest stone whose track is still known, so that a shot is not walked again for each window.
        """
        way = (start, *(stone.frame for stone in stones))
        known = next((i for i in range(len(stones), 0, -1) if way[: i + 1] in self._stones), 0)
        track, last = stay(root), root
        if known and (frame := stones[known - 1].read()):
            track, last = self._stones[way[: known + 1]], View.of(frame)
            self._stones.move_to_end(way[: known + 1])
        for i, stone in enumerate(stones[known:], known + 1):
            if frame := stone.read():
                view = View.of(frame)
                track, last = follow(step(view, last), track, view, root), view
                self._stones[way[: i + 1]] = track
        while len(self._stones) > _STONES_KEPT:
            self._stones.popitem(last=False)
        return track, last


def _carry(reference: WorkingReference, root: View, views: Sequence[View], tracks: Sequence[Track]) -> list[Light]:
    """The reference's light on each frame: along the flow where that is sure, by appearance elsewhere."""
    trusted = reference.lit * reference.known
    level = _level(reference.stops, trusted)
    local = reference.stops - level
    bank = Bank.of(root, local, trusted)

    def carry(view: View, track: Track) -> Light:
        if view.digest == root.digest:
            return reference.stops, trusted + np.float32(_MATCHED_SURE)
        weight = sample(trusted, track.there)
        carried: Float32 = (
            sample(local * trusted[..., None], track.there) / np.maximum(weight, np.float32(1e-6))[..., None]
        )
        sure = track.seen * track.alike(view, root) * weight * view.known
        matched = match(bank, view, track)
        stops: Float32 = level + matched + sure[..., None] * (carried - matched)
        return stops, sure + np.float32(_MATCHED_SURE)

    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(carry, views, tracks))


def _level(stops: Float32, trusted: Float32) -> Float32:
    """[3] the median stops of what is trusted: taken out before any arithmetic, and put back."""
    known = trusted > 0.5
    return np.median(stops[known], axis=0).astype(np.float32) if known.any() else np.zeros(3, np.float32)


def _mix(frame: int, references: Sequence[WorkingReference], lights: Sequence[Light]) -> Float32:
    """[h, w, 3]: light from all sides; the nearer reference and the surer light count more. A reference is its own."""
    for reference in references:
        if reference.frame == frame:
            return reference.stops
    if len(lights) == 1:
        return lights[0][0]
    away = np.array([abs(reference.frame - frame) for reference in references], np.float32)
    nearness = 1 - away / away.sum()
    weights = [near * sure for near, (_, sure) in zip(nearness, lights, strict=True)]
    total = np.sum(weights, axis=0)
    mixed = np.zeros_like(lights[0][0])
    for weight, (stops, _) in zip(weights, lights, strict=True):
        mixed += (weight / total)[..., None] * stops
    return mixed
