"""Connections are counted by host, and floods are closed."""

import socket
from contextlib import ExitStack

import pytest

from relumix_server.connections import Connections
from tests.server.test_attacks_http2 import closed
from tests.server.test_life import until


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener, ExitStack() as stack:
        port = listener.getsockname()[1]

        def connected(host):
            ours = stack.enter_context(socket.create_connection(("127.0.0.1", port), source_address=(host, 0)))
            stack.enter_context(listener.accept()[0])
            return ours

        yield port, connected


def test_a_host_with_too_many_loses_the_oldest_that_have_no_accepted_call(listening):
    port, connected = listening
    guard = Connections(most=3)
    first, other = [connected("127.0.0.1") for _ in range(2)], connected("127.0.0.2")
    guard.accept(f"ipv4:127.0.0.1:{first[0].getsockname()[1]}")
    assert guard.sweep(port) == 0
    more = [connected("127.0.0.1") for _ in range(4)]
    assert guard.sweep(port) == 3
    assert [closed(each) for each in (*first, other)] == [False, True, False]
    assert [closed(each) for each in more].count(True) == 2


def test_of_connections_with_accepted_calls_the_youngest_go(listening):
    port, connected = listening
    guard, held = Connections(most=2), []
    for _ in range(4):
        held.append(connected("127.0.0.1"))
        guard.accept(f"ipv4:127.0.0.1:{held[-1].getsockname()[1]}")
        guard.sweep(port)
    assert [closed(each) for each in held[:2]] == [False, False]
    assert all(map(closed, held[2:]))


def test_sockets_of_other_ports_are_let_be(listening):
    port, connected = listening
    held = [connected("127.0.0.1") for _ in range(5)]
    assert Connections(most=1).sweep(port + 1) == 0
    assert not any(map(closed, held))


def test_who_floods_without_an_accepted_call_is_closed(listening, monkeypatch):
    port, connected = listening
    monkeypatch.setattr("relumix_server.connections.STRANGE_BYTES", 100_000)
    flooding, known, quiet = (connected("127.0.0.1") for _ in range(3))
    guard = Connections(most=10)
    host, own = known.getsockname()
    guard.accept(f"ipv4:{host}:{own}")
    for each in (flooding, known):
        each.sendall(bytes(150_000))
    assert until(lambda: guard.sweep(port) == 1)
    assert [closed(each) for each in (flooding, known, quiet)] == [True, False, False]


def test_many_that_bring_much_together_are_closed_from_the_largest_on(listening, monkeypatch):
    """128 that each stayed below the limit of one, with messages that never ended, took 663 MiB."""
    port, connected = listening
    monkeypatch.setattr("relumix_server.connections.ALL_STRANGE_BYTES", 150_000)
    large, known, small = [connected("127.0.0.1") for _ in range(3)], connected("127.0.0.1"), connected("127.0.0.1")
    guard = Connections(most=10)
    host, own = known.getsockname()
    guard.accept(f"ipv4:{host}:{own}")
    for each in (*large, known):
        each.sendall(bytes(60_000))
    small.sendall(bytes(1000))
    assert until(lambda: guard.sweep(port) or any(map(closed, large)))
    assert [closed(each) for each in large].count(True) == 1
    assert [closed(each) for each in (known, small)] == [False, False]


def test_what_is_noted_of_callers_goes_with_their_connections(listening):
    port, connected = listening
    guard = Connections(most=10)
    stays = connected("127.0.0.1").getsockname()[1]
    for gone in range(1, 1000):
        guard.accept(f"ipv4:127.0.0.1:{gone}")
    guard.accept(f"ipv4:127.0.0.1:{stays}")
    guard.sweep(port)
    assert guard._accepted == {f"ipv4:127.0.0.1:{stays}"}
