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


def test_the_youngest_of_a_host_with_too_many_are_closed(listening):
    port, connected = listening
    counted = Connections(most=3)
    first, other = [connected("127.0.0.1") for _ in range(2)], connected("127.0.0.2")
    assert counted.sweep(port) == 0
    more = [connected("127.0.0.1") for _ in range(5)]
    assert counted.sweep(port) == 4
    assert not any(map(closed, [*first, other]))
    assert [closed(each) for each in more].count(True) == 4


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


def test_what_is_noted_of_callers_goes_with_their_connections(listening):
    port, connected = listening
    guard = Connections(most=10)
    stays = connected("127.0.0.1").getsockname()[1]
    for gone in range(1, 1000):
        guard.accept(f"ipv4:127.0.0.1:{gone}")
    guard.accept(f"ipv4:127.0.0.1:{stays}")
    guard.sweep(port)
    assert guard._accepted == {f"ipv4:127.0.0.1:{stays}"}
