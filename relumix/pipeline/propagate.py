"""Carries the references' gain over a shot: windows, their overlap, several references. No pixel is made here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import NamedTuple, TypeVar

import numpy as np

from relumix.engines.base import Engine, Reporting
from relumix.errors import FrameError
from relumix.gain.proxy import ProxyFrame
from relumix.gain.proxy_shot import Light, ProxyShot
from relumix.gain.transfer import Gain
from relumix.pipeline.windows import Plan, plan
from relumix.types import Float32
from relumix.util.ordered_pool import WRITERS, ordered
from relumix.util.stopwatch import Stopwatch

READERS = 2
"""Threads that read ahead of the engine."""

_UNLIT_ERROR_STOPS = 16.0
"""The error where no reference says anything of a frame's light: a confidence of 0, but for rounding."""

OnWindow = Callable[[int, float], None]
"""Called on the engine's thread with a window's index and the share (0..1) of its gain that is known."""

OnLight = Callable[[ProxyFrame, Gain], None]

Finished = TypeVar("Finished")


def reference_gain(light: Light) -> Gain:
    """Return the gain at a reference's own frame."""
    reference, median_gain = light
    return Gain.on(reference, reference.gain_stops, median_gain)


class _Light(NamedTuple):
    """The light of one frame, by one window (see `Carried`)."""

    gain_stops: Float32
    error_stops: Float32

    def copy(self) -> _Light:
        return _Light(self.gain_stops.copy(), self.error_stops.copy())


def _blended(shares: Sequence[tuple[np.float32, _Light]]) -> _Light:
    """Return the light of a frame that lies in several windows, by their weights, which add up to 1."""
    gain, error = (sum((weight * light[i] for weight, light in shares), np.float32(0)) for i in range(2))
    return _Light(np.asarray(gain, np.float32), np.asarray(error, np.float32))


class Propagation:
    """An engine at work on one shot. A context manager: leaving it stops the threads that read ahead."""

    def __init__(
        self,
        shot: ProxyShot,
        engine: Engine,
        watch: Stopwatch | None = None,
        on_window: OnWindow = lambda *_: None,
        *,
        cuts: Sequence[int] = (),
        on_light: OnLight = lambda *_: None,
    ) -> None:
        """Read the references; raises InputError where one of them, or its plate frame, cannot be read.

        cuts      the first frame of each scene but the first, ascending: no light crosses one.
        on_light  called with every frame that is no reference as its gain is known, in order.
        """
        self._shot, self._watch, self._on_window, self._on_light = shot, watch or Stopwatch(), on_window, on_light
        self._propagator = engine.start()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="relumix-read")
        self._ahead: dict[int, Future[ProxyFrame]] = {}
        self._at, self._window, self._keyframe_uses = 0, 0, dict[int, int]()
        self._chained = engine.windowing.chained
        if isinstance(self._propagator, Reporting):
            self._propagator.report_to(self._report)
        self.plan: Plan = plan(shot.frames, shot.references, engine.windowing, cuts)
        self.canvas, lights = shot.lights()
        self._references = {frame: light for frame, (light, _) in lights.items()}
        self._median_gains = {frame: median for frame, (_, median) in lights.items()}

    @property
    def lights(self) -> list[Light]:
        """Every reference, with its median gain."""
        return [(light, self._median_gains[frame]) for frame, light in self._references.items()]

    def __enter__(self) -> Propagation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._readers.shutdown(cancel_futures=True)
        self._ahead.clear()  # A frame's exception refers back to this object, and would keep all these frames alive.

    def gains(self, frames: Sequence[int]) -> Iterator[Gain | FrameError]:
        """Yield the gain on each of `frames` (ascending, of the shot), in order, as soon as it is known.

        A frame that cannot be read yields its error; the others go on without it.
        """
        last_use = {share.window: frame for frame in frames for share in self.plan.shares.get(frame, ())}
        order = self.plan.windows_of(frames)
        self._keyframe_uses = {} if self._chained else self.plan.keyframe_uses(order)
        done: dict[int, dict[int, _Light]] = {}
        for frame in frames:
            shares = self.plan.shares.get(frame, ())
            for i in (share.window for share in shares if share.window not in done):
                # Copies of what is still needed, so that the window's whole array can be freed before the next is made.
                done = {w: {f: light.copy() for f, light in rest.items() if f >= frame} for w, rest in done.items()}
                done[i] = self._run(order, order.index(i))
            yield self._gain(frame, [(share.weight, done[share.window]) for share in shares])
            for i in [i for i in done if last_use[i] <= frame]:
                del done[i]

    def each(self, frames: Sequence[int], finish: Callable[[Gain | FrameError], Finished]) -> Iterator[Finished]:
        """Yield `finish(gain)` of each of `frames`, in order; it runs on threads."""
        return ordered((partial(finish, gain) for gain in self.gains(frames)), WRITERS, "relumix-write")

    def _gain(self, frame: int, shares: list[tuple[float, dict[int, _Light]]]) -> Gain | FrameError:
        if frame in self._references:
            return reference_gain((self._references[frame], self._median_gains[frame]))
        try:
            proxy = self._proxy(frame)
        except FrameError as error:
            return error
        if not shares:  # of a scene without a reference
            return Gain.on(proxy, np.zeros_like(proxy.rgb), np.zeros(3, np.float32), _UNLIT_ERROR_STOPS)
        median = self._median_gain(frame)
        if proxy.black:  # stays so, whatever the light
            return Gain.on(proxy, np.broadcast_to(median, proxy.rgb.shape), median)
        light = _blended([(np.float32(weight), window[frame]) for weight, window in shares])
        gain = Gain.on(proxy, light.gain_stops, median, light.error_stops)
        self._on_light(proxy, gain)
        return gain

    def _median_gain(self, frame: int) -> Float32:
        """Return the median gain at a frame [3]: interpolated linearly between its scene's references', in stops."""
        at = self.plan.scenes.lit_from(frame)
        return np.array([np.interp(frame, at, [self._median_gains[r][c] for r in at]) for c in range(3)], np.float32)

    def _run(self, order: Sequence[int], at: int) -> dict[int, _Light]:
        """Return the light of window `at` of the order, by frame, while the next one is being read.

        Frames that cannot be read, or show nothing, have none.
        """
        self._at, self._window = at, order[at]
        window, *following = (self.plan.windows[i] for i in order[at : at + 2])
        self._read_ahead(window.frames, [frame for w in following for frame in w.frames])
        self._report(0.0)
        frames = self._shown(window.frames)
        if not frames:
            return {}
        lights = [self._references[r] for r in window.references]
        keyframe_paths = [[_Keyframe(frame, self) for frame in side] for side in window.keyframe_paths]
        with self._watch.stage("engine"):
            carried = self._propagator.propagate(frames, lights, keyframe_paths)
        self._report(1.0)
        return {
            proxy.frame: _Light(*each)
            for proxy, *each in zip(frames, carried.gain_stops, carried.error_stops, strict=True)
        }

    def _report(self, share: float) -> None:
        self._on_window(self._window, share)

    def _read_ahead(self, now: Sequence[int], next_: Sequence[int]) -> None:
        """Start reading the frames of this window and the next, and drop those no longer needed."""
        wanted = dict.fromkeys(frame for frame in (*now, *next_) if frame not in self._references)
        for frame in [f for f in self._ahead if f not in wanted and self._keyframe_uses.get(f, -1) < self._at]:
            self._ahead.pop(frame).cancel()
        for frame in [f for f in wanted if f not in self._ahead]:
            self._ahead[frame] = self._readers.submit(self._shot.frame, self.canvas, frame)

    def _shown(self, frames: Sequence[int]) -> list[ProxyFrame]:
        shown = []
        for frame in frames:
            try:
                proxy = self._proxy(frame)
            except FrameError:
                continue  # reported by `_gain` when it is this frame's turn; its neighbours do without it
            if not proxy.black:  # a dropped frame, or the end of a fade: a track through it would be lost
                shown.append(proxy)
        return shown

    def _proxy(self, frame: int) -> ProxyFrame:
        """Return a frame's proxy: read ahead, or read now and kept if a later window needs it. Raises FrameError."""
        if frame in self._references:
            return self._references[frame]
        if frame in self._ahead:
            return self._ahead[frame].result()
        # On this thread, not a reader: on a server all readers may be waiting for frames that have not arrived yet.
        proxy = self._shot.frame(self.canvas, frame)
        if self._keyframe_uses.get(frame, -1) > self._at:
            self._ahead[frame] = Future()
            self._ahead[frame].set_result(proxy)
        return proxy


@dataclass(frozen=True)
class _Keyframe:
    """The Keyframe that an engine gets; lazy, since most tracks are cached already."""

    frame: int
    _propagation: Propagation

    def read(self) -> ProxyFrame | None:
        try:
            proxy = self._propagation._proxy(self.frame)
        except FrameError:
            return None
        return None if proxy.black else proxy
