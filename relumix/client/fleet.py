"""Several servers on one shot: who does which frames, and what happens when one goes away."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Generic

from relumix.client.connection import Server
from relumix.client.remote_job import Made, RemoteJob
from relumix.client.rpc_errors import TryAgainError
from relumix.client.session import Session
from relumix.errors import FrameError, InputError
from relumix.events import Warned

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 15.0
_LEAST_FAILURES = 3
_SUMMARY_SECONDS = 5.0
_READY_FRAMES = 4
"""Made frames that may wait to be taken: a slow reader holds the servers back."""


class Fleet(Generic[Made]):
    """Servers at work on one job.

    units             the frames to make, in pieces that only one server should work on at a time, ascending.
    patience_seconds  how long a server may fail in a row before it is given up.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        job: RemoteJob[Made],
        units: Sequence[Sequence[int]],
        patience_seconds: float,
    ) -> None:
        self._servers, self._job, self._patience = servers, job, patience_seconds
        self._queue: WorkQueue[Made] = WorkQueue(units, len(servers))

    def frames(self) -> Generator[Made | FrameError | Warned, None, None]:
        """Yield each frame as it comes, once, and what there is to know on the way. Raises InputError; CancelledError
        where `cancel` was called.

        Leaving the generator (close) cancels what is still going on.
        """
        threads = [
            threading.Thread(target=self._work, args=(server,), name=f"relumix-{server.address}", daemon=True)
            for server in self._servers
        ]
        try:
            for thread in threads:
                thread.start()
            yield from self._queue.results()
        finally:
            self._queue.close()
            for thread in threads:
                if thread.ident:
                    thread.join()

    def cancel(self) -> None:
        """End `frames` from another thread."""
        self._queue.close()

    def _work(self, server: Server) -> None:
        """Serve as one server's hand until nothing is left to do."""
        failing = Failing(self._patience)
        while frames := self._queue.take():
            left = dict.fromkeys(frames)
            try:
                with self._queue.watched(Session(server, self._job, frames)) as session:
                    for delivery in session.deliveries():
                        frame = delivery.frame
                        if frame not in left:
                            raise TryAgainError(f"{server.address}: frame {frame} came unasked")
                        made = delivery if isinstance(delivery, FrameError) else self._job.receive(delivery)
                        del left[frame]
                        failing.over()
                        self._queue.put(made)
                    if left:
                        raise TryAgainError(f"{server.address}: frame {next(iter(left))} did not come")
            except TryAgainError as error:
                if not left:
                    continue
                self._queue.give_back(left)
                if failing.once_more(error):
                    self._queue.give_up(error)
                    return
                if failing.count == 1:
                    self._queue.tell(Warned(f"{error}; trying again"))
                self._queue.pause(failing.pause_seconds(error))
            except BaseException as error:  # it must reach the thread that waits for frames
                self._queue.fail(error)
                return


@dataclass
class Failing:
    """How long, and how often, a server has been failing in a row."""

    patience_seconds: float
    count: int = 0
    _since: float = field(default=0.0)

    def over(self) -> None:
        """Note that it does no more."""
        self.count = 0

    def once_more(self, error: TryAgainError) -> bool:
        """Note a failure; returns whether patience is at its end."""
        if not self.count:
            self._since = time.monotonic()
        self.count += 1
        return self.count >= _LEAST_FAILURES and time.monotonic() - self._since > self.patience_seconds

    def pause_seconds(self, error: TryAgainError) -> float:
        """Return how long to wait: twice as long each time, by chance up to half less; longer if the server asks."""
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (self.count - 1))
        jittered: float = pause * random.uniform(0.5, 1.0)
        return max(jittered, (error.wait_seconds or 0.0) * random.uniform(1.0, 1.25))


class WorkQueue(Generic[Made]):
    """What is left to do, and what was made of the rest; all hands look at it. One lock guards all of it."""

    def __init__(self, units: Sequence[Sequence[int]], hands: int) -> None:
        self._changed = threading.Condition()
        self._todo: deque[list[int]] = deque(list(unit) for unit in units if unit)
        self._unit = {frame: number for number, unit in enumerate(units) for frame in unit}
        self._open, self._hands, self._busy = len(self._unit), hands, 0
        self._made: deque[Made | FrameError | Warned] = deque()
        self._sessions: set[Session] = set()
        self._error: BaseException | None = None
        self._closed = False

    def take(self) -> list[int]:
        """Return frames to make, ascending, when there are some; none when all is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._todo or self._over)
            if self._over:
                return []
            self._busy += 1
            # Two thirds of a fair share: a slow server then keeps the others waiting for less, and yet few windows are
            # computed twice, as those on the seam of two pieces are.
            units = len(self._todo) if self._hands == 1 else max(1, round(len(self._todo) * 2 / 3 / self._hands))
            return sorted(frame for _ in range(units) for frame in self._todo.popleft())

    def give_back(self, frames: Iterable[int]) -> None:
        """Leave frames to whoever takes them next."""
        units = [list(unit) for _, unit in groupby(frames, self._unit.__getitem__)]
        with self._changed:
            self._todo.extendleft(reversed(units))
            self._changed.notify_all()

    def put(self, made: Made | FrameError) -> None:
        """Hand over a made frame, when there is room for it."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._made) < _READY_FRAMES or self._closed)
            self._made.append(made)
            self._open -= 1
            self._changed.notify_all()

    def tell(self, warning: Warned) -> None:
        """Hand over something to know."""
        with self._changed:
            self._made.append(warning)
            self._changed.notify_all()

    def give_up(self, error: TryAgainError) -> None:
        """Go away; the last hand takes the job with it."""
        with self._changed:
            self._hands -= 1
            if self._hands:
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
        """Wait, unless everything is over before."""
        with self._changed:
            self._changed.wait_for(lambda: self._over, seconds)

    def results(self) -> Iterator[Made | FrameError | Warned]:
        """Yield what was handed over, until all is done. Raises what ended the job, CancelledError once closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._made or self._over)
                if self._closed:
                    raise CancelledError
                if not self._made:
                    if self._error:
                        raise self._error
                    # Summaries come after the last frame; for one that does not, nobody waits long.
                    self._changed.wait_for(lambda: not self._busy, _SUMMARY_SECONDS)
                    return
                made = self._made.popleft()
                self._changed.notify_all()
            yield made

    @contextmanager
    def watched(self, session: Session) -> Iterator[Session]:
        """Cancel a session, whose frames were taken, when all is over before it is."""
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
        """End it: nobody waits any longer, and running sessions are cancelled."""
        with self._changed:
            self._closed = True
            sessions = list(self._sessions)
            self._changed.notify_all()
        for session in sessions:
            session.cancel()

    @property
    def _over(self) -> bool:
        return self._closed or self._error is not None or self._open == 0
