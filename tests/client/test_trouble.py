"""Servers that die in the middle of a shot."""

import signal
import threading
import time

import pytest

import relumix
from relumix.client import RelightClient
from relumix.events import Done, FrameDone, Warned
from tests.client.shots import write_shot
from tests.server.harness import serving


def test_kill_9_of_the_server_costs_nothing_but_time(tmp_path):
    """Killed in the middle and started again, on the same port: every frame comes, bit for bit, none twice."""
    references = write_shot(tmp_path, frames=range(1001, 1025), size=(160, 100))
    relumix.relight(tmp_path / "plate", references, tmp_path / "here")
    told = []
    with serving(tmp_path) as first:
        events = RelightClient(first.address).relight(tmp_path / "plate", references, tmp_path / "there")
        for event in events:
            told.append(event)
            if isinstance(event, FrameDone) and event.frame == 1007:
                break
        first.kill()
    again = threading.Thread(target=lambda: _serve_until(tmp_path, first.address, done))
    done = threading.Event()
    again.start()
    told += events
    done.set()
    again.join()
    assert [event.frame for event in told if isinstance(event, FrameDone)] == list(range(1001, 1025))
    assert isinstance(told[-1], Done)
    for frame in range(1001, 1025):
        mine, theirs = (tmp_path / side / f"p.{frame}.exr" for side in ("here", "there"))
        assert mine.read_bytes() == theirs.read_bytes(), frame


def _serve_until(folder, address, done):
    time.sleep(1.0)
    with serving(folder, "--listen", address):
        done.wait(120)


def test_two_servers_share_and_one_is_killed(tmp_path):
    references = write_shot(tmp_path, frames=range(1001, 1031), size=(160, 100))
    relumix.relight(tmp_path / "plate", references, tmp_path / "here")
    told = []
    with serving(tmp_path) as one, serving(tmp_path) as other:
        client = RelightClient([one.address, other.address], patience_seconds=2.0)
        for event in client.relight(tmp_path / "plate", references, tmp_path / "there"):
            told.append(event)
            if isinstance(event, FrameDone) and event.frame == 1003:
                other.kill()
    assert [event.frame for event in told if isinstance(event, FrameDone)] == list(range(1001, 1031))
    assert next(event for event in told if isinstance(event, Warned)).message.startswith(other.address)
    for frame in range(1001, 1031):
        mine, theirs = (tmp_path / side / f"p.{frame}.exr" for side in ("here", "there"))
        assert mine.read_bytes() == theirs.read_bytes(), frame


@pytest.mark.slow
def test_a_server_that_freezes_is_left(tmp_path):
    """A machine that lost its power or its network says nothing at all."""
    references = write_shot(tmp_path, frames=range(1001, 1031))
    told, began = [], time.monotonic()
    with serving(tmp_path) as one, serving(tmp_path) as other:
        client = RelightClient([one.address, other.address], patience_seconds=1.0)
        for event in client.relight(tmp_path / "plate", references, tmp_path / "there"):
            told.append(event)
            if isinstance(event, FrameDone) and event.frame == 1001:
                other.process.send_signal(signal.SIGSTOP)
        other.kill()
    assert isinstance(told[-1], Done)
    assert told[-1].written == 30
    assert time.monotonic() - began < 120
