"""The RelightService on the event loop: takes streams, and starts and ends their sessions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any, NoReturn
from urllib.parse import unquote

import grpc
from grpc import aio

from relumix.engines.base import Engine
from relumix.rpc import messages
from relumix.util.stopwatch import Stopwatch
from relumix.util.words import number_of
from relumix.v1 import relight_pb2 as pb
from relumix.v1.relight_pb2_grpc import RelightServiceServicer
from relumix.version import __version__
from relumix_server.admission import Admission
from relumix_server.allowed_paths import AllowedPaths
from relumix_server.connections import Caller, Connections
from relumix_server.frame_receiver import FrameReceiver
from relumix_server.metrics import Metrics
from relumix_server.opening_size import TooMuchNamed, names_more_than
from relumix_server.options import MAX_CHUNK_BYTES, Options
from relumix_server.request import Request, check
from relumix_server.scheduler import EngineThread, ScheduledEngine
from relumix_server.session import Session
from relumix_server.shots import SessionShot
from relumix_server.spool import Spool
from relumix_server.status_errors import Code, StatusError, peer_host
from relumix_server.storage import OpeningChecks
from relumix_server.stream_reader import Context, StreamReader
from relumix_server.stream_writer import StreamWriter
from relumix_server.workers import Workers
from relumix_server.working_memory import WorkingMemory

LONGEST_CLIENT = 80
"""Most letters of a client's own name on the page."""

log = logging.getLogger("relumix_server")


class RelightService(RelightServiceServicer):  # type: ignore[misc]  # generated, without types
    """Serves streams from `open` to `drain`."""

    def __init__(
        self, options: Options, spool: Spool, workers: Workers, device: EngineThread, metrics: Metrics
    ) -> None:
        self._options, self._spool, self._workers = options, spool, workers
        self._device, self._metrics, self._allowed = device, metrics, AllowedPaths(options.root)
        self._engines: Mapping[str, Engine] = {}
        self._admission = Admission(
            options.max_sessions,
            waiting=options.max_waiting,
            waiting_seconds=options.waiting_seconds,
            of_a_client=options.max_client_sessions,
        )
        self.connections = Connections(options.max_host_connections)
        self._memory = WorkingMemory(options.window_memory)
        self.sessions: dict[str, Session] = {}
        self.checks = OpeningChecks()
        self._ending: set[Session] = set()

    def open(self, engines: Mapping[str, Engine]) -> None:
        """Accept streams from now on; the first engine is the default. Without engines, none is accepted."""
        self._engines = engines
        if engines:
            self._admission.open()

    @property
    def ready(self) -> bool:
        """Whether engines are loaded."""
        return self._admission.ready

    @property
    def draining(self) -> bool:
        """Whether it takes no more streams."""
        return self._admission.draining

    @property
    def unused_seconds(self) -> float:
        """How long there has been no session; 0 while there is one."""
        return self._admission.unused_seconds

    async def drain(self, seconds: float) -> None:
        """Accept no more streams; return when running ones have ended, or were cancelled after `seconds`."""
        self._admission.drain()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._admission.idle(), seconds)
        self.give_up("the server stops: go on at another one, or later")

    def give_up(self, why: str) -> None:
        """Accept no more streams, and cancel running ones."""
        self._admission.drain()
        for session in list(self.sessions.values()):
            session.responses.fail(StatusError(Code.UNAVAILABLE, why, 1.0))

    async def rest(self) -> None:
        """Return when no session's thread runs."""
        while self._ending or self.sessions:
            self._ending = {session for session in self._ending if not session.ended}
            await asyncio.sleep(0.02)

    async def GetInfo(self, request: pb.GetInfoRequest, context: Context) -> pb.GetInfoResponse:  # noqa: N802
        """Say what the server is and how busy it is."""
        self.connections.accept(context.peer())
        memory_bytes, spool_bytes = self._spool.used()
        load = pb.Load(
            sessions=self._admission.taken,
            queued_windows=self._device.queued,
            memory_bytes=memory_bytes,
            spool_bytes=spool_bytes,
            draining=self.draining,
        )
        engines = map(_described, self._engines.values())
        limits = _limits(self._options, by_path=bool(self._allowed))
        return pb.GetInfoResponse(version=__version__, engines=engines, limits=limits, load=load)

    async def Relight(self, _: object, context: Context) -> None:  # noqa: N802
        """Relight one shot."""
        with self.connections.stream(context.peer()) as caller:
            await self._relight(context, caller)

    async def _relight(self, context: Context, caller: Caller) -> None:
        status, session = None, ""
        try:
            async with self._admission.slot(self._client(context)):
                reader = StreamReader(context, self._metrics, self._options.idle_seconds, caller)
                session = await self._begin(context, reader)
                writer = StreamWriter(context, self._metrics, self._options.idle_seconds, caller)
                await self._serve(reader, writer, self.sessions[session])
        except StatusError as error:
            status = error
        # Only now that all is freed: a client that does not read would block here.
        if status:
            await self._abort(context, status, session)

    def parsed(self, message: bytes) -> messages.Request | TooMuchNamed:
        """Parse what a client says; a stand-in for an opening that names more than any that could be accepted."""
        piece = messages.request_piece_of(message)
        if piece is not None:
            return piece
        frames, references = self._options.max_frames, self._options.max_references
        # The frames, those to deliver, their keys, and four paths of each; and room for the rest.
        if names_more_than(8 * frames + 2 * references + 1000, message):
            return TooMuchNamed()
        return messages.request_of(message)

    def _client(self, context: Context) -> str:
        """Return what tells clients from each other: the host, and the token where one had to be known."""
        given = [value for key, value in context.invocation_metadata() or () if key == "authorization"]
        token = given[0] if given and self._options.token_file else ""
        return f"{peer_host(context.peer())} {token!r}"

    async def _begin(self, context: Context, reader: StreamReader) -> str:
        """Start a session; returns its id."""
        opening = await reader.opening()
        request = await self.checks.run(partial(check, opening, self._engines, self._options, self._allowed))
        session = self.session(request, self._client(context))
        session.client = _caller(context)
        self.sessions[request.session] = session
        self._metrics.session()
        log.info(
            "session begins: %d of %s with %s",
            len(request.deliver),
            number_of(len(request.frames), "frame"),
            request.engine.name,
            extra={"session": request.session, "peer": context.peer()},
        )
        session.start()
        return request.session

    def session(self, request: Request, client: str) -> Session:
        """Build the session of a client's job."""
        options = self._options
        receiver = FrameReceiver(
            request,
            self._spool,
            max_frame_bytes=options.max_frame_bytes,
            max_frame_pixels=options.max_frame_pixels,
            ahead_bytes=options.ahead_bytes,
        )
        shot = SessionShot(request, receiver, self._workers, self._spool, Stopwatch(), options, self._memory, client)
        engine = ScheduledEngine(
            request.engine, self._device, await_frames=shot.await_frames, on_window=self._metrics.window
        )
        return Session(request, receiver, shot, engine, self._spool, self._metrics)

    async def _serve(self, reader: StreamReader, writer: StreamWriter, session: Session) -> None:
        receiving = asyncio.create_task(reader.feed(session))
        try:
            await writer.send(session)
        finally:
            receiving.cancel()
            self._end(session)

    def _end(self, session: Session) -> None:
        session.cancel()
        self.sessions.pop(session.request.session, None)
        self._ending = {each for each in self._ending if not each.ended} | {session}
        log.info(
            "session ends: %s written, %d failed",
            number_of(session.tally.written, "frame"),
            session.tally.failed,
            extra={"session": session.request.session},
        )

    async def _abort(self, context: Context, status: StatusError, session: str) -> NoReturn:
        log.warning("refused: %s: %s", status.code.name, status, extra={"session": session})
        self._metrics.error(session, status.code.name, str(status))
        await context.abort(status.code, str(status), status.details())
        raise AssertionError("abort raises")


def _caller(context: Context) -> str:
    """Return the caller for people: its own name, and its address, which it cannot fake."""
    said = [value for key, value in context.invocation_metadata() or () if key == messages.CLIENT_KEY]
    name = said[0][:LONGEST_CLIENT] if said and isinstance(said[0], str) else ""
    address = unquote(context.peer().partition(":")[2].rpartition(":")[0])
    return f"{name} ({address})" if name else address


def _described(engine: Engine) -> pb.Engine:
    return pb.Engine(name=engine.name, device=str(getattr(engine, "device", "cpu")), **asdict(engine.windowing))


def _limits(options: Options, *, by_path: bool) -> pb.Limits:
    return pb.Limits(
        max_sessions=options.max_sessions,
        max_frame_bytes=options.max_frame_bytes,
        max_frame_pixels=options.max_frame_pixels,
        max_frames=options.max_frames,
        max_chunk_bytes=MAX_CHUNK_BYTES,
        idle_seconds=options.idle_seconds,
        by_path=by_path,
        cuts=True,
        confidence=True,
        reference_parts=True,
    )


def add_to(server: aio.Server, service: RelightService) -> None:
    """Add the service to a server. The generated function does the same, but copies each chunk more often."""
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Relight": grpc.stream_stream_rpc_method_handler(service.Relight, service.parsed, messages.response_bytes),
        "GetInfo": grpc.unary_unary_rpc_method_handler(
            service.GetInfo, pb.GetInfoRequest.FromString, pb.GetInfoResponse.SerializeToString
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(messages.SERVICE, methods),))
