"""The service with engines that real servers do not have: none yet, and broken ones."""

import asyncio
import logging
from types import SimpleNamespace

import grpc
import pytest
from grpc import aio

from relumix.engines.registry import load_engine
from relumix.rpc import messages
from relumix.v1 import relight_pb2 as pb
from relumix.v1.relight_pb2_grpc import RelightServiceStub
from relumix_server.allowed_paths import AllowedPaths
from relumix_server.metrics import Metrics
from relumix_server.options import Options
from relumix_server.request import check
from relumix_server.scheduler import EngineThread
from relumix_server.service import RelightService, add_to
from relumix_server.shots import SessionShot
from relumix_server.spool import Spool
from relumix_server.status_errors import SessionCancelledError
from relumix_server.workers import Workers
from tests.server.harness import opening, retry_of


class Broken:
    """The flow engine, at the moment when it breaks."""

    def __init__(self):
        self.name, self.windowing = "flow", load_engine("flow").windowing

    def start(self):
        return self

    def propagate(self, frames, references, keyframe_paths):
        raise RuntimeError("the\ncard fell off the bus")


@pytest.fixture
def parts(tmp_path):
    spool = Spool(1 << 30, str(tmp_path))
    workers = Workers(1, memory_bytes=1 << 31, seconds=20)
    device = EngineThread()
    yield Options(), spool, workers, device, Metrics()
    workers.close()
    device.close()
    spool.close()


def refused(parts, engines, said):
    """How a stream ends on a service with those engines."""

    async def talk():
        service, server = RelightService(*parts), aio.server()
        service.open(engines)
        add_to(server, service)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            try:
                async for _ in RelightServiceStub(channel).Relight(iter(said), timeout=60):
                    pass
            except aio.AioRpcError as error:
                return error
            finally:
                await server.stop(1)
                await asyncio.wait_for(service.rest(), 20)
        raise AssertionError("the stream was not refused")

    return asyncio.run(talk())


def test_a_server_that_is_not_ready(parts):
    error = refused(parts, {}, [opening()])
    assert (error.code(), error.details()) == (
        grpc.StatusCode.UNAVAILABLE,
        "the server is not ready yet: its engine loads",
    )
    assert retry_of(error) == 2.0


def test_an_engine_that_breaks_ends_the_stream_and_nothing_else(parts, disk):
    error = refused(parts, {"flow": Broken()}, list(disk.said()))
    assert (error.code(), error.details()) == (
        grpc.StatusCode.INTERNAL,
        "the server failed at this job: RuntimeError: the card fell off the bus",
    )
    spool, device = parts[1], parts[3]
    assert spool.used() == (0, 0)
    assert device.queued == 0


def test_a_file_that_goes_with_its_session_is_no_fault(parts, disk, monkeypatch, caplog):
    """A session may be cancelled between the arrival of a frame and the first look at its file."""
    found, engines = SessionShot._files, {"flow": load_engine("flow")}

    def cancelled_after(self, frame, **kinds):
        files = found(self, frame, **kinds)
        if "mask" in kinds:  # It is about to be relit.
            self._receiver.end(SessionCancelledError())
        return files

    async def work():
        said = [messages.request_of(message.SerializeToString()) for message in disk.said()]
        session = RelightService(*parts).session(check(said[0].open, engines, Options(), AllowedPaths(())), "")
        for piece in said[1:-1]:
            session.receiver.piece(piece)
        session.receiver.close()
        session.start()
        while not session.ended:
            await asyncio.sleep(0.02)

    monkeypatch.setattr(SessionShot, "_files", cancelled_after)
    monkeypatch.setattr(logging.getLogger("relumix_server"), "propagate", True)
    with caplog.at_level(logging.DEBUG, "relumix_server"):
        asyncio.run(work())
    assert caplog.messages == ["the session was cancelled"]
    assert not [record for record in caplog.records if record.exc_info]


def test_information_while_it_is_not_ready(parts):
    async def ask():
        return await RelightService(*parts).GetInfo(
            pb.GetInfoRequest(), SimpleNamespace(peer=lambda: "ipv4:127.0.0.1:1")
        )

    info = asyncio.run(ask())
    assert list(info.engines) == []
    assert info.limits.max_sessions == 8
