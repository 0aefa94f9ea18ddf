"""Threads for checks of storage before a job begins, so that a hanging file system blocks nothing else."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from relumix_server.status_errors import Code, SessionCancelledError, StatusError

THREADS = 4
LONGEST_SECONDS = 30.0
RETRY_SECONDS = 30.0

Answer = TypeVar("Answer")

GoOn = Callable[[], None]
"""What a check calls again and again: it raises SessionCancelledError once nobody waits for the answer."""


class OpeningChecks:
    """Runs the checks of opening messages. Use on the event loop's thread only."""

    def __init__(self, longest_seconds: float = LONGEST_SECONDS) -> None:
        """longest_seconds: of one check, waiting for a thread included."""
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="relumix-opening")
        self._longest_seconds = longest_seconds
        self._began: dict[int, float] = {}
        self._count = 0

    @property
    def stuck(self) -> bool:
        """Whether every thread is stuck in a check."""
        overdue = time.monotonic() - self._longest_seconds
        return sum(began < overdue for began in list(self._began.values())) >= THREADS

    @property
    def hanging(self) -> bool:
        """Whether a check still runs: the process would wait for it at exit."""
        return bool(self._began)

    async def run(self, check: Callable[[GoOn], Answer]) -> Answer:
        """Return what a check returns. One that nobody waits for any more is not begun, or stops at its next step.

        Raises what it raises, and StatusError where it takes too long.
        """
        self._count += 1
        number, left = self._count, threading.Event()

        def go_on() -> None:
            if left.is_set():
                raise SessionCancelledError

        def work() -> Answer:
            self._began[number] = time.monotonic()
            try:
                return check(go_on)
            finally:
                del self._began[number]

        try:
            return await asyncio.wait_for(asyncio.wrap_future(self._pool.submit(work)), self._longest_seconds)
        except asyncio.TimeoutError:
            raise StatusError(
                Code.UNAVAILABLE,
                f"the job could not be checked in {self._longest_seconds:g} s: a folder of the server does not answer",
                RETRY_SECONDS,
            ) from None
        finally:
            left.set()

    def close(self) -> None:
        """Begin no more checks; does not wait for running ones."""
        self._pool.shutdown(wait=False, cancel_futures=True)
