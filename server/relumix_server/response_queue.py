"""Responses from a session's threads to the event loop: bounded, so that a slow reader holds the session back."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Generic, TypeVar

from relumix_server.status_errors import SessionCancelledError

Item = TypeVar("Item")


class ResponseQueue(Generic[Item]):
    """A queue from threads to an event loop. Construct it on the loop's thread."""

    def __init__(self, most: int) -> None:
        self._most, self._items = most, deque[Item]()
        self._changed, self._closed = threading.Condition(), False
        self._error: BaseException | None = None
        self._loop, self._filled = asyncio.get_running_loop(), asyncio.Event()

    def put(self, item: Item) -> None:
        """Add an item, waiting for space. Raises SessionCancelledError after `close`."""
        with self._changed:
            while len(self._items) >= self._most and not self._closed:
                self._changed.wait()
            if self._closed:
                raise SessionCancelledError
            self._items.append(item)
        self._wake()

    def fail(self, error: BaseException) -> None:
        """Let the reader raise an error, ahead of queued items."""
        with self._changed:
            self._error = self._error or error
        self._wake()

    async def get(self) -> Item:
        """Return the next item. Raises what `fail` was given."""
        while True:
            with self._changed:
                self._filled.clear()
                self.check()
                if self._items:
                    self._changed.notify_all()
                    return self._items.popleft()
            await self._filled.wait()

    def check(self) -> None:
        """Raise what `fail` was given, if it was."""
        if self._error is not None:
            raise self._error

    def close(self) -> list[Item]:
        """Refuse further items; return those queued."""
        with self._changed:
            self._closed, left = True, list(self._items)
            self._items.clear()
            self._changed.notify_all()
        return left

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._filled.set)
