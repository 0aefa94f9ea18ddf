"""One job at work: the pipeline of relumix.pipeline.job, fed by a stream and read by one."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import dataclass
from functools import partial

from relumix.errors import FrameError, InputError
from relumix.pipeline.propagate import Propagation
from relumix.util.ordered_pool import ordered
from relumix.v1 import relight_pb2 as pb
from relumix_server.frame_receiver import Intake
from relumix_server.metrics import Metrics
from relumix_server.request import Request
from relumix_server.response_queue import Outbox
from relumix_server.scheduler import Turns
from relumix_server.shots import Made, SessionShot
from relumix_server.spool import Spool
from relumix_server.status_errors import Code, RefusedError, SessionCancelledError

WRITERS = 2
"""Frames that are finished at once while the engine works on the next."""

MOST_UNSENT = 2
"""Outcomes that wait for the reader before the session does."""

log = logging.getLogger("relumix_server")

Outcome = Made | FrameError | pb.Summary


@dataclass
class Counts:
    """How far a session is, in frames."""

    written: int = 0
    failed: int = 0


class Session:
    """A job at work in a thread of its own. Make it on the event loop's thread.

    room        is set when the next message may be wanted.
    closed      is set when no more messages will be read.
    idle_since  the time.monotonic() at which its work ended, None while it goes on.
    """

    def __init__(
        self, request: Request, intake: Intake, shot: SessionShot, engine: Turns, spool: Spool, metrics: Metrics
    ) -> None:
        self.request, self.intake = request, intake
        self._shot, self._engine, self._spool, self._metrics = shot, engine, spool, metrics
        self.outbox: Outbox[Outcome] = Outbox(MOST_UNSENT)
        self.counts, self.began = Counts(), time.monotonic()
        self.room, self.closed = asyncio.Event(), asyncio.Event()
        self.idle_since: float | None = None
        self._loop = asyncio.get_running_loop()
        intake.on_change = self._wake
        self._thread = threading.Thread(target=self._run, name=f"relumix-session-{request.session}")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Stop as soon as can be, and free what the session holds. May be called at any time, more than once."""
        self._engine.cancel()
        self.intake.end(SessionCancelledError())
        for left in self.outbox.close():
            self._discard(left)

    @property
    def ended(self) -> bool:
        """Whether its thread has ended."""
        return not self._thread.is_alive()

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.room.set)

    def _run(self) -> None:
        try:
            self._work()
        except SessionCancelledError:
            log.debug("the session was cancelled", extra={"session": self.request.session})
        except RefusedError as refusal:
            self.outbox.fail(refusal)
        except InputError as error:
            self.outbox.fail(RefusedError(Code.INVALID_ARGUMENT, str(error)))
        except Exception as error:
            log.exception("the session failed", extra={"session": self.request.session})
            self.outbox.fail(
                RefusedError(Code.INTERNAL, f"the server failed at this job: {type(error).__name__}: {error}")
            )
        finally:
            self.intake.end(SessionCancelledError())
            self._engine.end()
            self._shot.close()
            self.idle_since = time.monotonic()

    def _work(self) -> None:
        watch = self._shot.watch
        with Propagation(self._shot, self._engine, watch) as light:
            calls = (partial(self._shot.finish, light.canvas, gain) for gain in light.gains(self.request.deliver))
            for frame, outcome in zip(self.request.deliver, ordered(calls, WRITERS, "relumix-finish"), strict=True):
                self._shot.release(frame)
                self._put(outcome)
        seconds = watch.seconds()
        self._metrics.stages(seconds)
        self.outbox.put(
            pb.Summary(
                written=self.counts.written,
                failed=self.counts.failed,
                seconds=round(time.monotonic() - self.began, 3),
                stage_seconds=seconds,
                warnings=self._shot.warnings,
            )
        )

    def _put(self, outcome: Made | FrameError) -> None:
        self.outbox.put(outcome)
        if isinstance(outcome, FrameError):
            self.counts.failed += 1
        else:
            self._shot.hand_over(outcome)
            self.counts.written += 1
        self._metrics.frame(failed=isinstance(outcome, FrameError))

    def _discard(self, outcome: Outcome) -> None:
        if isinstance(outcome, Made):
            self._spool.release(outcome.result)
            self._spool.release(outcome.gain)
