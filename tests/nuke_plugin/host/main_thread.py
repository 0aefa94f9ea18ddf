"""What Nuke's main thread alone may touch, and how other threads get something done there."""

from __future__ import annotations

import functools
import queue
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any


def on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


class MainThreadOnly:
    """Its public methods, and those of every class below it, raise RuntimeError on any other thread."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, member in list(vars(cls).items()):
            if callable(member) and not isinstance(member, type) and (name[0] != "_" or name == "__getitem__"):
                setattr(cls, name, _guarded(member))


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not on_main_thread():
            raise RuntimeError(f"{method.__qualname__} was called on {threading.current_thread().name}, not on main")
        touched = getattr(args[0], "_touched", None) if args else None
        with touched() if touched else nullcontext():
            return method(*args, **kwargs)

    return call


def guarded_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that the main thread alone may call."""
    return _guarded(function)


class MainLoop:
    """The queue that the main thread of a Nuke with a window works off. A test pumps it.

    done      makes each call, and does what Nuke does after it.
    failures  the tracebacks of calls that raised: Nuke prints them, and neither form hands them to its caller.
    """

    def __init__(self, running: bool, done: Callable[[Callable[[], None]], None] = lambda call: call()) -> None:
        self._running, self._done = running, done
        self._calls: queue.Queue[Callable[[], None]] = queue.Queue()
        self.failures: list[str] = []

    def later(self, call: Any, args: Any = (), kwargs: Any = None) -> None:
        self._calls.put(self._job(call, args, kwargs, [], threading.Event()))

    def wait_for(self, call: Any, args: Any = (), kwargs: Any = None) -> Any:
        if on_main_thread():
            raise RuntimeError("executeInMainThreadWithResult on the main thread waits for itself")
        result: list[Any] = []
        done = threading.Event()
        self._calls.put(self._job(call, args, kwargs, result, done))
        if not done.wait(60):
            raise RuntimeError("nothing pumps the main loop")
        return result[0] if result else None

    def _job(
        self, call: Any, args: Any, kwargs: Mapping[str, Any] | None, result: list[Any], done: threading.Event
    ) -> Callable[[], None]:
        if not self._running:
            raise RuntimeError("without a window no main loop runs what is sent to the main thread")
        if not callable(call) or not isinstance(args, tuple):
            raise TypeError(f"expected a callable and a tuple, got {call!r} and {args!r}")

        def run() -> None:
            try:
                self._done(lambda: result.append(call(*args, **(kwargs or {}))))
            except Exception:
                self.failures.append(traceback.format_exc())
            finally:
                done.set()

        return run

    def pump(self, until: Callable[[], Any] = lambda: True, seconds: float = 60) -> None:
        """Do what was sent here until `until()` is true and nothing is left; AssertionError after so many seconds."""
        end = time.monotonic() + seconds
        while True:
            try:
                self._calls.get(timeout=0.01)()
            except queue.Empty:
                if until():
                    return
            assert time.monotonic() < end, f"not within {seconds} s; failures: {self.failures}"
