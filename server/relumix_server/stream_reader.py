"""Reads the messages of a stream, and passes them to its session."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from grpc import aio

from relumix.rpc import messages
from relumix.rpc.messages import Piece
from relumix.v1 import relight_pb2 as pb
from relumix_server.connections import Caller
from relumix_server.metrics import Metrics
from relumix_server.opening_size import TooMuchNamed
from relumix_server.session import Session
from relumix_server.status_errors import Code, StatusError

TICK_SECONDS = 0.5
"""How often a silent stream is checked."""

LEAST_BYTES = 64 << 10
"""Least bytes that a client must send in `idle_seconds` while the session waits for it."""

Context = Any
"""A grpc.aio.ServicerContext of Relight; its own types are too narrow to be of use."""

log = logging.getLogger("relumix_server")


class StreamReader:
    """Reads one stream. idle_seconds: how long a client may be silent while the session waits for it."""

    def __init__(self, context: Context, metrics: Metrics, idle_seconds: float, caller: Caller) -> None:
        self._context, self._metrics, self._idle_seconds, self._caller = context, metrics, idle_seconds, caller

    async def opening(self) -> pb.Open:
        """Return the first message. Raises StatusError where it is another."""
        began = time.monotonic()
        first = await self._read(lambda: began)
        if isinstance(first, TooMuchNamed):
            raise StatusError(
                Code.RESOURCE_EXHAUSTED, "the opening names more frames, or options, than this server takes of a shot"
            )
        if first is aio.EOF or messages.kind(first) != "open":
            got = "nothing" if first is aio.EOF else messages.kind(first) or "nothing known"
            raise StatusError(Code.INVALID_ARGUMENT, f"the first message is {got}: expected open")
        opening: pb.Open = first.open
        return opening

    async def feed(self, session: Session) -> None:
        """Pass messages to a session until the client has closed; a bad one ends the stream."""
        try:
            await self._feed(session)
        except Exception as error:
            _fail(session, error)
        finally:
            session.closed.set()

    async def _feed(self, session: Session) -> None:
        receiver, loop, progress = session.receiver, asyncio.get_running_loop(), _Progress()
        keeping: asyncio.Future[None] | None = None
        while not receiver.closed:
            await _wait_until_readable(session)
            message = await self._read(lambda: progress.stalled_since(session))
            if keeping:
                await keeping
            since = progress.stalled_since(session)  # A client that drips bytes is never silent: count them too.
            if since is not None and time.monotonic() - since > self._idle_seconds:
                raise self._stalled("too little")
            if message is aio.EOF:
                await asyncio.sleep(TICK_SECONDS)  # A cancelled call looks the same, and cancels this task meanwhile.
                raise StatusError(
                    Code.INVALID_ARGUMENT, "the stream ended without close: expected close as the last message"
                )
            if isinstance(message, Piece):
                # Written while the next one is read.
                keeping = loop.run_in_executor(None, self._keep, session, message)
            else:
                _take(session, message)
        session.closed.set()
        if await self._read(None) is not aio.EOF:
            raise StatusError(Code.INVALID_ARGUMENT, "a message came after close: expected nothing more")

    def _stalled(self, what: str) -> StatusError:
        text = f"{what} came from the client for {self._idle_seconds:g} s, and it is waited for"
        return StatusError(Code.DEADLINE_EXCEEDED, text)

    def _keep(self, session: Session, piece: Piece) -> None:
        try:
            self._metrics.received(session.receiver.piece(piece))
        except Exception as error:
            _fail(session, error)

    async def _read(self, stalled_since: Callable[[], float | None] | None) -> Any:
        """Return the next message, or aio.EOF. Raises StatusError after too long.

        stalled_since  returns when the client began to keep the session waiting; None: no limit.
        """
        reading = asyncio.ensure_future(self._context.read())
        reading.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # Its exception may come after we have gone: retrieve it.
        limit = self._idle_seconds
        try:
            while True:
                await asyncio.wait({reading}, timeout=min(TICK_SECONDS, limit / 4))
                if reading.done():
                    self._caller.took(_size(reading.result()))
                    return reading.result()
                since = stalled_since() if stalled_since else None
                if since is not None and time.monotonic() - since > limit:
                    raise self._stalled("nothing")
        finally:
            if not reading.done():
                reading.cancel()


def _size(message: Any) -> int:
    """Return how many bytes a message has, but for a few."""
    if isinstance(message, Piece):
        return len(message.data) + message.head.ByteSize()
    return message.ByteSize() if isinstance(message, pb.RelightRequest) else 0


class _Progress:
    """Tells whether a client that the session waits for makes progress; a byte now and then is none."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._bytes = 0

    def stalled_since(self, session: Session) -> float | None:
        """Return since when it has sent next to nothing; None while nothing waits for it."""
        waited_since = session.idle_since or session.receiver.waiting_since()
        received = session.receiver.received_bytes
        if waited_since is None:
            self._since = None
        elif self._since is None or received - self._bytes >= LEAST_BYTES:
            self._since, self._bytes = time.monotonic(), received
        return None if self._since is None or waited_since is None else max(waited_since, self._since)


async def _wait_until_readable(session: Session) -> None:
    """Return when the session can take the next message."""
    while not (session.receiver.may_read() or session.ended):
        session.can_read.clear()
        if session.receiver.may_read():
            return
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(session.can_read.wait(), TICK_SECONDS)


def _take(session: Session, message: pb.RelightRequest | TooMuchNamed) -> None:
    if isinstance(message, TooMuchNamed) or message.WhichOneof("message") == "open":
        raise StatusError(Code.INVALID_ARGUMENT, "the stream was opened twice: expected one open, as the first message")
    kind = message.WhichOneof("message")
    if kind == "absent":
        session.receiver.absent(message.absent)
    elif kind == "close":
        session.receiver.close()
    else:
        raise StatusError(
            Code.INVALID_ARGUMENT, "a message holds nothing that this server knows: expected chunk or close"
        )


def _fail(session: Session, error: Exception) -> None:
    """End a stream with the error of one of its messages."""
    if not isinstance(error, StatusError):
        log.error("a message could not be taken", exc_info=error, extra={"session": session.request.session})
        error = StatusError(Code.INTERNAL, f"the server failed at a message: {type(error).__name__}")
    session.responses.fail(error)
