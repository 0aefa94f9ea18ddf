"""Cancels a job from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Stop:
    """Passed to a job at its start; `set` cancels it: whoever waits for its next frame gets CancelledError."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_set = False
        self._calls: list[Callable[[], None]] = []

    def set(self) -> None:
        """Cancel, now or as soon as the job begins; may be called again."""
        with self._lock:
            self._is_set = True
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    def then(self, call: Callable[[], None]) -> None:
        """Call `call` when it is set; at once if it is already."""
        with self._lock:
            if not self._is_set:
                self._calls.append(call)
                return
        call()
