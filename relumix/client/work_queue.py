"""The work queue of a job on several servers, and its results."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from itertools import groupby
from typing import Generic

from relumix.client.remote_job import Made
from relumix.client.rpc_errors import TryAgainError
from relumix.client.session import Session
from relumix.errors import FrameError, InputError
from relumix.events import Warned
from relumix.pipeline.run import Notice

_SUMMARY_SECONDS = 5.0
_READY_FRAMES = 4
"""Finished frames that may wait for the reader: a slow reader holds the servers back."""


class WorkQueue(Generic[Made]):
    """The frames left to make, and results not yet taken. Thread-safe: one lock guards all of it.

    batches  of frames; those of a batch share a window.
    servers  how many take from it, each on a thread of its own.
    """

    def __init__(self, batches: Sequence[Sequence[int]], servers: int) -> None:
        self._changed = threading.Condition()
        self._todo: deque[list[int]] = deque(list(batch) for batch in batches if batch)
        self._batch = {frame: number for number, batch in enumerate(batches) for frame in batch}
        self._open, self._servers, self._busy = len(self._batch), servers, 0
        self._made: deque[Made | FrameError | Notice] = deque()
        self._sessions: set[Session] = set()
        self._error: BaseException | None = None
        self._closed = False

    def take(self) -> list[int]:
        """Return frames to make, ascending, waiting for some; none when all is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._todo or self._over)
            if self._over:
                return []
            self._busy += 1
            # Two thirds of a fair share: smaller ones would compute more windows twice, at their borders; larger ones
            # would leave the others waiting for a slow server at the end.
            count = len(self._todo) if self._servers == 1 else max(1, round(len(self._todo) * 2 / 3 / self._servers))
            return sorted(frame for _ in range(count) for frame in self._todo.popleft())

    def give_back(self, frames: Iterable[int]) -> None:
        """Return frames to the front of the queue."""
        batches = [list(batch) for _, batch in groupby(frames, self._batch.__getitem__)]
        with self._changed:
            self._todo.extendleft(reversed(batches))
            self._changed.notify_all()

    def put(self, made: Made | FrameError) -> None:
        """Add a finished frame, waiting for space."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._made) < _READY_FRAMES or self._closed)
            self._made.append(made)
            self._open -= 1
            self._changed.notify_all()

    def tell(self, told: Notice) -> None:
        """Add a notice."""
        with self._changed:
            self._made.append(told)
            self._changed.notify_all()

    def give_up(self, error: TryAgainError) -> None:
        """Count a server as failed for good; the last one fails the job."""
        with self._changed:
            self._servers -= 1
            if self._servers:
                self._made.append(Warned(f"{error}; given up, its frames go to the others"))
            else:
                self._error = self._error or InputError(
                    f"{error}; given up: finished frames are kept, run the same command again to go on"
                )
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """End the job."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait, or return early when all is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._over, seconds)

    def results(self) -> Iterator[Made | FrameError | Notice]:
        """Yield frames and notices until all is done. Raises what ended the job, CancelledError once closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._made or self._over)
                if self._closed:
                    raise CancelledError
                if not self._made:
                    if self._error:
                        raise self._error
                    # Summaries come after the last frame; wait for them, but not long.
                    self._changed.wait_for(lambda: not self._busy, _SUMMARY_SECONDS)
                    return
                made = self._made.popleft()
                self._changed.notify_all()
            yield made

    @contextmanager
    def watched(self, session: Session) -> Iterator[Session]:
        """Cancel a session when all is over before it ends."""
        with self._changed:
            self._sessions.add(session)
            over = self._over
        try:
            if over:
                session.cancel()
            yield session
        finally:
            session.cancel()
            with self._changed:
                self._sessions.discard(session)
                self._busy -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Wake all waiting threads and cancel running sessions."""
        with self._changed:
            self._closed = True
            sessions = list(self._sessions)
            self._changed.notify_all()
        for session in sessions:
            session.cancel()

    @property
    def _over(self) -> bool:
        return self._closed or self._error is not None or self._open == 0
