"""Objects between processes: arrays through shared memory, and nothing that could run code."""

import os
import pickle
import socket
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from relumix.shot.box import Box
from relumix_server import shared_memory
from relumix_server.shared_memory import HEADER, MessageError, receive, send


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def passed(message, *, trusted=False):
    ours, theirs = socket.socketpair()
    theirs.settimeout(60)
    with ours, theirs:
        thread = threading.Thread(target=send, args=(ours, message))
        thread.start()
        found = receive(theirs, trusted=trusted)
        thread.join()
    return found


@given(
    st.lists(
        arrays(st.sampled_from([np.float32, np.float16, np.bool_, np.uint8]), array_shapes(max_dims=3)), max_size=4
    )
)
def test_arrays_arrive_as_they_were(sent):
    got = passed({"arrays": sent, "more": ["text", 1.5, None, True]})
    assert got["more"] == ["text", 1.5, None, True]
    for one, other in zip(got["arrays"], sent, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()
        assert one.flags.writeable


def test_large_arrays_leave_nothing_open():
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        assert passed(np.ones((500, 500, 3), np.float32)).sum() == 750_000
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_where_no_file_can_be_made_in_memory_it_is_made_on_disk(tmp_path, monkeypatch):
    """Whatever its permissions say: only trying tells."""
    (tmp_path / "no folder").touch()
    monkeypatch.setattr(shared_memory, "SHARED_MEMORY", tmp_path / "no folder")
    assert passed(np.arange(5)).tolist() == [0, 1, 2, 3, 4]


def test_classes_pass_to_who_trusts_alone():
    assert passed(Box(1, 2, 3, 4), trusted=True) == Box(1, 2, 3, 4)
    with pytest.raises(MessageError, match=r"holds relumix\.shot\.box\.Box: expected plain values and arrays"):
        passed(Box(1, 2, 3, 4))
    with pytest.raises(MessageError, match=r"holds posix\.system"):
        passed(os.system)


def test_an_end_in_the_middle_is_told(pair):
    ours, theirs = pair
    ours.sendall(HEADER.pack(100, 0) + pickle.dumps("x")[:3])
    ours.shutdown(socket.SHUT_WR)
    with pytest.raises(MessageError, match="the other side has gone"):
        receive(theirs, trusted=False)
    with pytest.raises(MessageError, match="the other side has gone"):
        receive(theirs, trusted=False)


def test_messages_that_make_no_sense(pair):
    ours, theirs = pair
    ours.sendall(HEADER.pack(1 << 40, 0))
    with pytest.raises(MessageError, match=r"of 1099511627776 bytes and 0 buffers makes no sense"):
        receive(theirs, trusted=False)
    ours.sendall(HEADER.pack(5, 3))
    with pytest.raises(MessageError, match=r"3 buffers makes no sense"):
        receive(theirs, trusted=False)


def test_buffers_that_were_cut_short(pair, tmp_path):
    ours, theirs = pair
    with (tmp_path / "short").open("w+b") as file:
        file.write(b"abc")
        file.flush()
        socket.send_fds(ours, [HEADER.pack(1, 1)], [file.fileno()])
        ours.sendall(struct.pack("<Q", 4) + b".")
        with pytest.raises(MessageError, match="cut short"):
            receive(theirs, trusted=False)
