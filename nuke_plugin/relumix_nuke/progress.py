"""How a running job shows itself: Nuke's progress bar, or lines of text where there is no window."""

from __future__ import annotations

import threading
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
    """A progress bar. Made on the main thread; goes away with the last reference to it."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._task = nuke.ProgressTask(title) if nuke.GUI else None

    def show(self, done: int, total: int) -> None:
        """Show that `done` frames of `total` are there."""
        if self._task is None:
            nuke.tprint(f"{self._title}: {done} of {total} frames")
            return
        self._task.setMessage(f"{done} of {total} frames")
        self._task.setProgress(100 * done // max(total, 1))

    def say(self, text: str) -> None:
        """Show something to know, until the next frame is there."""
        if self._task is None:
            nuke.tprint(f"{self._title}: {text}")
        else:
            self._task.setMessage(text)

    def cancelled(self) -> bool:
        """Tell whether the artist has pressed the bar's Cancel."""
        return self._task is not None and bool(self._task.isCancelled())
