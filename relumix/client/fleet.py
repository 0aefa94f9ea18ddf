"""Several servers on one shot: distributes frames, retries, and gives up servers that keep failing."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Generic

from relumix.client.connection import Server
from relumix.client.remote_job import Made, RemoteJob
from relumix.client.rpc_errors import TryAgainError
from relumix.client.session import Session
from relumix.client.work_queue import WorkQueue
from relumix.errors import FrameError
from relumix.events import Warned
from relumix.pipeline.run import Notice

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 15.0
_LEAST_FAILURES = 3


class Fleet(Generic[Made]):
    """Servers at work on one job.

    batches           the frames to make, in batches that only one server should work on at a time, ascending.
    patience_seconds  how long a server may fail in a row before it is given up.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        job: RemoteJob[Made],
        batches: Sequence[Sequence[int]],
        patience_seconds: float,
    ) -> None:
        self._servers, self._job, self._patience = servers, job, patience_seconds
        self._queue: WorkQueue[Made] = WorkQueue(batches, len(servers))

    def frames(self) -> Generator[Made | FrameError | Notice, None, None]:
        """Yield each frame once, as it arrives, and notices. Raises InputError; CancelledError
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
        """Keep one server at work until nothing is left to do, or it fails for good."""
        failures = FailureStreak(self._patience)
        while frames := self._queue.take():
            left = dict.fromkeys(frames)
            try:
                with self._queue.watched(Session(server, self._job, frames, self._queue.tell)) as session:
                    for delivery in session.deliveries():
                        frame = delivery.frame
                        if frame not in left:
                            raise TryAgainError(f"{server.address}: frame {frame} came unasked")
                        made = delivery if isinstance(delivery, FrameError) else self._job.receive(delivery)
                        del left[frame]
                        failures.reset()
                        self._queue.put(made)
                    if left:
                        raise TryAgainError(f"{server.address}: frame {next(iter(left))} did not come")
            except TryAgainError as error:
                if not left:
                    continue
                self._queue.give_back(left)
                if failures.add(error):
                    self._queue.give_up(error)
                    return
                if failures.count == 1:
                    self._queue.tell(Warned(f"{error}; trying again"))
                self._queue.pause(failures.pause_seconds(error))
            except BaseException as error:  # passed to the thread that waits for frames
                self._queue.fail(error)
                return


@dataclass
class FailureStreak:
    """Consecutive failures of a server, and since when."""

    patience_seconds: float
    count: int = 0
    _since: float = field(default=0.0)

    def reset(self) -> None:
        """Reset after a success."""
        self.count = 0

    def add(self, error: TryAgainError) -> bool:
        """Count a failure; returns whether to give the server up."""
        if not self.count:
            self._since = time.monotonic()
        self.count += 1
        return self.count >= _LEAST_FAILURES and time.monotonic() - self._since > self.patience_seconds

    def pause_seconds(self, error: TryAgainError) -> float:
        """Return how long to wait: exponential back-off with jitter, or longer if the server asks."""
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (self.count - 1))
        jittered: float = pause * random.uniform(0.5, 1.0)
        return max(jittered, (error.wait_seconds or 0.0) * random.uniform(1.0, 1.25))
