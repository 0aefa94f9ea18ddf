"""Which streams are taken: there are so many places, a room to wait for one, and none once the server stops."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from relumix_server.status_errors import Code, StatusError

BUSY_RETRY_SECONDS = 5.0
WARM_RETRY_SECONDS = 2.0
CLIENTS_REMEMBERED = 4096
"""Of those that have no stream now: when they got their last place."""


class Admission:
    """The places of a server, and who waits for one. To be used on the event loop's thread.

    A place that is free goes to the client that has fewest, among equals to the one that got none for longest, and of
    its streams to the one that has waited longest.
    The room to wait in is shared likewise: where it is full, who comes takes the chair of the client that has most.
    """

    def __init__(
        self, places: int, *, waiting: int = 0, waiting_seconds: float = 30.0, of_a_client: int | None = None
    ) -> None:
        """Make it.

        places           how many streams may run at once.
        waiting          how many may wait for a place; waiting_seconds: for how long each.
        of_a_client      how many of the places one client may have; None: all but one, which is for another.
        """
        self._places, self._of_a_client = places, of_a_client or max(1, places - 1)
        self._most_waiting, self._waiting_seconds = waiting, waiting_seconds
        self._taken: Counter[str] = Counter()
        self._waiting: dict[asyncio.Future[None], str] = {}
        self._turns, self._last_turns = itertools.count(1), dict[str, int]()
        self.ready, self._draining = False, False
        self._idle = asyncio.Event()
        self._idle.set()
        self._unused_since: float | None = time.monotonic()

    def open(self) -> None:
        """Take streams from now on."""
        self.ready, self._unused_since = True, time.monotonic()

    def drain(self) -> None:
        """Take no more streams, not those that wait either."""
        self._draining = True
        for waiter in list(self._waiting):
            _fail(waiter, _stops())

    @property
    def draining(self) -> bool:
        """Whether no more streams are taken."""
        return self._draining

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return self._taken.total()

    @property
    def unused_seconds(self) -> float:
        """How long there has been no stream; 0 while there is one."""
        return 0.0 if self._unused_since is None else time.monotonic() - self._unused_since

    async def idle(self) -> None:
        """Return when no stream runs."""
        await self._idle.wait()

    @asynccontextmanager
    async def place(self, client: str) -> AsyncIterator[None]:
        """Hold one of the places, when there is one for that client. Raises StatusError where there will be none."""
        if self.draining:
            raise _stops()
        if not self.ready:
            raise StatusError(Code.UNAVAILABLE, "the server is not ready yet: its engine loads", WARM_RETRY_SECONDS)
        if self._is_free(client):  # Who waits all the same may have no more.
            self._take(client)
        else:
            await self._wait(client)
        try:
            yield
        finally:
            self._taken[client] -= 1
            self._taken += Counter()  # forgets clients without any
            self._hand_out()
            if not self.taken:
                self._idle.set()
                self._unused_since = time.monotonic()

    def _is_free(self, client: str) -> bool:
        return self.taken < self._places and self._taken[client] < self._of_a_client

    def _take(self, client: str) -> None:
        self._taken[client] += 1
        self._last_turns.pop(client, None)  # It goes to the end: who is first had none for longest.
        self._last_turns[client] = next(self._turns)
        if len(self._last_turns) > CLIENTS_REMEMBERED:
            self._last_turns.pop(next(iter(self._last_turns)))
        self._idle.clear()
        self._unused_since = None

    async def _wait(self, client: str) -> None:
        """Return with a place taken. Raises StatusError where the room is full, and after too long in it."""
        if not self._makes_room(client):
            raise self._full(client)
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._waiting[waiter] = client
        timer = loop.call_later(self._waiting_seconds, _fail, waiter, self._full(client))
        try:  # Not asyncio.wait_for, which in Python 3.11 forgets a cancellation that comes as the wait ends.
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() and waiter.exception() is None:  # It had just got a place.
                self._taken[client] -= 1
            raise
        finally:
            timer.cancel()
            self._waiting.pop(waiter, None)
            self._hand_out()

    def _makes_room(self, client: str) -> bool:
        """Tell whether there is a chair for that client, of another that has at least two more of them if need be."""
        if len(self._waiting) < self._most_waiting:
            return True
        chairs = Counter(self._waiting.values())
        most = max(chairs, key=chairs.__getitem__, default=client)
        if chairs[most] < chairs[client] + 2:
            return False
        last = next(waiter for waiter, other in reversed(self._waiting.items()) if other == most)
        _fail(last, self._full(self._waiting.pop(last)))
        return True

    def _full(self, client: str) -> StatusError:
        if self._taken[client] >= self._of_a_client < self._places:
            what = (
                f"this client has {self._of_a_client} of the {self._places} places of this server, and may have no more"
            )
        else:
            what = f"all {self._places} places of this server are taken"
        return StatusError(Code.RESOURCE_EXHAUSTED, f"{what}: try again later", BUSY_RETRY_SECONDS)

    def _hand_out(self) -> None:
        """Give free places to those who wait."""
        while True:
            able = [waiter for waiter, client in self._waiting.items() if not waiter.done() and self._is_free(client)]
            if not able:
                return
            first = min(able, key=self._turn_of)
            self._take(self._waiting.pop(first))
            first.set_result(None)

    def _turn_of(self, waiter: asyncio.Future[None]) -> tuple[int, int]:
        """Return what is least for who comes next."""
        client = self._waiting[waiter]
        return self._taken[client], self._last_turns.get(client, 0)


def _fail(waiter: asyncio.Future[None], error: StatusError) -> None:
    if not waiter.done():
        waiter.set_exception(error)


def _stops() -> StatusError:
    return StatusError(Code.UNAVAILABLE, "the server stops: go on at another one, or later", BUSY_RETRY_SECONDS)
