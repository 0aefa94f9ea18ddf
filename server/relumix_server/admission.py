"""Which streams are taken: there are so many places, and none before engines are there or once the server stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from relumix_server.status_errors import Code, StatusError

BUSY_RETRY_SECONDS = 5.0
WARM_RETRY_SECONDS = 2.0


class Admission:
    """The places of a server. To be used on the event loop's thread."""

    def __init__(self, places: int) -> None:
        """places: how many streams may run at once."""
        self._places, self._taken = places, 0
        self.ready, self.draining = False, False
        self._idle = asyncio.Event()
        self._idle.set()
        self._unused_since: float | None = time.monotonic()

    def open(self) -> None:
        """Take streams from now on."""
        self.ready, self._unused_since = True, time.monotonic()

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return self._taken

    @property
    def unused_seconds(self) -> float:
        """How long there has been no stream; 0 while there is one."""
        return 0.0 if self._unused_since is None else time.monotonic() - self._unused_since

    async def idle(self) -> None:
        """Return when no stream runs."""
        await self._idle.wait()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places. Raises StatusError where there is none."""
        self._admit()
        self._taken += 1
        self._idle.clear()
        self._unused_since = None
        try:
            yield
        finally:
            self._taken -= 1
            if not self._taken:
                self._idle.set()
                self._unused_since = time.monotonic()

    def _admit(self) -> None:
        """Raise StatusError where there is no place."""
        if self.draining:
            raise StatusError(Code.UNAVAILABLE, "the server stops: go on at another one, or later", BUSY_RETRY_SECONDS)
        if not self.ready:
            raise StatusError(Code.UNAVAILABLE, "the server is not ready yet: its engine loads", WARM_RETRY_SECONDS)
        if self._taken >= self._places:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                f"all {self._places} places of this server are taken: try again later",
                BUSY_RETRY_SECONDS,
            )
