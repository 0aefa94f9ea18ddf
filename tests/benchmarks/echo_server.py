"""A server that sends every frame back as it came: what is left of the service when nothing is relit.

    python tests/benchmarks/echo_server.py [BYTES]   memory budget
    python tests/benchmarks/echo_server.py sink      one byte comes back in place of each frame
    python tests/benchmarks/echo_server.py plain     gRPC alone

It takes streams, checks, spools and sends as ever; no frame is decoded.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import grpc
from grpc import aio

from relumix.v1 import relight_pb2 as pb
from relumix_server.memory import keep_freed_memory
from relumix_server.options import GIB, Options
from relumix_server.request import Request
from relumix_server.serve import GRPC_OPTIONS, ready_line, serve
from relumix_server.service import RelightService
from relumix_server.session import Session
from relumix_server.shots import FinishedFrame, MadeFile

ECHO = "/echo/Echo"
"""The method of the plain server."""


class EchoSession(Session):
    """Sends sources back."""

    def _work(self) -> None:
        for frame in self.request.deliver:
            path = self.receiver.wait(pb.ROLE_SOURCE, frame).path
            assert path is not None
            back = self._spool.new_file(path.suffix, path.stat().st_size)
            self._answer(path, back)
            self.receiver.release(pb.ROLE_SOURCE, frame)
            self._put(FinishedFrame(frame, 0, (MadeFile(pb.ROLE_RESULT, back),)))
        self.responses.put(pb.Summary(written=self.tally.written))

    def _answer(self, path: Path, back: Path) -> None:
        os.link(path, back)


class SinkSession(EchoSession):
    """Takes sources, and sends next to nothing."""

    def _answer(self, path: Path, back: Path) -> None:
        back.write_bytes(b"x")


class EchoService(RelightService):
    """Serves EchoSessions."""

    kind: type[EchoSession] = EchoSession

    def session(self, request: Request, client: str) -> Session:
        """Make what does a job."""
        made = super().session(request, client)
        made.__class__ = self.kind
        return made


class SinkService(EchoService):
    """Serves SinkSessions."""

    kind = SinkSession


async def plain() -> None:
    """Serve without the service: bytes come back as they came."""

    async def echo(_: object, context: Any) -> None:
        while (message := await context.read()) is not aio.EOF:
            await context.write(message)

    _, service, method = ECHO.split("/")
    handlers = {method: grpc.stream_stream_rpc_method_handler(echo)}
    server = aio.server(options=GRPC_OPTIONS)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    ready_line(f"127.0.0.1:{port}")
    await server.wait_for_termination()


def main() -> None:
    """Serve until ended."""
    if sys.argv[1:] == ["plain"]:
        keep_freed_memory()
        asyncio.run(plain())
    sink = sys.argv[1:] == ["sink"]
    budget = int(sys.argv[1]) if sys.argv[1:] and not sink else 4 * GIB
    options = Options(listen="127.0.0.1:0", metrics=None, workers=1, memory_budget=budget)
    serve(options, ready_line, SinkService if sink else EchoService)


if __name__ == "__main__":
    main()
