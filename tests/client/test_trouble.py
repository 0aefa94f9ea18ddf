"""Servers that die, or freeze, in the middle of a shot."""

import signal
import threading
import time
from contextlib import ExitStack, contextmanager

import grpc
import pytest

import relumix
from relumix.client import RelightClient, connection, rpc_errors
from relumix.errors import InputError
from relumix.events import Done, FrameDone, Warned
from tests.client.shots import write_shot
from tests.server.harness import Server, opening, serving
from tests.server.test_life import rested, until


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


@pytest.fixture
def held_at_a_window(tmp_path, monkeypatch):
    """A server that never gets done with its first window, however long it is left alone."""
    monkeypatch.setenv("RELUMIX_HANGS", "alone")
    with closed(Server(folder=tmp_path, module="tests.server.hanging")) as started:
        yield started


@contextmanager
def closed(server):
    try:
        yield server
    finally:
        server.kill()
        server.process.stdout.close()
        server.process.stderr.close()


def test_two_servers_share_and_one_is_killed(tmp_path, held_at_a_window):
    """It is killed when it has a window in hand: at a frame that came, all of its share might have come before."""
    references, other = write_shot(tmp_path, frames=range(1001, 1031), size=(160, 100)), held_at_a_window
    relumix.relight(tmp_path / "plate", references, tmp_path / "here")
    with serving(tmp_path) as one:
        client = RelightClient([one.address, other.address], patience_seconds=2.0)
        events = client.relight(tmp_path / "plate", references, tmp_path / "there")
        killing = threading.Thread(
            target=lambda: until(lambda: other.info().load.queued_windows == 1, 120) and other.kill()
        )
        killing.start()
        told = list(events)
        killing.join()
    assert [event.frame for event in told if isinstance(event, FrameDone)] == list(range(1001, 1031))
    assert next(event for event in told if isinstance(event, Warned)).message.startswith(other.address)
    for frame in range(1001, 1031):
        mine, theirs = (tmp_path / side / f"p.{frame}.exr" for side in ("here", "there"))
        assert mine.read_bytes() == theirs.read_bytes(), frame


@pytest.fixture
def quick_to_notice(monkeypatch):
    """Clients that ask a silent server after half a second, and wait as long for its answer."""
    slow = connection._KEEPALIVE_MS
    quick = tuple((name, 500 if value == slow else value) for name, value in connection._OPTIONS)
    monkeypatch.setattr(connection, "_OPTIONS", quick)


@contextmanager
def frozen(server):
    """A server that says nothing at all, as if its machine had lost its power or its network; then it goes on."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_a_server_that_freezes_is_left(quick_to_notice, tmp_path):
    references = write_shot(tmp_path, frames=range(1001, 1031))
    told = []
    with serving(tmp_path) as one, serving(tmp_path) as other, ExitStack() as stack:
        client = RelightClient([one.address, other.address], patience_seconds=30.0)
        for event in client.relight(tmp_path / "plate", references, tmp_path / "there"):
            told.append(event)
            if isinstance(event, FrameDone) and event.frame == 1001:
                stack.enter_context(frozen(other))
    assert isinstance(told[-1], Done)
    assert told[-1].written == 30
    assert [event.message for event in told if isinstance(event, Warned)] == [
        f"{other.address}: it does not answer; trying again"
    ]


def test_a_server_that_froze_goes_on(quick_to_notice, tmp_path):
    """There is no other one: every frame comes, bit for bit, none twice."""
    references = write_shot(tmp_path, frames=range(1001, 1025), size=(160, 100))
    relumix.relight(tmp_path / "plate", references, tmp_path / "here")
    told = []
    with serving(tmp_path) as server:
        for event in RelightClient(server.address).relight(tmp_path / "plate", references, tmp_path / "there"):
            told.append(event)
            if isinstance(event, FrameDone) and event.frame == 1003:
                server.process.send_signal(signal.SIGSTOP)
                # Not when it is told: a busy machine may have had the client told so before, and it is told once.
                threading.Timer(5, server.process.send_signal, [signal.SIGCONT]).start()
        assert until(lambda: rested(server))
    assert [event.frame for event in told if isinstance(event, FrameDone)] == list(range(1001, 1025))
    warnings = {event.message for event in told if isinstance(event, Warned)}
    assert warnings == {f"{server.address}: it does not answer; trying again"}
    for frame in range(1001, 1025):
        mine, theirs = (tmp_path / side / f"p.{frame}.exr" for side in ("here", "there"))
        assert mine.read_bytes() == theirs.read_bytes(), frame


def test_a_server_that_freezes_while_nothing_is_said_is_noticed(quick_to_notice, server):
    """gRPC asks twice and stops, unless told otherwise; an engine may think for longer."""
    over = threading.Event()

    def said():
        yield opening()
        over.wait(60)

    with connection.servers(server.address)[0].channel() as channel:
        call = connection.service(channel).Relight(said(), timeout=30)
        assert next(call).WhichOneof("message") == "accepted"
        time.sleep(5)
        with frozen(server), pytest.raises(grpc.RpcError) as ended:
            next(call)
        over.set()
    assert ended.value.code().name == "UNAVAILABLE"  # and not its deadline
    assert str(rpc_errors.error_of("there", ended.value)) == "there: it does not answer"
    assert until(lambda: rested(server))


def test_a_server_that_is_frozen_from_the_start(server, monkeypatch):
    monkeypatch.setattr(connection, "_INFO_SECONDS", 0.5)
    with frozen(server), pytest.raises(InputError) as caught:
        RelightClient(server.address, patience_seconds=0.5).info()
    assert str(caught.value) == f"no server answers: {server.address}: it does not answer"
