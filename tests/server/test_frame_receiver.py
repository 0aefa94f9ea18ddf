"""What arrives, against those who wait for it and against the end of its session."""

import errno
import os
import threading
import tracemalloc

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
from relumix_server.status_errors import SessionCancelledError, StatusError
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


def named(frame, name):
    head = pb.FrameChunk(frame=frame, role=pb.ROLE_SOURCE, name=name, offset=0, total_bytes=1, crc32c=crc32c(b"x"))
    return Piece(head, b"x")


def receiver_of(spool, **changes):
    frames = range(20_000)
    message = opening(frames=frames, references=[0], **changes).open
    request = check(message, {"flow": load_engine("flow")}, Options(), AllowedPaths(()))
    return FrameReceiver(request, spool, max_frame_bytes=1 << 20, max_frame_pixels=1 << 20, ahead_bytes=1 << 20)


def test_frames_that_nobody_needs_cost_next_to_nothing(spool):
    """20,000 of them, each with a name of 4096 letters, once took 349 MiB."""
    receiver = receiver_of(spool, deliver=[0])
    tracemalloc.start()
    for frame in range(100, 20_000):
        receiver.piece(named(frame, f"{frame:04000d}.exr"))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 16 << 20
    assert spool.used() == (0, 0)


def test_names_are_counted(spool):
    receiver = receiver_of(spool)
    with pytest.raises(StatusError) as refused:
        for frame in range(20_000):
            receiver.piece(named(frame, f"{frame:04000d}.exr"))
    assert refused.value.code.name == "RESOURCE_EXHAUSTED"
    assert str(refused.value) == (
        f"the names of the job's frames have more than {8 << 20} letters in all: expected less"
    )
    receiver.end(SessionCancelledError())
    assert spool.used() == (0, 0)


def test_a_file_system_that_others_fill_is_told_with_a_time_to_come_back(receiver, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", refuse)
    with pytest.raises(StatusError, match=r"^the server's spool is full: try again later$") as refused:
        receiver.piece(piece(b"ab", 0, 4))
    assert (refused.value.code.name, refused.value.retry_seconds) == ("RESOURCE_EXHAUSTED", 30.0)


def source(frame, data, total_bytes=None, offset=0):
    head = pb.FrameChunk(frame=frame, role=pb.ROLE_SOURCE, name="p.exr", offset=offset, crc32c=crc32c(data))
    head.total_bytes = total_bytes or len(data)
    return Piece(head, data)


def test_a_frame_is_written_over_one_that_is_needed_no_more(receiver, spool):
    receiver.piece(source(FRAMES[0], b"first frame"))
    first = receiver.wait(pb.ROLE_SOURCE, FRAMES[0]).path
    inode = first.stat().st_ino
    receiver.release(pb.ROLE_SOURCE, FRAMES[0])
    receiver.piece(source(FRAMES[1], b"sec", 6))
    receiver.piece(source(FRAMES[1], b"ond", 6, 3))
    second = receiver.wait(pb.ROLE_SOURCE, FRAMES[1]).path
    assert (second.read_bytes(), second.stat().st_ino) == (b"second", inode)
    assert not first.exists()
    receiver.release(pb.ROLE_SOURCE, FRAMES[1])
    assert spool.used() == (6, 0)
    receiver.end(SessionCancelledError())
    assert spool.used() == (0, 0)
    assert not second.exists()


def test_what_is_kept_for_frames_to_come_is_a_share_of_what_may_be_held(receiver, spool):
    for frame in FRAMES:
        receiver.piece(source(frame, bytes(100_000)))
    for frame in FRAMES:
        receiver.release(pb.ROLE_SOURCE, frame)
    assert spool.used() == (200_000, 0)  # A quarter of 1 MiB.


def test_what_is_freed_behind_the_end_is_not_kept(receiver, spool):
    receiver.piece(source(FRAMES[0], b"x"))
    receiver.end(SessionCancelledError())
    made = spool.new_file(".exr", 1)
    made.write_bytes(b"x")
    receiver.recycle(made)
    assert spool.used() == (0, 0)
    assert not made.exists()
