"""The engine without weights: gain carried along optical flow, and matched by appearance where flow fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from threadpoolctl import threadpool_limits

from relumix.engines.base import Carried, Keyframe, Propagator, Windowing
from relumix.engines.tracking.appearance import match, match_cost
from relumix.engines.tracking.blending import Side, blend_window
from relumix.engines.tracking.correspondence import Track
from relumix.engines.tracking.expected_error import ErrorGauge, Evidence
from relumix.engines.tracking.log_frame import LogFrame
from relumix.engines.tracking.motion_averaging import WeightedGain, average
from relumix.engines.tracking.reference_light import ReferenceLight, carry, combine
from relumix.engines.tracking.tracks import Tracker, WindowMotion
from relumix.engines.tracking.window_progress import WindowProgress
from relumix.gain.proxy import ProxyFrame, ProxyReference

_THREADS = 2


class FlowEngine:
    """Optical flow, matching by appearance, and averaging along the motion. See `Engine`."""

    def __init__(self) -> None:
        self.name = "flow"
        self.windowing = Windowing(version="4", window=16, overlap=2, tracks=True, further=True)

    def start(self) -> Propagator:
        """Begin a shot."""
        return FlowPropagator()


class FlowPropagator:
    """The flow engine at work on one shot. It remembers the tracks of the last few keyframes, nothing else."""

    def __init__(self) -> None:
        self._tracker, self._progress = Tracker(), WindowProgress()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="relumix-flow")

    def report_to(self, tell: Callable[[float], None]) -> None:
        """See `Reporting`."""
        self._progress.report_to(tell)

    def propagate(
        self,
        frames: Sequence[ProxyFrame],
        references: Sequence[ProxyReference],
        keyframe_paths: Sequence[Sequence[Keyframe]],
    ) -> Carried:
        """Carry the light of the references to the frames of one window (see `Propagator.propagate`)."""
        with threadpool_limits(1, user_api="blas"):  # the products are small: BLAS threads would only wait
            window = WindowMotion.of(frames)
            self._progress.begin(2 * len(frames) * len(references))
            sides = []
            for reference, keyframe_path in zip(references, keyframe_paths, strict=True):
                light = ReferenceLight.of(reference)
                # 1. Track: where each pixel of each frame is in the reference.
                tracks = self._tracker.tracks(light.log_frame, keyframe_path, window, self._progress.step)
                # 2. to 4. Carry, match and combine, frame by frame.
                relit = self._pool.map(partial(_relight, light, len(references) > 1), window.frames, tracks)
                del tracks  # large: without this list the pool frees each as its frame is done
                found = list(self._progress.each(relit))
                # 5. Average along the motion, against flicker.
                averaged = average([gain for gain, _ in found], window)
                evidence = [each for _, each in found]
                del found
                # 6. Weigh what is known of it: how far off each pixel is expected to be.
                gauged = map(ErrorGauge("flow", light).error, window.frames, evidence, averaged)
                sides.append(Side.of(light, averaged, gauged))
            # 7. Blend the references' gains, by how sure each is.
            return blend_window(frames, references, sides)


def _relight(
    light: ReferenceLight, several: bool, frame: LogFrame, track: Track
) -> tuple[WeightedGain, Evidence | None]:
    """Return the gain on a frame from one reference, without the neighbouring frames, and what is known of it.

    several  whether there are other references to choose from.
    """
    if frame.digest == light.log_frame.digest:
        return light.own_gain(), None
    # 2. Carry the reference's gain along the track, with its confidence.
    carried = carry(light, frame, track)
    # 3. Match: the gain of reference pixels that look alike and lie near the tracked position.
    matched = match(light.bank, frame, track)
    # 4. Combine: the carried gain by its confidence, the matched gain for the rest.
    gain = combine(light, carried, matched)
    cost = match_cost(light.bank, frame, track) if several else None
    return gain, Evidence.of(track, carried, matched, gain, cost)
