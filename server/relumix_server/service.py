"""The RelightService on the event loop: admits streams, feeds sessions, and sends what they make."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import grpc
from google.rpc import code_pb2
from grpc import aio

from relumix.engines.base import Engine
from relumix.errors import FrameError
from relumix.rpc import messages
from relumix.rpc.messages import Piece, crc32c
from relumix.util.stopwatch import Stopwatch
from relumix.v1 import relight_pb2 as pb
from relumix.v1.relight_pb2_grpc import RelightServiceServicer
from relumix.version import __version__
from relumix_server.allowed_paths import Roots
from relumix_server.frame_receiver import Intake
from relumix_server.metrics import Metrics
from relumix_server.options import MAX_CHUNK_BYTES, Options
from relumix_server.request import Request, check
from relumix_server.scheduler import Device, Turns
from relumix_server.session import Session
from relumix_server.shots import Made, SessionShot
from relumix_server.spool import Spool
from relumix_server.status_errors import Code, RefusedError, code_of
from relumix_server.worker_tasks import Shape
from relumix_server.workers import Workers

SENT_BYTES = 2 << 20
"""Payload of one message with a piece of a result: clients in other languages take 4 MiB if not told otherwise."""

BUSY_RETRY_SECONDS = 5.0
WARM_RETRY_SECONDS = 2.0
TICK_SECONDS = 0.5
"""How often a stream that is silent is looked at."""

KINDS = {"half": pb.PIXEL_TYPE_HALF, "float": pb.PIXEL_TYPE_FLOAT}

log = logging.getLogger("relumix_server")

Context = Any
"""A grpc.aio.ServicerContext of Relight; its own types are too narrow to be of use."""


class RelightService(RelightServiceServicer):  # type: ignore[misc]  # generated, without types
    """Serves streams once engines are there (`open`), until it drains."""

    def __init__(self, options: Options, spool: Spool, workers: Workers, device: Device, metrics: Metrics) -> None:
        self._options, self._spool, self._workers = options, spool, workers
        self._device, self._metrics, self._roots = device, metrics, Roots(options.root)
        self._engines: Mapping[str, Engine] = {}
        self._places, self._draining = 0, False
        self._idle = asyncio.Event()
        self._idle.set()
        self._unused_since: float | None = time.monotonic()
        self.sessions: dict[str, Session] = {}
        self._ending: set[Session] = set()

    def open(self, engines: Mapping[str, Engine]) -> None:
        """Take streams from now on; the first engine is the default."""
        self._engines, self._unused_since = engines, time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether engines are there."""
        return bool(self._engines)

    @property
    def draining(self) -> bool:
        """Whether it takes no more streams."""
        return self._draining

    @property
    def unused_seconds(self) -> float:
        """How long there has been no session; 0 while there is one."""
        return 0.0 if self._unused_since is None else time.monotonic() - self._unused_since

    async def drain(self, seconds: float) -> None:
        """Take no more streams; return when those that run have ended, or were ended after some seconds."""
        self._draining = True
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)
        self.give_up("the server stops: go on at another one, or later")

    def give_up(self, why: str) -> None:
        """Take no more streams, and end those that run."""
        self._draining = True
        for session in list(self.sessions.values()):
            session.outbox.fail(RefusedError(Code.UNAVAILABLE, why, 1.0))

    async def rest(self) -> None:
        """Return when no thread of a session works any more."""
        while self._ending or self.sessions:
            self._ending = {session for session in self._ending if not session.ended}
            await asyncio.sleep(0.02)

    # The calls.

    async def GetInfo(self, request: pb.GetInfoRequest, context: Context) -> pb.GetInfoResponse:  # noqa: N802
        """Say what the server is and how busy it is."""
        options, (memory_bytes, spool_bytes) = self._options, self._spool.used()
        engines = [
            pb.Engine(
                name=engine.name,
                version=engine.version,
                device=str(getattr(engine, "device", "cpu")),
                window=engine.window,
                overlap=engine.overlap,
                tracks=engine.tracks,
                chained=engine.chained,
            )
            for engine in self._engines.values()
        ]
        limits = pb.Limits(
            max_sessions=options.max_sessions,
            max_frame_bytes=options.max_frame_bytes,
            max_frame_pixels=options.max_frame_pixels,
            max_frames=options.max_frames,
            max_chunk_bytes=MAX_CHUNK_BYTES,
            idle_seconds=options.idle_seconds,
            by_path=bool(self._roots),
        )
        load = pb.Load(
            sessions=self._places,
            queued_windows=self._device.queued,
            memory_bytes=memory_bytes,
            spool_bytes=spool_bytes,
            draining=self._draining,
        )
        return pb.GetInfoResponse(version=__version__, engines=engines, limits=limits, load=load)

    async def Relight(self, _: object, context: Context) -> None:  # noqa: N802
        """Relight one shot."""
        refusal, session = None, ""
        try:
            with self._place():
                session = await self._begin(context)
                await self._serve(context, self.sessions[session])
        except RefusedError as error:
            refusal = error
        # Only now that all is free: a client that does not read does not take its status either.
        if refusal:
            await self._abort(context, refusal, session)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Hold one of the places. Raises RefusedError where there is none."""
        self._admit()
        self._places += 1
        self._idle.clear()
        self._unused_since = None
        try:
            yield
        finally:
            self._places -= 1
            if not self._places:
                self._idle.set()
                self._unused_since = time.monotonic()

    def _admit(self) -> None:
        """Raise RefusedError where there is no place."""
        if self._draining:
            raise RefusedError(Code.UNAVAILABLE, "the server stops: go on at another one, or later", BUSY_RETRY_SECONDS)
        if not self._engines:
            raise RefusedError(Code.UNAVAILABLE, "the server is not ready yet: its engine loads", WARM_RETRY_SECONDS)
        if self._places >= self._options.max_sessions:
            raise RefusedError(
                Code.RESOURCE_EXHAUSTED,
                f"all {self._options.max_sessions} places of this server are taken: try again later",
                BUSY_RETRY_SECONDS,
            )

    async def _serve(self, context: Context, session: Session) -> None:
        receiving = asyncio.create_task(self._receive(context, session))
        try:
            await self._send(context, session)
        finally:
            receiving.cancel()
            self._end(session)

    async def _begin(self, context: Context) -> str:
        """Start a session; returns its id."""
        first = await self._read(context, lambda: 0.0)
        if first is aio.EOF or messages.kind(first) != "open":
            got = "nothing" if first is aio.EOF else messages.kind(first) or "nothing known"
            raise RefusedError(Code.INVALID_ARGUMENT, f"the first message is {got}: expected open")
        request = await asyncio.to_thread(check, first.open, self._engines, self._options, self._roots)
        session = self.session(request)
        self.sessions[request.session] = session
        self._metrics.session()
        log.info(
            "session begins: %d of %d frames with %s",
            len(request.deliver),
            len(request.frames),
            request.engine.name,
            extra={"session": request.session, "peer": context.peer()},
        )
        session.start()
        return request.session

    def session(self, request: Request) -> Session:
        """Make what does a job."""
        options = self._options
        intake = Intake(
            request,
            self._spool,
            max_frame_bytes=options.max_frame_bytes,
            max_frame_pixels=options.max_frame_pixels,
            ahead_bytes=options.ahead_bytes,
        )
        shot = SessionShot(request, intake, self._workers, self._spool, Stopwatch(), options.max_frame_pixels)
        turns = Turns(request.engine, self._device, await_frames=shot.await_frames, on_window=self._metrics.window)
        return Session(request, intake, shot, turns, self._spool, self._metrics)

    def _end(self, session: Session) -> None:
        session.cancel()
        self.sessions.pop(session.request.session, None)
        self._ending = {each for each in self._ending if not each.ended} | {session}
        log.info(
            "session ends: %d frames written, %d failed",
            session.counts.written,
            session.counts.failed,
            extra={"session": session.request.session},
        )

    # The way in.

    async def _receive(self, context: Context, session: Session) -> None:
        """Feed the session until the client has closed."""
        try:
            await self._feed(context, session)
        except Exception as error:
            self._fail(session, error)
        finally:
            session.closed.set()

    async def _feed(self, context: Context, session: Session) -> None:
        intake, keeping = session.intake, asyncio.ensure_future(asyncio.sleep(0))
        while not intake.closed:
            await self._room(session)
            message = await self._read(context, lambda: self._silent_since(session))
            await keeping
            if message is aio.EOF:
                await asyncio.sleep(TICK_SECONDS)  # A call that was cancelled looks the same, and ends us meanwhile.
                raise RefusedError(
                    Code.INVALID_ARGUMENT, "the stream ended without close: expected close as the last message"
                )
            if isinstance(message, Piece):
                keeping = asyncio.ensure_future(self._keep(session, message))  # The next one comes meanwhile.
            else:
                self._take(intake, message)
        session.closed.set()
        if await self._read(context, None) is not aio.EOF:
            raise RefusedError(Code.INVALID_ARGUMENT, "a message came after close: expected nothing more")

    async def _keep(self, session: Session, piece: Piece) -> None:
        try:
            self._metrics.received(await asyncio.to_thread(session.intake.piece, piece))
        except Exception as error:
            self._fail(session, error)

    def _fail(self, session: Session, error: Exception) -> None:
        """Let a stream end with what is wrong with one of its messages."""
        if not isinstance(error, RefusedError):
            log.error("a message could not be taken", exc_info=error, extra={"session": session.request.session})
            error = RefusedError(Code.INTERNAL, f"the server failed at a message: {type(error).__name__}")
        session.outbox.fail(error)

    async def _room(self, session: Session) -> None:
        """Return when the next message is wanted."""
        while not (session.intake.may_read() or session.ended):
            session.room.clear()
            if session.intake.may_read():
                return
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(session.room.wait(), TICK_SECONDS)

    def _take(self, intake: Intake, message: pb.RelightRequest) -> None:
        kind = message.WhichOneof("message")
        if kind == "absent":
            intake.absent(message.absent)
        elif kind == "close":
            intake.close()
        elif kind == "open":
            raise RefusedError(
                Code.INVALID_ARGUMENT, "the stream was opened twice: expected one open, as the first message"
            )
        else:
            raise RefusedError(
                Code.INVALID_ARGUMENT, "a message holds nothing that this server knows: expected chunk or close"
            )

    def _silent_since(self, session: Session) -> float | None:
        """Return since when the client is waited for, None where it is not."""
        return session.idle_since or session.intake.waiting_since()

    async def _read(self, context: Context, silent_since: Any) -> Any:
        """Return the next message, or aio.EOF. Raises RefusedError where the client is waited for in vain.

        silent_since  tells since when it is waited for; None where it may take its time.
        """
        began, reading = time.monotonic(), asyncio.ensure_future(context.read())
        reading.add_done_callback(lambda done: done.cancelled() or done.exception())  # It may end after we do.
        limit = self._options.idle_seconds
        try:
            while True:
                await asyncio.wait({reading}, timeout=min(TICK_SECONDS, limit / 4))
                if reading.done():
                    return reading.result()
                since = silent_since() if silent_since else None
                if since is not None and time.monotonic() - max(began, since) > limit:
                    raise RefusedError(
                        Code.DEADLINE_EXCEEDED, f"nothing came from the client for {limit:g} s, and it is waited for"
                    )
        finally:
            if not reading.done():
                reading.cancel()

    # The way out.

    async def _send(self, context: Context, session: Session) -> None:
        request = session.request
        await self._write(context, pb.RelightResponse(accepted=request.accepted(__version__)))
        done = 0
        while True:
            outcome = await session.outbox.get()
            if isinstance(outcome, pb.Summary):
                await session.closed.wait()
                session.outbox.check()
                await self._write(context, pb.RelightResponse(summary=outcome))
                return
            if isinstance(outcome, FrameError):
                await self._send_error(context, session, outcome)
            else:
                await self._send_frame(context, outcome)
            done += 1
            progress = pb.Progress(done=done, total=len(request.deliver))
            await self._write(context, pb.RelightResponse(progress=progress))

    async def _send_error(self, context: Context, session: Session, error: FrameError) -> None:
        code = code_of(error)
        name, told = code_pb2.Code.Name(code), {"session": session.request.session, "frame": error.frame}
        log.warning("%s", error, extra=told)
        self._metrics.frame_error(session.request.session, name, str(error))
        failed = pb.FrameError(frame=error.frame, code=code, message=str(error))
        await self._write(context, pb.RelightResponse(error=failed))

    async def _send_frame(self, context: Context, made: Made) -> None:
        try:
            for role, path, shape in (
                (pb.ROLE_RESULT, made.result, made.shape),
                (pb.ROLE_GAIN, made.gain, made.gain_shape),
            ):
                if path:
                    await self._send_file(context, made.frame, role, path, shape)
        finally:
            self._spool.release(made.result)
            self._spool.release(made.gain)
        done = pb.FrameDone(frame=made.frame, nonfinite_pixels=made.nonfinite_pixels)
        await self._write(context, pb.RelightResponse(done=done))

    async def _send_file(self, context: Context, frame: int, role: pb.Role, path: Path, shape: Shape | None) -> None:
        total, writing = path.stat().st_size, asyncio.sleep(0)
        with path.open("rb") as file:
            for offset in range(0, total, SENT_BYTES):
                head = pb.FrameChunk(frame=frame, role=role, offset=offset, total_bytes=total)
                if shape and not offset:
                    head.raw.CopyFrom(
                        pb.RawPlanes(
                            width=shape.width, height=shape.height, channels=shape.channels, type=KINDS[shape.kind]
                        )
                    )
                # A piece is read while the one before it is written.
                _, piece = await asyncio.gather(writing, asyncio.to_thread(_read, file, head))
                writing = self._write_piece(context, piece)
            await writing

    async def _write_piece(self, context: Context, piece: Piece) -> None:
        await self._write(context, piece)
        self._metrics.sent(len(piece.data))

    async def _write(self, context: Context, message: pb.RelightResponse | Piece) -> None:
        """Write a message. Raises RefusedError where the client does not read."""
        try:
            await asyncio.wait_for(context.write(message), self._options.idle_seconds)
        except asyncio.TimeoutError:
            raise RefusedError(
                Code.DEADLINE_EXCEEDED, f"the client took no result for {self._options.idle_seconds:g} s"
            ) from None

    async def _abort(self, context: Context, refusal: RefusedError, session: str) -> NoReturn:
        log.warning("refused: %s: %s", refusal.code.name, refusal, extra={"session": session})
        self._metrics.error(session, refusal.code.name, str(refusal))
        await context.abort(refusal.code, str(refusal), refusal.details())
        raise AssertionError("abort raises")


def _read(file: BinaryIO, head: pb.FrameChunk) -> Piece:
    """Read the piece that a file goes on with."""
    data = file.read(SENT_BYTES)
    head.crc32c = crc32c(data)
    return Piece(head, data)


def add_to(server: aio.Server, service: RelightService) -> None:
    """Let a server serve it. What protobuf generates does the same, but copies each chunk more often."""
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Relight": grpc.stream_stream_rpc_method_handler(service.Relight, messages.request_of, messages.response_bytes),
        "GetInfo": grpc.unary_unary_rpc_method_handler(
            service.GetInfo, pb.GetInfoRequest.FromString, pb.GetInfoResponse.SerializeToString
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(messages.SERVICE, methods),))
