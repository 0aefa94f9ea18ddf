"""How a running job shows itself: Nuke's progress bar, or lines of text where there is no window."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import nuke


def on_main(call: Callable[..., Any], *arguments: Any) -> None:
    """Call on the main thread, which alone may touch nodes and knobs; from another thread, without waiting."""
    if threading.current_thread() is threading.main_thread():
        call(*arguments)
    else:
        nuke.executeInMainThread(call, args=arguments)


class Progress:
    """A progress bar with a clock. Made on the main thread; goes away with the last reference to it."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        """Open the bar. quiet: without a window, say nothing."""
        self._title, self._quiet = title, quiet
        self._task = nuke.ProgressTask(title) if nuke.GUI else None
        self._began = self._told = self._drawn = time.monotonic()
        self._text = ""
        self._remaining_seconds: float | None = None

    def show(self, text: str, share: float, remaining_seconds: float | None = None) -> None:
        """Show what is going on, how much of all is done (0..1), and how long the rest takes, where that is known."""
        if self._task is None:
            if text != self._text and not self._quiet:
                nuke.tprint(f"{self._title}: {text}")
        else:
            self._task.setProgress(int(100 * share))
        self._say(text, remaining_seconds)

    def say(self, text: str) -> None:
        """Show something to know, until there is news."""
        if self._task is None:
            nuke.tprint(f"{self._title}: {text}")
        self._say(text, None)

    def remaining(self) -> str:
        """Return about how long the rest takes, for people; nothing where that is not known."""
        left = (self._remaining_seconds or 0.0) - (time.monotonic() - self._told)
        return f"about {_clock(left)} to go" if left > 0 else ""

    def tick(self) -> None:
        """Let the clock go on; to be called now and then while nothing is told."""
        if time.monotonic() - self._drawn >= _TICK_SECONDS:
            self._draw()

    def stopped(self) -> bool:
        """Let the clock go on, and tell whether the artist has pressed the bar's Cancel."""
        self.tick()
        return self.cancelled()

    def cancelled(self) -> bool:
        """Tell whether the artist has pressed the bar's Cancel."""
        return self._task is not None and bool(self._task.isCancelled())

    def _say(self, text: str, remaining_seconds: float | None) -> None:
        self._text, self._remaining_seconds, self._told = text, remaining_seconds, time.monotonic()
        self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        if self._task is None:
            return
        words = [self._text, f"{_clock(self._drawn - self._began)} gone"]
        self._task.setMessage(", ".join(filter(None, [*words, self.remaining()])))


_TICK_SECONDS = 1.0


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
