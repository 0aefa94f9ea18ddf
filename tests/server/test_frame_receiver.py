"""What arrives, against those who wait for it and against the end of its session."""

import threading

import pytest

from relumix.engines.registry import load_engine
from relumix.rpc.messages import Piece, crc32c
from relumix.v1 import relight_pb2 as pb
from relumix_server import spool as spool_module
from relumix_server.allowed_paths import Roots
from relumix_server.frame_receiver import Intake
from relumix_server.options import Options
from relumix_server.request import check
from relumix_server.spool import Spool
from relumix_server.status_errors import SessionCancelledError
from tests.server.harness import FRAMES, opening

FIRST = FRAMES[0]


class Lock(threading.Condition):
    """The lock of an intake: `before` is called by whoever is about to take it, until it is called once."""

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
def intake(spool):
    request = check(opening().open, {"flow": load_engine("flow")}, Options(), Roots(()))
    made = Intake(request, spool, max_frame_bytes=1 << 20, max_frame_pixels=1 << 20, ahead_bytes=1 << 20)
    made._changed = Lock()
    yield made
    made.end(SessionCancelledError())


def piece(data, offset, total_bytes):
    head = pb.FrameChunk(frame=FIRST, role=pb.ROLE_SOURCE, name="p.exr", offset=offset, total_bytes=total_bytes)
    head.crc32c = crc32c(data)
    return Piece(head, data)


def test_a_frame_is_there_when_all_of_it_is_in_its_file(intake):
    found = []
    waiter = threading.Thread(
        target=lambda: found.append(intake.wait(pb.ROLE_SOURCE, FIRST).path.read_bytes()), daemon=True
    )

    def look():
        waiter.start()
        waiter.join(0.2)  # It has seen all that is to be seen before the last piece is kept.

    intake.piece(piece(b"ab", 0, 4))
    intake._changed.before = look
    intake.piece(piece(b"cd", 2, 4))
    waiter.join(10)
    assert found == [b"abcd"]


def test_a_piece_that_comes_too_late_leaves_no_file(intake, spool, tmp_path):
    intake._changed.before = lambda: intake.end(SessionCancelledError())
    intake.piece(piece(b"ab", 0, 4))
    assert spool.used() == (0, 0)
    assert not list(tmp_path.rglob("*.exr"))
