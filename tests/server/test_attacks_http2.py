"""Attacks on HTTP/2 and gRPC themselves, by somebody without a token. Memory is counted, and nobody else is refused."""

import socket
import threading
import time
from contextlib import ExitStack, suppress

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from relumix.v1 import relight_pb2 as pb
from relumix_server.access import MOST_WITHOUT_MESSAGE
from relumix_server.connections import SWEEP_SECONDS
from tests.server.attack import (
    CONTINUATION,
    DATA,
    ELSEWHERE,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    RST_STREAM,
    SERVICE,
    SETTINGS,
    connected,
    frame,
    headers,
    peak_bytes,
    seconds,
    send_message,
    zipped,
)
from tests.server.harness import FRAMES, ask, opening, pieces, serving
from tests.server.test_life import certificates, until

MIB = 1 << 20
CALLS = 30_000


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server that wants a token, which no attacker here has."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "tokens").write_text("a-token-of-some-length")
    with serving(folder, "--token-file", str(folder / "tokens")) as server:
        yield server


def health(server, seconds=30):
    with server.channel() as channel:
        return health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=seconds)


def drained(connection):
    """Take what a server says, so that it never waits for its reader."""

    def take():
        with suppress(OSError):
            while connection.recv(1 << 16):
                pass

    threading.Thread(target=take, daemon=True).start()


@pytest.mark.parametrize(
    ("method", "reset"),
    [(f"/{SERVICE}/GetInfo", True), (f"/{SERVICE}/Relight", False), ("/grpc.health.v1.Health/Watch", False)],
    ids=["reset at once", "never ended", "watching"],
)
def test_calls_by_the_thousand(guarded, method, reset):
    """Without a limit on streams the first kind took 4.6 GiB in 8 s, the second 3.9 GiB."""
    before, block = guarded.resident_bytes(), headers(method)
    with connected(guarded.address) as connection:
        drained(connection)
        with suppress(OSError):  # A server may hang up on such a client.
            for first in range(1, 2 * CALLS, 200):
                said = b""
                for stream in range(first, first + 200, 2):
                    said += frame(HEADERS, END_HEADERS, stream, block)
                    if reset:
                        said += frame(RST_STREAM, 0, stream, b"\0\0\0\x08")
                connection.sendall(said)
        assert health(guarded).status == health_pb2.HealthCheckResponse.SERVING
        assert guarded.resident_bytes() - before < 96 * MIB


@pytest.mark.parametrize("method", [f"/{SERVICE}/GetInfo", "/grpc.health.v1.Health/Check"])
def test_messages_that_unpack_to_much(guarded, method):
    """764 KiB took 947 MiB: gRPC's limit counts bytes as they come."""
    before, message = peak_bytes(guarded.pid), zipped(256 * MIB)
    with connected(guarded.address) as connection:
        drained(connection)
        with suppress(OSError):
            connection.sendall(frame(HEADERS, END_HEADERS, 1, headers(method, grpc_encoding="gzip")))
            send_message(connection, 1, message)
        time.sleep(1)
        health(guarded)
    assert peak_bytes(guarded.pid) - before < 64 * MIB


def test_a_client_that_compresses_is_told_so(guarded):
    with guarded.channel() as channel:
        call = channel.unary_unary(f"/{SERVICE}/GetInfo", request_serializer=bytes)
        with pytest.raises(grpc.RpcError) as refused:
            call(bytes(1000), compression=grpc.Compression.Gzip, timeout=20)
    assert refused.value.code().name == "UNIMPLEMENTED"


def test_watchers_are_counted(guarded):
    """Each watches over a connection of its own."""
    with ExitStack() as stack:
        first = []
        for _ in range(33):
            stub = health_pb2_grpc.HealthStub(stack.enter_context(guarded.channel()))
            first.append(stub.Watch(health_pb2.HealthCheckRequest(), timeout=60))
        statuses = []
        for call in first:
            try:
                statuses.append(next(call).status)
            except grpc.RpcError as error:
                statuses.append((error.code().name, error.details()))
        told = ("RESOURCE_EXHAUSTED", "too many calls watch this server: ask it now and then")
        assert statuses.count(told) == 1
        assert statuses.count(health_pb2.HealthCheckResponse.SERVING) == 32
    health(guarded)


@pytest.mark.slow
def test_connections_that_say_nothing(guarded):
    """gRPC closes what shakes no hands; others are answered meanwhile."""
    host, port = guarded.address.rsplit(":", 1)
    before = guarded.open_files()
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection((host, int(port)), 60, ELSEWHERE)) for _ in range(300)]
        health(guarded)
        for each in silent:
            while each.recv(1 << 12):  # What a server says of itself, and then the end.
                pass
        deadline = time.monotonic() + 60
        while guarded.open_files() > before + 8 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert guarded.open_files() <= before + 8


def test_calls_that_never_bring_their_message(guarded):
    """Over many connections they took memory without end. The oldest make room, and all are ended after a while."""
    over = threading.Event()

    def never():
        over.wait(60)
        yield b""

    with ExitStack() as stack:
        stack.callback(over.set)
        calls = []
        for _ in range(24):
            channel = stack.enter_context(guarded.channel())
            ask = channel.stream_unary("/grpc.health.v1.Health/Check")
            calls += [ask.future(never(), timeout=60) for _ in range(15)]
            health(guarded)
        assert until(lambda: sum(call.done() for call in calls) >= len(calls) - MOST_WITHOUT_MESSAGE)
        assert health(guarded).status == health_pb2.HealthCheckResponse.SERVING
        assert until(lambda: all(call.done() for call in calls), 40)
        told = {(call.code().name, call.details()) for call in calls}
        assert told == {("DEADLINE_EXCEEDED", "the call came without its message")}


def test_a_call_without_a_token_is_refused_before_its_message(guarded):
    over = threading.Event()
    with ExitStack() as stack:
        stack.callback(over.set)
        channel = stack.enter_context(guarded.channel())
        call = channel.stream_unary(f"/{SERVICE}/GetInfo").future(b"" for _ in iter(lambda: over.wait(60), True))
        assert call.exception(timeout=20).code().name == "UNAUTHENTICATED"


def test_bytes_that_are_no_message(guarded):
    with guarded.channel() as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/grpc.health.v1.Health/Check")(b"\x08\xff\xff", timeout=20)
    assert (refused.value.code().name, refused.value.details()) == ("INTERNAL", "what came is no message of this call")
    health(guarded)


def closed(connection):
    """Whether the other side has hung up."""
    connection.settimeout(0)
    with suppress(BlockingIOError):
        while True:
            try:
                if not connection.recv(1 << 16):
                    return True
            except ConnectionError:
                return True
    return False


def test_connections_that_ask_for_nothing(tmp_path):
    """Each has begun HTTP/2 and makes no call. They are counted, and closed; somebody else is served then."""
    with serving(tmp_path, "--max-connections", "40", "--idle-seconds", "4") as server, ExitStack() as stack:
        before = server.open_files()
        idle = []
        for _ in range(60):
            with suppress(OSError):  # Where there are too many, it may be told so at once.
                idle.append(stack.enter_context(connected(server.address)))
        assert until(lambda: sum(not closed(each) for each in idle) <= 40)
        assert server.open_files() <= before + 44
        assert until(lambda: all(map(closed, idle)), 60)
        assert health(server).status == health_pb2.HealthCheckResponse.SERVING
        assert until(lambda: server.open_files() <= before + 4)


@pytest.mark.slow
def test_handshakes_that_never_end(tmp_path):
    """Somebody who does shake hands is answered meanwhile, and the others are closed."""
    certificates(tmp_path)
    tls = ("--tls-cert", str(tmp_path / "server.pem"), "--tls-key", str(tmp_path / "server.key"))
    with serving(tmp_path, *tls) as server, ExitStack() as stack:
        host, port = server.address.rsplit(":", 1)
        begun = []
        for _ in range(300):
            begun.append(stack.enter_context(socket.create_connection((host, int(port)), 60, ELSEWHERE)))
            begun[-1].sendall(b"\x16\x03\x01\x02\x00\x01")  # The head of a ClientHello of 512 bytes, and nothing of it.
        trusted = grpc.ssl_channel_credentials((tmp_path / "ca.pem").read_bytes())
        took = []
        while not all(map(closed, begun)):
            with server.channel(trusted) as channel:
                stub = health_pb2_grpc.HealthStub(channel)
                took.append(seconds(lambda stub=stub: stub.Check(health_pb2.HealthCheckRequest(), timeout=30)))
            time.sleep(0.2)
            assert len(took) < 300
        assert len(took) > 5


def test_a_host_that_opens_connections_leaves_some_to_others(tmp_path):
    """It held all that the server takes, and nobody else came in."""
    with serving(tmp_path, "--max-connections", "200", "--max-host-connections", "50") as server, ExitStack() as stack:
        idle = []
        for _ in range(300):
            with suppress(OSError):
                idle.append(stack.enter_context(connected(server.address)))
        host, port = server.address.rsplit(":", 1)

        def other():
            """Whether somebody from another host is spoken to."""
            with suppress(OSError), socket.create_connection((host, int(port)), 5, ("127.0.0.9", 0)) as connection:
                connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
                return bool(connection.recv(1 << 12))
            return False

        assert until(other, 60)
        assert until(lambda: sum(not closed(each) for each in idle) <= 50, 60)
        assert until(lambda: server.open_files() < 150, 60)


def flooded(connection, stream):
    """Begin a header, and go on with it until the server hangs up; returns whether it did before 1.5 GiB."""
    sent, field = 0, b"\0" + bytes((100,)) + b"x" * 100 + bytes((100,)) + b"y" * 100
    flood = frame(CONTINUATION, 0, stream, field * 80) * 4
    with suppress(OSError):
        connection.sendall(frame(HEADERS, 0, stream, headers(f"/{SERVICE}/GetInfo")))
        while sent < 3 << 29:
            connection.sendall(flood)
            sent += len(flood)
    return sent < 3 << 29


def test_headers_that_never_end(guarded):
    """One connection that began a header and went on with it took a GiB in 12 s, and others waited 5 s beside it."""
    before = peak_bytes(guarded.pid)
    with connected(guarded.address) as connection:
        drained(connection)
        assert flooded(connection, 1), "it was not hung up on"
    assert peak_bytes(guarded.pid) - before < 400 * MIB
    health(guarded)


def test_headers_that_never_end_behind_an_accepted_call(tmp_path):
    """Whoever had made one call could go on for ever."""
    with serving(tmp_path) as server, connected(server.address) as connection:
        connection.sendall(frame(HEADERS, END_HEADERS, 1, headers(f"/{SERVICE}/GetInfo")))
        connection.sendall(frame(DATA, END_STREAM, 1, bytes(5)))
        said = b""
        while b"grpc-status" not in said:
            said += connection.recv(1 << 16)
        drained(connection)
        assert flooded(connection, 3), "it was not hung up on"
        health(server)


def test_streams_that_are_refused_in_the_midst_cost_no_connection(tmp_path):
    """What a client had sent of them was never read, and its other calls go over the same connection."""
    with serving(tmp_path) as server, server.channel() as channel:
        watching = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
        next(watching)
        relight = channel.stream_stream(f"/{SERVICE}/Relight")
        large = pb.FrameChunk(frame=5, role=pb.ROLE_SOURCE, total_bytes=1 << 30, data=bytes(4 << 20))
        rest = [pb.RelightRequest(chunk=large).SerializeToString()] * 8
        for _ in range(8):
            call = relight(iter([opening().SerializeToString(), *rest]), timeout=60)
            with pytest.raises(grpc.RpcError) as refused:
                list(call)
            assert refused.value.code().name == "NOT_FOUND"  # There is no such frame.
        time.sleep(2 * SWEEP_SECONDS)
        assert watching.is_active()


def test_a_watcher_that_leaves_takes_no_news_from_others(tmp_path):
    """Nobody else heard of a change once one watcher had gone, and a token is not needed to go."""
    with serving(tmp_path) as server, server.channel() as stays, server.channel() as goes:
        names = health_pb2.HealthCheckResponse.ServingStatus.Name
        watched = health_pb2_grpc.HealthStub(stays).Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert names(next(watched).status) == "SERVING"
        other = health_pb2_grpc.HealthStub(goes).Watch(health_pb2.HealthCheckRequest(), timeout=60)
        next(other)
        other.cancel()
        time.sleep(1)
        server.process.terminate()
        assert names(next(watched).status) == "NOT_SERVING"


@pytest.mark.parametrize("method", ["Check", "Watch"])
def test_large_messages_are_not_kept(guarded, method):
    """A watching call kept its request, and an error kept that of any call: 16 MiB each time."""
    before = guarded.resident_bytes()
    for _ in range(24):
        with guarded.channel() as channel, pytest.raises(grpc.RpcError) as refused:
            answer = getattr(health_pb2_grpc.HealthStub(channel), method)(
                health_pb2.HealthCheckRequest(service="x" * (8 << 20)), timeout=30
            )
            next(answer)
        told = (refused.value.code().name, refused.value.details())
        assert told == ("RESOURCE_EXHAUSTED", "the message has more than 65536 bytes")
    assert guarded.resident_bytes() - before < 64 * MIB


def test_an_accepted_caller_may_send_much(tmp_path):
    """Six times what nothing explains, in less than a second."""
    with serving(tmp_path) as server:
        said = [piece for number in FRAMES for piece in pieces(number, bytes(16 << 20), size=2 << 20)]
        answer = ask(server, [opening(), *said], timeout=60)
        assert answer.details == "the stream ended without close: expected close as the last message"
