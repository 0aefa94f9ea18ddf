"""What arrives, against those who wait for it and against the end of its session."""

import threading

import pytest

from relumix.engines.registry import load_engine
from relumix.rpc.messages import Piece, crc32c
from relumix.v1 import relight_pb2 as pb
from relumix_server import spool as spool_module
from relumix_server.allowed_paths import AllowedPaths
from relumix_server.frame_receiver import FrameReceiver
from relumix_server.options import Options
from relumix_server.request import check
from relumix_server.spool import Spool
from relumix_server.status_errors import SessionCancelledError
from tests.server.harness import FRAMES, opening

FIRST = FRAMES[0]


class Lock(threading.Condition):
    """The lock of an receiver: `before` is called by whoever is about to take it, until it is called once."""

    def __init__(self):
        super().__init__()
        self.before = None

    def __enter__(self):
        before, self.before = self.before, None
        if before:
            before()
        return super().__enter__()


@pytest.fixture
def spool(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_module, "SHARED_MEMORY", tmp_path)
    made = Spool(1 << 30, str(tmp_path))
    yield made
    made.close()


@pytest.fixture
def receiver(spool):
    request = check(opening().open, {"flow": load_engine("flow")}, Options(), AllowedPaths(()))
    made = FrameReceiver(request, spool, max_frame_bytes=1 << 20, max_frame_pixels=1 << 20, ahead_bytes=1 << 20)
    made._changed = Lock()
    yield made
    made.end(SessionCancelledError())


def piece(data, offset, total_bytes):
    head = pb.FrameChunk(frame=FIRST, role=pb.ROLE_SOURCE, name="p.exr", offset=offset, total_bytes=total_bytes)
    head.crc32c = crc32c(data)
    return Piece(head, data)


def test_a_frame_is_there_when_all_of_it_is_in_its_file(receiver):
    found = []
    waiter = threading.Thread(
        target=lambda: found.append(receiver.wait(pb.ROLE_SOURCE, FIRST).path.read_bytes()), daemon=True
    )

    def look():
        waiter.start()
        waiter.join(0.2)  # It has seen all that is to be seen before the last piece is kept.

    receiver.piece(piece(b"ab", 0, 4))
    receiver._changed.before = look
    receiver.piece(piece(b"cd", 2, 4))
    waiter.join(10)
    assert found == [b"abcd"]


def test_a_piece_that_comes_too_late_leaves_no_file(receiver, spool, tmp_path):
    receiver._changed.before = lambda: receiver.end(SessionCancelledError())
    receiver.piece(piece(b"ab", 0, 4))
    assert spool.used() == (0, 0)
    assert not list(tmp_path.rglob("*.exr"))
