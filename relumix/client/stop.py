"""Ending a job from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Stop:
    """Handed to a job when it is started; `set` ends it: what waits for its next frame gets CancelledError."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_set = False
        self._calls: list[Callable[[], None]] = []

    def set(self) -> None:
        """End it, now or as soon as it begins; may be called again."""
        with self._lock:
            self._is_set = True
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    def then(self, call: Callable[[], None]) -> None:
        """Have something called when it is set; at once if it is."""
        with self._lock:
            if not self._is_set:
                self._calls.append(call)
                return
        call()
