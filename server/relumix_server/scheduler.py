"""The engine's thread: windows of all sessions run on it one by one, in order of arrival."""

from __future__ import annotations

import faulthandler
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import numpy as np

from relumix.engines.base import Carried, Engine, Keyframe, Propagator, Reporting
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix_server.status_errors import SessionCancelledError


class EngineThread:
    """The thread of a device. A session has at most one window in the queue, so none can crowd it."""

    def __init__(self, on_queue: Callable[[int], None] = lambda _: None, *, last_seconds: float | None = None) -> None:
        """Start it.

        on_queue      called with the number of windows waiting or running.
        last_seconds  without progress in a window, after which the process ends at once, with the stacks of its
                      threads on stderr and exit code 1: for an engine that hangs and holds Python's lock. None: never.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="relumix-device")
        self._lock, self._queued, self._on_queue = threading.Lock(), 0, on_queue
        self._last_seconds = last_seconds
        self._moved: float | None = None
        self._share = 0.0

    @property
    def queued(self) -> int:
        """Number of windows waiting or running."""
        return self._queued

    @property
    def seconds(self) -> float:
        """How long the current window has made no progress; 0 without one."""
        moved = self._moved
        return 0.0 if moved is None else time.monotonic() - moved

    def advance(self, share: float) -> None:
        """Record the finished share (0..1) of the current window, on the engine's thread.

        Only a rising share is progress: an engine that keeps reporting the same one hangs.
        """
        if share > self._share:
            self._share = share
            self._watch()

    def submit(self, call: Callable[[], Carried]) -> Future[Carried]:
        """Queue a window."""
        future = self._thread.submit(self._work, call)
        self._count(1)
        future.add_done_callback(lambda _: self._count(-1))
        return future

    def _work(self, call: Callable[[], Carried]) -> Carried:
        self._share = 0.0
        self._watch()
        try:
            return call()
        finally:
            if self._last_seconds is not None:
                faulthandler.cancel_dump_traceback_later()
            self._moved = None

    def _watch(self) -> None:
        """Begin to count the seconds without progress anew."""
        self._moved = time.monotonic()
        if self._last_seconds is not None:
            faulthandler.dump_traceback_later(self._last_seconds, exit=True)

    def _count(self, change: int) -> None:
        with self._lock:
            self._queued += change
            self._on_queue(self._queued)

    def close(self) -> None:
        """Take no more windows; the thread ends after the current one. Does not wait for it."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class ScheduledEngine:
    """An Engine for one session, run on the device in turn with other sessions."""

    def __init__(
        self,
        engine: Engine,
        device: EngineThread,
        *,
        await_frames: Callable[[Iterable[int]], None] = lambda frames: None,
        on_window: Callable[[], None] = lambda: None,
    ) -> None:
        """Make it.

        await_frames  returns when an engine's keyframes have arrived: else the device would wait for a slow client.
        on_window     is called after each window.
        """
        self.name, self.windowing = engine.name, engine.windowing
        self._engine, self._device = engine, device
        self._await_frames, self._on_window = await_frames, on_window
        self._running: Future[Carried] | None = None
        self._propagator: Propagator | None = None
        self._tell: Callable[[float], None] = lambda share: None
        self._cancelled = False

    def start(self) -> Propagator:
        """Begin a shot."""
        return self

    def report_to(self, tell: Callable[[float], None]) -> None:
        """See `Reporting`; it is told on the engine's thread."""
        self._tell = tell

    def propagate(
        self,
        frames: Sequence[ProxyFrame],
        references: Sequence[ProxyReference],
        keyframe_paths: Sequence[Sequence[Keyframe]],
    ) -> Carried:
        """Carry light (see relumix.engines.base.Propagator). Raises SessionCancelledError."""

        def call() -> Carried:
            if self._propagator is None:
                self._propagator = self._engine.start()
                if isinstance(self._propagator, Reporting):
                    self._propagator.report_to(self._report)
            return self._propagator.propagate(frames, references, keyframe_paths)

        self._await_frames(keyframe.frame for side in keyframe_paths for keyframe in side)
        self._running = self._device.submit(call)
        if self._cancelled:
            self._running.cancel()
        try:
            carried = self._running.result()
        except CancelledError:
            raise SessionCancelledError from None
        self._on_window()
        return carried

    def _report(self, share: float) -> None:
        self._device.advance(share)
        self._tell(share)

    def cancel(self) -> None:
        """Leave the queue. A running window is finished first."""
        self._cancelled = True
        if self._running:
            self._running.cancel()

    def end(self) -> None:
        """Free what the engine keeps of the shot, its threads included; no window may be running."""
        self._propagator = self._running = None
        self._tell = lambda share: None  # It belongs to what holds this engine, and all references.


def warm(engine: Engine, device: EngineThread) -> None:
    """Relight a few small frames, so that the first session does not wait for lazy loading."""
    rgb = np.full((64, 64, 3), 0.18, np.float32)
    ones, stops = np.ones((64, 64), np.float32), np.zeros((64, 64, 3), np.float32)
    stops += np.linspace(-1, 1, 64, dtype=np.float32)[:, None]  # not a plain grade, for which svd skips its network
    frames = [ProxyFrame(number, rgb, ones) for number in (1, 2)]
    reference = ProxyReference(1, rgb, ones, stops, ones)
    device.submit(lambda: engine.start().propagate(frames, [reference], [()])).result()
