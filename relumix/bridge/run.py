"""Relighting on a thread of its own, beside the dialogue that feeds it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

POLL_SECONDS = 0.2
"""How long `next_needed` waits. Between two calls a plugin can tell that its host wants to stop, so it is short."""


class CancelledError(Exception):
    """The dialogue was closed."""


@dataclass(frozen=True)
class Needed:
    """A picture whose pixels a thread waits for."""

    clip: str
    frame: int


class Run:
    """A thread that works until it is done, fails or is cancelled, and the pixels that it waits for."""

    def __init__(self, work: Callable[[], None], on_cancel: Callable[[], None]) -> None:
        """`work` may call `need`, also from threads of its own; `on_cancel` is called once if it is cancelled."""
        self._work, self._on_cancel = work, on_cancel
        self._changed = threading.Condition()
        self._needed: list[Needed] = []
        self._error: BaseException | None = None
        self._cancelled = False
        self._thread = threading.Thread(target=self._run, name="relumix-bridge-run", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def need(self, clip: str, frame: int) -> None:
        """Wait until pixels were sent. Raises CancelledError."""
        wanted = Needed(clip, frame)
        with self._changed:
            self._needed.append(wanted)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._cancelled or all(each is not wanted for each in self._needed))
            if self._cancelled:
                raise CancelledError

    def check(self) -> None:
        """Let the work end where it was cancelled; raises CancelledError."""
        if self._cancelled:
            raise CancelledError

    def next_needed(self) -> Needed | None:
        """Return the first picture needed; None after POLL_SECONDS without one."""
        with self._changed:
            self._changed.wait_for(lambda: self._needed or not self._thread.is_alive(), POLL_SECONDS)
            return self._needed[0] if self._needed else None

    def answered(self, needed: Needed) -> None:
        """Let the thread that needed it go on."""
        with self._changed:
            self._needed = [each for each in self._needed if each is not needed]
            self._changed.notify_all()

    @property
    def is_over(self) -> bool:
        """Whether the thread has ended. Raises what it raised."""
        over = not self._thread.is_alive()
        if over and self._error is not None:
            raise self._error
        return over

    def cancel(self) -> None:
        """Cancel; harmless when called again, or after the end."""
        with self._changed:
            first, self._cancelled = not self._cancelled, True
            self._changed.notify_all()
        if first and self._thread.is_alive():
            self._on_cancel()

    def join(self, seconds: float) -> None:
        """Wait for its end, but not for ever."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # raised again by `is_over`, on the thread that waits
            self._error = error
        finally:
            with self._changed:
                self._changed.notify_all()
