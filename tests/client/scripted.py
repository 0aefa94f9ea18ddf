"""A server that follows the contract but makes no light: it sends each frame back as it came, or breaks off on cue."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import google_crc32c
import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from relumix.engines.base import Windowing
from relumix.pipeline.windows import plan
from relumix.v1 import relight_pb2 as pb
from relumix.v1.relight_pb2_grpc import RelightServiceServicer, add_RelightServiceServicer_to_server
from relumix.version import __version__

Script = Callable[["Scripted", int, int, grpc.ServicerContext], None]
"""Called before a frame is sent, with the number of the session and of the frame; may abort."""

WINDOW, OVERLAP = 4, 1


class Scripted(RelightServiceServicer):
    """The servicer. It remembers the openings, and what was sent for each session: (frame, role)."""

    def __init__(self, script: Script | None = None, version: str = "1", *, confidence: bool = True) -> None:
        self.openings: list[pb.Open] = []
        self.sent: list[list[tuple[int, int]]] = []
        self.absent: list[pb.FrameAbsent] = []
        self.metadata: list[dict[str, Any]] = []
        self.version, self.port, self._script = version, 0, script
        self.damaged: set[int] = set()
        self.confidence = confidence

    def GetInfo(  # noqa: N802  the name of the contract
        self, request: pb.GetInfoRequest, context: grpc.ServicerContext
    ) -> pb.GetInfoResponse:
        self.metadata.append(dict(context.invocation_metadata()))
        engine = pb.Engine(name="flow", version=self.version, window=WINDOW, overlap=OVERLAP, tracks=False)
        return pb.GetInfoResponse(
            version=__version__,
            engines=[engine],
            limits=pb.Limits(max_sessions=4, max_chunk_bytes=1000, confidence=self.confidence),
        )

    def Relight(  # noqa: N802
        self, requests: Iterator[pb.RelightRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.RelightResponse]:
        number = len(self.openings)
        opening = next(requests).open
        self.openings.append(opening)
        self.sent.append([])
        planned = plan(list(opening.frames), list(opening.references), Windowing("1", WINDOW, OVERLAP, tracks=False))
        wanted = {*opening.references, *(f for frame in opening.deliver for f in planned.inputs(frame))}
        yield pb.RelightResponse(accepted=pb.Accepted(session_id="1", sources=sorted(wanted)))
        files, errors = self._take(requests, number)
        for frame in opening.deliver:
            if self._script:
                self._script(self, number, frame, context)
            if frame in errors:
                yield pb.RelightResponse(error=pb.FrameError(frame=frame, code=5, message=errors[frame]))
                continue
            yield from _chunks(frame, pb.ROLE_RESULT, files[frame], damaged=frame in self.damaged)
            if opening.gains:
                yield from _chunks(frame, pb.ROLE_GAIN, b"gain of " + str(frame).encode())
            if opening.confidence:
                yield from _chunks(frame, pb.ROLE_CONFIDENCE, b"confidence of " + str(frame).encode())
            yield pb.RelightResponse(done=pb.FrameDone(frame=frame, nonfinite_pixels=frame % 3))
        yield pb.RelightResponse(summary=pb.Summary(stage_seconds={"engine": 0.5}))

    def _take(self, requests: Iterator[pb.RelightRequest], number: int) -> tuple[dict[int, bytes], dict[int, str]]:
        files: dict[int, bytes] = {}
        errors: dict[int, str] = {}
        for request in requests:
            kind = request.WhichOneof("message")
            if kind == "close":
                break
            if kind == "absent":
                self.absent.append(request.absent)
                errors[request.absent.frame] = request.absent.message
                continue
            chunk = request.chunk
            if chunk.offset == 0:
                self.sent[number].append((chunk.frame, chunk.role))
            if chunk.role == pb.ROLE_SOURCE:
                files[chunk.frame] = files.get(chunk.frame, b"") + chunk.data
                assert len(files[chunk.frame]) == chunk.offset + len(chunk.data)
        return files, errors


def _chunks(frame: int, role: int, data: bytes, damaged: bool = False) -> Iterator[pb.RelightResponse]:
    for offset in range(0, len(data), 700):
        piece = data[offset : offset + 700]
        yield pb.RelightResponse(
            chunk=pb.FrameChunk(
                frame=frame,
                role=role,
                offset=offset,
                total_bytes=len(data),
                data=piece,
                crc32c=google_crc32c.value(piece) ^ damaged,
            )
        )


@contextmanager
def serving(script: Script | None = None, version: str = "1", *, confidence: bool = True) -> Iterator[Scripted]:
    """Serve on a free port of this machine; the servicer knows its port."""
    server = grpc.server(ThreadPoolExecutor(4))
    servicer = Scripted(script, version, confidence=confidence)
    add_RelightServiceServicer_to_server(servicer, server)
    servicer.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield servicer
    finally:
        server.stop(None).wait()


def address(*servicers: Scripted) -> str:
    return ",".join(f"127.0.0.1:{servicer.port}" for servicer in servicers)


def once(code: grpc.StatusCode, details: str, *, at: int, retry_seconds: float | None = None) -> Script:
    """A script that aborts the first session that comes to a frame, with a RetryInfo where wanted."""
    fired = threading.Event()

    def script(servicer: Scripted, number: int, frame: int, context: grpc.ServicerContext) -> None:
        if frame == at and not fired.is_set():
            fired.set()
            abort(context, code, details, retry_seconds)

    return script


def always(code: grpc.StatusCode, details: str, retry_seconds: float | None = None) -> Script:
    """A script that aborts every session before its first frame."""
    return lambda servicer, number, frame, context: abort(context, code, details, retry_seconds)


def abort(context: grpc.ServicerContext, code: grpc.StatusCode, details: str, retry_seconds: float | None) -> None:
    if retry_seconds is not None:
        packed = AnyMessage()
        packed.Pack(RetryInfo(retry_delay=Duration(nanos=int(retry_seconds * 1e9))))
        status = Status(code=code.value[0], message=details, details=[packed])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, details)


def damage_once(servicer: Scripted, number: int, frame: int, context: grpc.ServicerContext) -> None:
    """A script that damages frame 5 of the first session."""
    servicer.damaged = {5} if number == 0 else set()
