"""Connections are counted by host."""

import socket
from contextlib import ExitStack

import pytest

from relumix_server.connections import HostConnections
from tests.server.test_attacks_http2 import closed


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
    counted = HostConnections(port, most=3)
    first, other = [connected("127.0.0.1") for _ in range(2)], connected("127.0.0.2")
    assert counted.sweep() == 0
    more = [connected("127.0.0.1") for _ in range(5)]
    assert counted.sweep() == 4
    assert not any(map(closed, [*first, other]))
    assert [closed(each) for each in more].count(True) == 4


def test_sockets_of_other_ports_are_let_be(listening):
    port, connected = listening
    held = [connected("127.0.0.1") for _ in range(5)]
    assert HostConnections(port + 1, most=1).sweep() == 0
    assert not any(map(closed, held))
