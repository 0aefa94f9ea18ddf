"""One job of the server: the propagation of relumix.pipeline, with frames from a stream and results to it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from functools import partial

from relumix.errors import FrameError, InputError
from relumix.pipeline.estimate import Estimate
from relumix.pipeline.propagate import Propagation
from relumix.pipeline.run import Tally
from relumix.v1 import relight_pb2 as pb
from relumix_server.frame_receiver import FrameReceiver
from relumix_server.metrics import Metrics
from relumix_server.request import Request
from relumix_server.response_queue import ResponseQueue
from relumix_server.scheduler import ScheduledEngine
from relumix_server.shots import FinishedFrame, SessionShot
from relumix_server.spool import Spool
from relumix_server.status_errors import Code, SessionCancelledError, StatusError

MOST_UNSENT = 2
"""Results that may wait for the client before the session pauses."""

log = logging.getLogger("relumix_server")

Outcome = FinishedFrame | FrameError | pb.Summary


class Session:
    """A job, run on a thread of its own. Construct it on the event loop's thread, whose loop it calls back.

    can_read    set when the next message may be read.
    closed      set when no more messages will be read.
    client      who runs the job, for people.
    idle_since  time.monotonic() when its work ended, None before.
    """

    def __init__(
        self,
        request: Request,
        receiver: FrameReceiver,
        shot: SessionShot,
        engine: ScheduledEngine,
        spool: Spool,
        metrics: Metrics,
    ) -> None:
        self.request, self.receiver = request, receiver
        self._shot, self._engine, self._spool, self._metrics = shot, engine, spool, metrics
        self.responses: ResponseQueue[Outcome] = ResponseQueue(MOST_UNSENT)
        self.tally, self._stage = Tally(), "reading the references"
        self.estimate = Estimate.of(request.plan, request.deliver)
        self.can_read, self.closed = asyncio.Event(), asyncio.Event()
        self.client = ""
        self.idle_since: float | None = None
        self._loop = asyncio.get_running_loop()
        receiver.on_change = self._wake
        self._thread = threading.Thread(target=self._run, name=f"relumix-session-{request.session}")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Stop as soon as possible and free all files. May be called at any time, also twice."""
        self._engine.cancel()
        self._shot.cancel()
        self.receiver.end(SessionCancelledError())
        for left in self.responses.close():
            self._discard(left)

    @property
    def stage(self) -> str:
        """The current stage, for people."""
        return f"waiting for frames, {self._stage}" if self.receiver.waiting_since() is not None else self._stage

    @property
    def shot_name(self) -> str:
        """The client's name of the first reference's plate, without folders; '' until it arrives."""
        return self._shot.name

    @property
    def ended(self) -> bool:
        """Whether its thread has ended."""
        return not self._thread.is_alive()

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.can_read.set)

    def _run(self) -> None:
        try:
            self._work()
        except SessionCancelledError:
            log.debug("the session was cancelled", extra={"session": self.request.session})
        except StatusError as status:
            self.responses.fail(status)
        except InputError as error:
            self.responses.fail(StatusError(Code.INVALID_ARGUMENT, str(error)))
        except Exception as error:
            if self.receiver.ended:  # Its files were freed while it worked on them: no error.
                log.debug("the session was cancelled", extra={"session": self.request.session})
                return
            log.exception("the session failed", extra={"session": self.request.session})
            self.responses.fail(
                StatusError(Code.INTERNAL, f"the server failed at this job: {type(error).__name__}: {error}")
            )
        finally:
            self.receiver.end(SessionCancelledError())
            self._engine.end()
            self._shot.close()
            self.idle_since = time.monotonic()

    def _work(self) -> None:
        watch = self._shot.watch
        cuts = self.request.cuts
        with Propagation(self._shot, self._engine, watch, self._on_window, cuts=cuts) as propagation:
            outcomes = propagation.each(self.request.deliver, partial(self._shot.finish, propagation.canvas))
            for frame, outcome in zip(self.request.deliver, outcomes, strict=True):
                self._shot.release(frame)
                self._put(outcome)
        seconds = watch.seconds()
        self._metrics.stages(seconds)
        self.responses.put(
            pb.Summary(
                written=self.tally.written,
                failed=self.tally.failed,
                seconds=self.tally.seconds,
                stage_seconds=seconds,
                warnings=self._shot.warnings,
            )
        )

    def _on_window(self, window: int, share: float) -> None:
        self.estimate.light(window, share)
        self._stage = self.request.plan.describe_window(window, self.request.windows)

    def _put(self, outcome: FinishedFrame | FrameError) -> None:
        self.responses.put(outcome)
        if not isinstance(outcome, FrameError):
            self._shot.hand_over(outcome)
        self.tally.count(failed=isinstance(outcome, FrameError))
        self.estimate.frame()
        self._metrics.frame(failed=isinstance(outcome, FrameError))

    def _discard(self, outcome: Outcome) -> None:
        if isinstance(outcome, FinishedFrame):
            for file in outcome.files:
                self._spool.release(file.path)
