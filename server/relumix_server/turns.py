"""Whose turn it is at the worker processes: clients share them, however long the tasks of one of them take."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from relumix_server.status_errors import SessionCancelledError

LONG_SECONDS = 5.0
"""A client that has a task which takes longer leaves a worker to the others."""

Worker = TypeVar("Worker")


class ClosedError(Exception):
    """The server stops: there will be no more workers."""


@dataclass(eq=False)
class Owner:
    """Whose tasks they are: one session's. client: as in relumix_server.admission. left: nobody waits for them."""

    client: str = ""
    left: threading.Event = field(default_factory=threading.Event)


class Turns(Generic[Worker]):
    """Idle workers, and the tasks that wait for one. Thread-safe.

    An idle worker goes to the client with fewest at work, among equals to the task that has waited longest. While
    sessions of several clients are open, one with long tasks may have all workers but one.
    """

    def __init__(self, workers: int) -> None:
        """workers: how many there are, idle or at work."""
        self._count, self._closed = workers, False
        self._changed = threading.Condition()
        self._idle: deque[Worker] = deque()
        self._waiting: dict[object, Owner] = {}
        self._at_work: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._long: set[str] = set()

    def enter(self, owner: Owner) -> None:
        """Note a session that begins."""
        with self._changed:
            self._open[owner.client] += 1

    def leave(self, owner: Owner) -> None:
        """Note that a session has ended: its tasks that wait are not begun. Harmless if noted before."""
        with self._changed:
            if owner.left.is_set():
                return
            owner.left.set()
            self._open -= Counter({owner.client: 1})
            if owner.client not in self._open:
                self._long.discard(owner.client)
            self._changed.notify_all()

    def put(self, worker: Worker) -> None:
        """Add an idle worker."""
        with self._changed:
            self._idle.append(worker)
            self._changed.notify_all()

    def take(self, owner: Owner) -> Worker:
        """Wait for a worker. Raises SessionCancelledError once nobody waits for the task, and ClosedError."""
        ticket = object()
        with self._changed:
            self._waiting[ticket] = owner
            try:
                self._changed.wait_for(lambda: self._closed or owner.left.is_set() or self._next() is ticket)
                if self._closed:
                    raise ClosedError
                if owner.left.is_set():
                    raise SessionCancelledError
                self._at_work[owner.client] += 1
                return self._idle.popleft()
            finally:
                del self._waiting[ticket]
                self._changed.notify_all()

    def done(self, owner: Owner) -> None:
        """Note that a task has ended that a worker was taken for."""
        with self._changed:
            self._at_work -= Counter({owner.client: 1})
            self._changed.notify_all()

    def takes_long(self, owner: Owner) -> None:
        """Note that a task has taken LONG_SECONDS already; it counts until the client has no session."""
        with self._changed:
            if owner.client in self._open:
                self._long.add(owner.client)

    def close(self) -> None:
        """Let all who wait, or will, raise ClosedError."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self) -> object | None:
        """Return the ticket whose turn it is; None where there is no worker for any."""
        if not self._idle:
            return None
        able = [ticket for ticket, owner in self._waiting.items() if self._may_have_one(owner.client)]
        return min(able, key=lambda ticket: self._at_work[self._waiting[ticket].client], default=None)

    def _may_have_one(self, client: str) -> bool:
        alone = len(self._open) < 2 or client not in self._long or self._count < 2
        return alone or self._at_work[client] < self._count - 1
