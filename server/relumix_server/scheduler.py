"""One thread a device: the windows of all sessions take turns on it, in the order in which they come."""

from __future__ import annotations

import faulthandler
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import numpy as np

from relumix.engines.base import Engine, Keyframe, Propagator, Reporting
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float32
from relumix_server.status_errors import SessionCancelledError


class EngineThread:
    """The thread on which engines work. A session has one window in the queue at most, so that none can crowd it."""

    def __init__(self, on_queue: Callable[[int], None] = lambda _: None, *, last_seconds: float | None = None) -> None:
        """Start it.

        on_queue      is told how many windows wait or are worked on.
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
        """How many windows wait or are worked on."""
        return self._queued

    @property
    def seconds(self) -> float:
        """How long ago the window at hand was begun or got further; 0 while there is none."""
        moved = self._moved
        return 0.0 if moved is None else time.monotonic() - moved

    def advance(self, share: float) -> None:
        """Take note of how much of the window at hand is done (0..1), on the engine's thread.

        Only what rises is progress: an engine that says the same again and again hangs.
        """
        if share > self._share:
            self._share = share
            self._watch()

    def submit(self, call: Callable[[], Float32]) -> Future[Float32]:
        """Queue a window."""
        future = self._thread.submit(self._work, call)
        self._count(1)
        future.add_done_callback(lambda _: self._count(-1))
        return future

    def _work(self, call: Callable[[], Float32]) -> Float32:
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
        """Take no more windows; the thread ends behind the one that it is at, and nobody waits for that."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class ScheduledEngine:
    """An Engine for one session: it works on the device, in turn with those of other sessions."""

    def __init__(
        self,
        engine: Engine,
        device: EngineThread,
        *,
        await_frames: Callable[[Iterable[int]], None] = lambda frames: None,
        on_window: Callable[[], None] = lambda: None,
    ) -> None:
        """Make it.

        await_frames  returns when frames that an engine may still read can be read: the device does not wait for them.
        on_window     is called after each window.
        """
        self.name, self.windowing = engine.name, engine.windowing
        self._engine, self._device = engine, device
        self._await_frames, self._on_window = await_frames, on_window
        self._running: Future[Float32] | None = None
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
    ) -> Float32:
        """Carry light (see relumix.engines.base.Propagator). Raises SessionCancelledError."""

        def call() -> Float32:
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
            stops = self._running.result()
        except CancelledError:
            raise SessionCancelledError from None
        self._on_window()
        return stops

    def _report(self, share: float) -> None:
        self._device.advance(share)
        self._tell(share)

    def cancel(self) -> None:
        """Give up the place in the queue. A window that has begun goes on to its end."""
        self._cancelled = True
        if self._running:
            self._running.cancel()

    def end(self) -> None:
        """Let go of what the engine keeps of the shot, its threads among it; no window may be under way."""
        self._propagator = self._running = None


def warm(engine: Engine, device: EngineThread) -> None:
    """Let an engine relight a few small frames, so that the first session does not wait for what loads late."""
    rgb = np.full((64, 64, 3), 0.18, np.float32)
    ones, stops = np.ones((64, 64), np.float32), np.zeros((64, 64, 3), np.float32)
    stops += np.linspace(-1, 1, 64, dtype=np.float32)[:, None]  # a plain grade would let an engine rest
    frames = [ProxyFrame(number, rgb, ones) for number in (1, 2)]
    reference = ProxyReference(1, rgb, ones, stops, ones)
    device.submit(lambda: engine.start().propagate(frames, [reference], [()])).result()
