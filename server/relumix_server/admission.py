"""Admits streams: a bounded number of slots, a bounded queue for them, and none once the server stops."""

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
"""Clients without a stream of which it is remembered when they got their last slot."""


class Admission:
    """The slots of a server, and the queue for them. Use on the event loop's thread only: it has no lock.

    A free slot goes to the waiting client that holds fewest, so that none can crowd out the others; among equals to the
    one served longest ago, and of its streams to the one that has waited longest. The queue is shared likewise: where
    it is full, a new stream takes the position of the client that has most.
    """

    def __init__(
        self, slots: int, *, waiting: int = 0, waiting_seconds: float = 30.0, of_a_client: int | None = None
    ) -> None:
        """Make it.

        slots            how many streams may run at once.
        waiting          how many more may wait; waiting_seconds: how long each.
        of_a_client      most slots of one client; None: all but one, which is left for others.
        """
        self._slots, self._of_a_client = slots, of_a_client or max(1, slots - 1)
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
        """Refuse new streams, and those that wait."""
        self._draining = True
        for waiter in list(self._waiting):
            _fail(waiter, _stops())

    @property
    def draining(self) -> bool:
        """Whether no more streams are taken."""
        return self._draining

    @property
    def taken(self) -> int:
        """Number of slots in use."""
        return self._taken.total()

    @property
    def unused_seconds(self) -> float:
        """How long there has been no stream; 0 while one runs."""
        return 0.0 if self._unused_since is None else time.monotonic() - self._unused_since

    async def idle(self) -> None:
        """Return when no stream runs."""
        await self._idle.wait()

    @asynccontextmanager
    async def slot(self, client: str) -> AsyncIterator[None]:
        """Hold a slot, waiting in the queue if need be. Raises StatusError where there will be none."""
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
            self._taken += Counter()  # drops clients with a count of 0
            self._hand_out()
            if not self.taken:
                self._idle.set()
                self._unused_since = time.monotonic()

    def _is_free(self, client: str) -> bool:
        return self.taken < self._slots and self._taken[client] < self._of_a_client

    def _take(self, client: str) -> None:
        self._taken[client] += 1
        self._last_turns.pop(client, None)  # It goes to the end: who is first had none for longest.
        self._last_turns[client] = next(self._turns)
        if len(self._last_turns) > CLIENTS_REMEMBERED:
            self._last_turns.pop(next(iter(self._last_turns)))
        self._idle.clear()
        self._unused_since = None

    async def _wait(self, client: str) -> None:
        """Return with a slot taken. Raises StatusError where the queue is full, or after too long in it."""
        if not self._enters_queue(client):
            raise self._full(client)
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._waiting[waiter] = client
        timer = loop.call_later(self._waiting_seconds, _fail, waiter, self._full(client))
        try:  # Not asyncio.wait_for, which in Python 3.11 forgets a cancellation that comes as the wait ends.
            await waiter
        except asyncio.CancelledError:
            if (
                not waiter.cancelled() and waiter.exception() is None
            ):  # Cancelled just as it was given a slot: give it back.
                self._taken[client] -= 1
            raise
        finally:
            timer.cancel()
            self._waiting.pop(waiter, None)
            self._hand_out()

    def _enters_queue(self, client: str) -> bool:
        """Tell whether a client may queue. A full queue drops the last stream of the client with most in it."""
        if len(self._waiting) < self._most_waiting:
            return True
        queued = Counter(self._waiting.values())
        # By two or more: with one, the two clients would only swap.
        most = max(queued, key=queued.__getitem__, default=client)
        if queued[most] < queued[client] + 2:
            return False
        last = next(waiter for waiter, other in reversed(self._waiting.items()) if other == most)
        _fail(last, self._full(self._waiting.pop(last)))
        return True

    def _full(self, client: str) -> StatusError:
        if self._taken[client] >= self._of_a_client < self._slots:
            what = (
                f"this client has {self._of_a_client} of the {self._slots} slots of this server, and may have no more"
            )
        else:
            what = f"all {self._slots} slots of this server are taken"
        return StatusError(Code.RESOURCE_EXHAUSTED, f"{what}: try again later", BUSY_RETRY_SECONDS)

    def _hand_out(self) -> None:
        """Give free slots to waiting streams."""
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
