"""Carry the light of the references over a shot: windows, overlap, several references. Light only; no pixel is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from relumix.engines.base import Engine, Window
from relumix.errors import FrameError
from relumix.gain.proxy import ProxyFrame
from relumix.gain.proxy_shot import ProxyShot
from relumix.gain.transfer import Gain, log_luminance
from relumix.pipeline.windows import Plan, plan
from relumix.types import Float32
from relumix.util.stopwatch import Stopwatch

READERS = 2
"""Threads that read ahead of the engine."""


class Propagation:
    """An engine at work on one shot. A context manager: leaving it ends the threads that read ahead."""

    def __init__(self, shot: ProxyShot, engine: Engine, watch: Stopwatch | None = None) -> None:
        """Read the references; raises InputError where one of them, or its plate frame, cannot be read."""
        self._shot, self._watch = shot, watch or Stopwatch()
        self._propagator = engine.start()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="relumix-read")
        self._ahead: dict[int, Future[ProxyFrame]] = {}
        self.plan: Plan = plan(shot.frames, shot.references, engine.windowing)
        self.canvas, lights = shot.lights()
        self._references = {frame: light for frame, (light, _) in lights.items()}
        self._median_gains = {frame: median for frame, (_, median) in lights.items()}

    def __enter__(self) -> Propagation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._readers.shutdown(cancel_futures=True)
        self._ahead.clear()  # What a frame raised leads back here, and would keep all of it until it is collected.

    def gains(self, frames: Sequence[int]) -> Iterator[Gain | FrameError]:
        """Yield the light on each of `frames` (ascending, of the shot), in their order, each as soon as it is known.

        A frame that cannot be read yields its error; the others go on without it.
        """
        used = [(share.window, frame) for frame in frames for share in self.plan.shares.get(frame, ())]
        last_use = dict(used)
        order = list(last_use)
        done: dict[int, dict[int, Float32]] = {}
        for frame in frames:
            shares = self.plan.shares.get(frame, ())
            for i in (share.window for share in shares if share.window not in done):
                following = order[order.index(i) + 1 :][:1]
                done = {w: {f: stops.copy() for f, stops in rest.items() if f >= frame} for w, rest in done.items()}
                done[i] = self._run(*(self.plan.windows[w] for w in (i, *following)))
            yield self._gain(frame, [(share.weight, done[share.window]) for share in shares])
            for i in [i for i in done if last_use[i] <= frame]:
                del done[i]

    def _gain(self, frame: int, shares: list[tuple[float, dict[int, Float32]]]) -> Gain | FrameError:
        if frame in self._references:
            light = self._references[frame]
            return Gain(frame, light.gain_stops, self._median_gains[frame], log_luminance(light))
        try:
            seen = self._working(frame)
        except FrameError as error:
            return error
        stops = sum((np.float32(weight) * window[frame] for weight, window in shares), np.float32(0))
        return Gain(frame, np.asarray(stops, np.float32), self._median_gain(frame), log_luminance(seen))

    def _median_gain(self, frame: int) -> Float32:
        """Return the median gain at a frame [3]: on the way from one reference to the next, in stops."""
        at = list(self._median_gains)
        return np.array([np.interp(frame, at, [self._median_gains[r][c] for r in at]) for c in range(3)], np.float32)

    def _run(self, window: Window, *following: Window) -> dict[int, Float32]:
        """Return the stops of every readable frame of a window, while the one that follows is being read."""
        wanted = {frame for w in (window, *following) for frame in w.frames}
        for frame in [f for f in self._ahead if f not in wanted]:
            self._ahead.pop(frame).cancel()
        for frame in sorted(wanted - set(self._ahead), key=lambda f: f not in window.frames):
            self._ahead[frame] = self._readers.submit(self._shot.frame, self.canvas, frame)
        frames = self._readable(window.frames)
        if not frames:
            return {}
        lights = [self._references[r] for r in window.references]
        keyframe_paths = [[_Keyframe(frame, self) for frame in side] for side in window.keyframe_paths]
        with self._watch.stage("engine"):
            stops = self._propagator.propagate(frames, lights, keyframe_paths)
        return {seen.frame: stops[i] for i, seen in enumerate(frames)}

    def _readable(self, frames: Sequence[int]) -> list[ProxyFrame]:
        readable = []
        for frame in frames:
            try:
                readable.append(self._working(frame))
            except FrameError:
                continue  # reported when the frame itself is asked for; its neighbours do without it
        return readable

    def _working(self, frame: int) -> ProxyFrame:
        """Return a frame: one that is being read ahead, or read now and not kept. Raises FrameError."""
        if frame in self._references:
            return self._references[frame]
        return self._ahead[frame].result() if frame in self._ahead else self._shot.frame(self.canvas, frame)


@dataclass(frozen=True)
class _Keyframe:
    """A Keyframe of an engine's: read when it is looked at, since most have been passed before."""

    frame: int
    _propagation: Propagation

    def read(self) -> ProxyFrame | None:
        try:
            return self._propagation._working(self.frame)
        except FrameError:
            return None
