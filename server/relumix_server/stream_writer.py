"""Writes a session's results as messages of its stream."""

from __future__ import annotations

import asyncio
import logging
from typing import BinaryIO

from google.rpc import code_pb2

from relumix.errors import FrameError
from relumix.rpc.messages import Piece, crc32c, response_bytes
from relumix.v1 import relight_pb2 as pb
from relumix.version import __version__
from relumix_server.connections import Caller
from relumix_server.frame_files import PlaneShape
from relumix_server.metrics import Metrics
from relumix_server.session import Session
from relumix_server.shots import FinishedFrame, MadeFile
from relumix_server.status_errors import Code, StatusError, code_of
from relumix_server.stream_reader import Context

SENT_BYTES = 2 << 20
"""Payload of one message with a piece of a result: clients in other languages take 4 MiB if not told otherwise."""

PIXEL_TYPES = {"half": pb.PIXEL_TYPE_HALF, "float": pb.PIXEL_TYPE_FLOAT}

log = logging.getLogger("relumix_server")


class StreamWriter:
    """Writes one stream. idle_seconds: how long a client may read nothing."""

    def __init__(self, context: Context, metrics: Metrics, idle_seconds: float, caller: Caller) -> None:
        self._context, self._metrics, self._idle_seconds, self._caller = context, metrics, idle_seconds, caller

    async def send(self, session: Session) -> None:
        """Send a session's results, up to its summary. Raises StatusError where it fails."""
        request = session.request
        # Not here: it is as long as the plan.
        accepted = await asyncio.to_thread(request.accepted, __version__)
        await self._write(pb.RelightResponse(accepted=accepted))
        done = 0
        while True:
            outcome = await session.responses.get()
            if isinstance(outcome, pb.Summary):
                await session.closed.wait()
                session.responses.check()
                await self._write(pb.RelightResponse(summary=outcome))
                return
            if isinstance(outcome, FrameError):
                await self._send_error(request.session, outcome)
            else:
                await self._send_frame(session, outcome)
            done += 1
            await self._write(pb.RelightResponse(progress=pb.Progress(done=done, total=len(request.deliver))))

    async def _send_error(self, session: str, error: FrameError) -> None:
        code = code_of(error)
        log.warning("%s", error, extra={"session": session, "frame": error.frame})
        self._metrics.frame_error(session, code_pb2.Code.Name(code), str(error))
        failed = pb.FrameError(frame=error.frame, code=code, message=str(error))
        await self._write(pb.RelightResponse(error=failed))

    async def _send_frame(self, session: Session, made: FinishedFrame) -> None:
        try:
            for file in made.files:
                await self._send_file(made.frame, file)
        finally:
            for file in made.files:
                session.receiver.recycle(file.path)
        done = pb.FrameDone(frame=made.frame, nonfinite_pixels=made.nonfinite_pixels, matte=made.matte)
        await self._write(pb.RelightResponse(done=done))

    async def _send_file(self, frame: int, made: MadeFile) -> None:
        loop, total = asyncio.get_running_loop(), made.path.stat().st_size
        with made.path.open("rb") as file:

            def read(offset: int) -> asyncio.Future[bytes]:
                head = pb.FrameChunk(frame=frame, role=made.role, offset=offset, total_bytes=total)
                if made.shape and not offset:
                    head.raw.CopyFrom(_planes(made.shape))
                return loop.run_in_executor(None, _read, file, head)

            reading = read(0)
            try:
                for end in range(SENT_BYTES, total + SENT_BYTES, SENT_BYTES):
                    message = await reading
                    if end < total:
                        reading = read(end)  # A piece is read while the one before it is written.
                    await self._write(message)
                    self._metrics.sent(min(SENT_BYTES, total - end + SENT_BYTES))
            finally:
                reading.cancel()

    async def _write(self, message: pb.RelightResponse | bytes) -> None:
        """Write a message. Raises StatusError where the client does not read."""
        self._caller.gave(len(message) if isinstance(message, bytes) else message.ByteSize())
        try:
            await asyncio.wait_for(self._context.write(message), self._idle_seconds)
        except asyncio.TimeoutError:
            raise StatusError(
                Code.DEADLINE_EXCEEDED, f"the client took no result for {self._idle_seconds:g} s"
            ) from None


def _planes(shape: PlaneShape) -> pb.RawPlanes:
    return pb.RawPlanes(width=shape.width, height=shape.height, channels=shape.channels, type=PIXEL_TYPES[shape.kind])


def _read(file: BinaryIO, head: pb.FrameChunk) -> bytes:
    """Read the next piece of a file; returns its message."""
    data = file.read(SENT_BYTES)
    head.crc32c = crc32c(data)
    return response_bytes(Piece(head, data))
