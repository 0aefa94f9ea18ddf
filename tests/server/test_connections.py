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
            connected.other_ends[ours] = stack.enter_context(listener.accept()[0])
            return ours

        connected.other_ends = {}
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


def named(connection):
    """What gRPC calls who holds this end."""
    host, port = connection.getsockname()
    return f"ipv4:{host}:{port}"


def test_who_floods_without_an_accepted_call_is_closed(listening, monkeypatch):
    port, connected = listening
    monkeypatch.setattr("relumix_server.connections.UNEXPLAINED_BYTES", 100_000)
    flooding, known, quiet = (connected("127.0.0.1") for _ in range(3))
    guard = Connections(most=10)
    guard.accept(named(known)).took(150_000)
    for each in (flooding, known):
        each.sendall(bytes(150_000))
    assert until(lambda: guard.sweep(port) == 1)
    assert [closed(each) for each in (flooding, known, quiet)] == [True, False, False]


@pytest.fixture
def bounded(listening, monkeypatch):
    """One byte beyond what calls explain is too much; a stream explains 100,000."""
    monkeypatch.setattr("relumix_server.connections.UNEXPLAINED_BYTES", 0)
    monkeypatch.setattr("relumix_server.connections.STREAM_BYTES", 100_000)
    port, connected = listening
    guard = Connections(most=10)

    def swept(connection, sent):
        """Whether the connection was closed once so much has come over it."""
        for _ in range(sent // 1000):
            connection.sendall(bytes(1000))
            connected.other_ends[connection].recv(1000, socket.MSG_WAITALL)
        connection.sendall(bytes(sent % 1000))
        connected.other_ends[connection].recv(sent % 1000, socket.MSG_WAITALL)
        guard.sweep(port)
        return closed(connection)

    return guard, connected, swept


def test_an_accepted_call_explains_no_flood(bounded):
    """One call was enough to send headers without end: 1.5 GB in 10 s took 417 MiB."""
    guard, connected, swept = bounded
    asking = connected("127.0.0.1")
    guard.accept(named(asking))
    assert not swept(asking, 2048)
    assert swept(asking, 1)


def test_what_streams_bring_and_take_is_explained(bounded, monkeypatch):
    """For minutes, at any rate, in messages of any size."""
    guard, connected, swept = bounded
    client = connected("127.0.0.1")
    with guard.stream(named(client)) as caller:
        for minute in range(4):
            monkeypatch.setattr("relumix_server.connections.UNEXPLAINED_SECONDS", 60 if minute else -1)
            for size in (1, 100, 70_000):
                assert not swept(client, size + size // 1000 + 30)  # With what HTTP/2 and TLS add.
                caller.took(size)
            caller.gave(10_000_000)
            assert not swept(client, 30_000)  # "I can take more", every 32 KiB or so.


def test_streams_that_ended_explain_what_nobody_read(bounded, monkeypatch):
    guard, connected, swept = bounded
    client = connected("127.0.0.1")
    for _ in range(5):
        with guard.stream(named(client)):
            pass
    monkeypatch.setattr("relumix_server.connections.UNEXPLAINED_SECONDS", -1)
    assert not swept(client, 0)  # A minute ends.
    monkeypatch.setattr("relumix_server.connections.UNEXPLAINED_SECONDS", 60)
    assert not swept(client, 490_000)  # What was on its way comes in the next.


def test_what_came_of_streams_that_have_ended_counts_with_that_of_all_connections(bounded, monkeypatch):
    """Begun and left, they would let each of many connections bring as much as a client that sends frames."""
    monkeypatch.setattr("relumix_server.connections.ALL_UNEXPLAINED_BYTES", 150_000)
    guard, connected, swept = bounded
    clients = [connected("127.0.0.1") for _ in range(4)]
    for each in clients[1:]:
        with guard.stream(named(each)):
            pass
    with guard.stream(named(clients[0])):
        assert not swept(clients[0], 90_000)  # It runs, and may send.
        assert not swept(clients[1], 70_000)
        assert not swept(clients[2], 60_000)
        assert not swept(clients[3], 50_000)
    assert [closed(each) for each in clients] == [False, True, False, False]


def test_streams_begun_and_ended_by_the_thousand_explain_no_more_than_those_that_may_run(bounded, monkeypatch):
    monkeypatch.setattr("relumix_server.connections.CALL_BYTES", 0)
    guard, connected, swept = bounded
    client = connected("127.0.0.1")
    for _ in range(1000):
        with guard.stream(named(client)):
            pass
    assert swept(client, 16 * 100_000 + 1)


def test_many_that_bring_much_together_are_closed_from_the_largest_on(listening, monkeypatch):
    """128 that each stayed below the limit of one, with messages that never ended, took 663 MiB."""
    port, connected = listening
    monkeypatch.setattr("relumix_server.connections.ALL_UNEXPLAINED_BYTES", 150_000)
    large, known, small = [connected("127.0.0.1") for _ in range(3)], connected("127.0.0.1"), connected("127.0.0.1")
    guard = Connections(most=10)
    guard.accept(named(known)).took(60_000)
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
    guard.sweep(port)
    assert set(guard._callers) == {f"ipv4:127.0.0.1:{stays}"}
