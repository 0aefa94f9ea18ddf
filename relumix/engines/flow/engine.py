"""The engine without weights: it carries each reference's gain along optical flow, and matches what the flow loses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from relumix.engines.base import Keyframe, Propagator, Windowing
from relumix.engines.tracking.appearance import match
from relumix.engines.tracking.correspondence import Track
from relumix.engines.tracking.log_frame import LogFrame
from relumix.engines.tracking.motion_averaging import WeightedGain, average, mix
from relumix.engines.tracking.reference_light import ReferenceLight, believe, carry
from relumix.engines.tracking.tracks import Tracker, WindowMotion
from relumix.engines.tracking.window_progress import WindowProgress
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float32

_THREADS = 2


class FlowEngine:
    """Optical flow, matching by appearance, and averaging along the motion. See `Engine`."""

    def __init__(self) -> None:
        self.name = "flow"
        self.windowing = Windowing(version="1", window=16, overlap=2, tracks=True)

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
    ) -> Float32:
        """Carry the light of the references to the frames of one window (see `Propagator.propagate`)."""
        with threadpool_limits(1, user_api="blas"):  # small products: its threads would only wait for each other
            window = WindowMotion.of(frames)
            self._progress.begin(2 * len(frames) * len(references))
            gains = []
            for reference, keyframe_path in zip(references, keyframe_paths, strict=True):
                light = ReferenceLight.of(reference)
                # 1. Track: where each pixel of each frame is in the reference.
                tracks = self._tracker.tracks(light.log_frame, keyframe_path, window, self._progress.step)
                # 2. to 4., frame by frame: the gain that the track leads to, and what looks alike where it fails.
                relit = self._pool.map(partial(_relight, light), window.frames, tracks)
                del tracks  # they are large: the pool lets go of each as its frame is done
                # 5. Average along the motion, so that it does not flicker.
                gains.append(average(list(self._progress.each(relit)), window))
            # 6. Mix what the references say.
            return np.stack([mix(frame.frame, references, on_it) for frame, *on_it in zip(frames, *gains, strict=True)])


def _relight(light: ReferenceLight, frame: LogFrame, track: Track) -> WeightedGain:
    """Return the gain on a frame by the light of one reference, for itself alone."""
    if frame.digest == light.log_frame.digest:
        return light.own_gain()
    # 2. Carry the reference's gain along the track, and say how far that is to be believed.
    carried = carry(light, frame, track)
    # 3. Match: the gain of what looks alike in the reference, and lies where it should be.
    matched = match(light.bank, frame, track)
    # 4. Believe what was carried as far as it is sure, and what was matched for the rest.
    return believe(light, carried, matched)
