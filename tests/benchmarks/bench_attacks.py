"""What attacks cost a server: its memory, and how long somebody else waits for an answer beside them.

    python tests/benchmarks/bench_attacks.py

Each attack has a real server to itself, which wants a token; the attacker has none, but for attacks by jobs. The tests
in tests/server/ hold the same attacks to limits; here is what was measured.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc

from relumix.v1 import relight_pb2 as pb
from tests.server import attack
from tests.server.harness import CLOSE, Server, ask, opening, pieces, write_exr
from tests.server.test_life import certificates

MIB = 1 << 20
CALLS = 100_000
IDLE = 3000
TOKEN = "a-token-of-some-length"
TRUSTED = (("authorization", f"Bearer {TOKEN}"),)


def calls(server: Server, method: str, *, reset: bool) -> None:
    """Begin calls over one connection, and reset each, or leave it."""
    block, refused = attack.headers(method), b"\0\0\0\x08"
    with attack.connected(server.address) as connection, suppress(OSError):
        for stream in range(1, 2 * CALLS, 2):
            said = attack.frame(attack.HEADERS, attack.END_HEADERS, stream, block)
            connection.sendall(said + (attack.frame(attack.RST_STREAM, 0, stream, refused) if reset else b""))


def bomb(server: Server) -> None:
    """Send 764 KiB that unpack to 768 MiB."""
    message = attack.zipped(768 * MIB)
    block = attack.headers("/grpc.health.v1.Health/Check", grpc_encoding="gzip")
    with attack.connected(server.address) as connection, suppress(OSError):
        connection.sendall(attack.frame(attack.HEADERS, attack.END_HEADERS, 1, block))
        attack.send_message(connection, 1, message)
        time.sleep(1)


def silent(address: str, count: int, said: bytes = b"") -> None:
    """Hold connections that say nothing, or no more than this, until the other side has closed the first."""
    host, port = address.removeprefix("http://").rstrip("/").rsplit(":", 1)
    with ExitStack() as stack:
        connections = (socket.create_connection((host, int(port)), 60, attack.ELSEWHERE) for _ in range(count))
        held = [stack.enter_context(each) for each in connections]
        for each in held:
            with suppress(OSError):
                each.sendall(said)
        with suppress(OSError):
            while held[0].recv(1 << 12):
                pass


def idle(server: Server) -> None:
    """Hold connections over which HTTP/2 has begun, and that ask for nothing; more than the server takes."""
    with ExitStack() as stack:
        for _ in range(IDLE):
            with suppress(OSError):
                stack.enter_context(attack.connected(server.address))
        time.sleep(2)


def handshakes(server: Server) -> None:
    """Hold connections that begin to shake hands by TLS, until the first is closed."""
    silent(server.address, 1000, b"\x16\x03\x01\x02\x00\x01")  # The head of a ClientHello, and nothing of it.


def burst(server: Server) -> None:
    """Begin 64 calls over each of 300 connections at once, and send none of their messages."""
    block = attack.headers("/grpc.health.v1.Health/Check")
    said = b"".join(attack.frame(attack.HEADERS, attack.END_HEADERS, stream, block) for stream in range(1, 129, 2))
    with ExitStack() as stack:
        for _ in range(300):
            with suppress(OSError):
                stack.enter_context(attack.connected(server.address)).sendall(said)
        time.sleep(5)


def endless(connection: socket.socket, stream: int) -> None:
    """Begin the headers of a call, and go on with them."""
    field = b"\0" + bytes((100,)) + b"x" * 100 + bytes((100,)) + b"y" * 100
    said, sent = attack.frame(attack.CONTINUATION, 0, stream, field * 80), 0
    with suppress(OSError):
        connection.sendall(attack.frame(attack.HEADERS, 0, stream, attack.headers(f"/{attack.SERVICE}/GetInfo")))
        while sent < 2 << 30:
            connection.sendall(said)
            sent += len(said)


def endless_at_once(server: Server) -> None:
    """Do so as the first that is said."""
    with attack.connected(server.address) as connection:
        endless(connection, 1)


def endless_behind(server: Server, count: int) -> None:
    """Do so over connections on which 16 jobs were begun, and all of them left, before."""
    block = attack.headers(attack.RELIGHT, authorization=f"Bearer {TOKEN}")
    said = b"".join(attack.frame(attack.HEADERS, attack.END_HEADERS, stream, block) for stream in range(1, 33, 2))
    said += b"".join(attack.frame(attack.RST_STREAM, 0, stream, bytes(4)) for stream in range(1, 33, 2))
    with ExitStack() as stack:
        connections = [stack.enter_context(attack.connected(server.address)) for _ in range(count)]
        for each in connections:
            each.sendall(said)
        time.sleep(1)
        threads = [threading.Thread(target=endless, args=(each, 33)) for each in connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def unfinished(server: Server) -> None:
    """Ask for health over 128 connections with two messages each, and leave the last byte of 7 MiB out."""
    data = b"\0" + (7 * MIB).to_bytes(4, "big") + bytes(7 * MIB - 1)
    said, block, starts = b"", attack.headers("/grpc.health.v1.Health/Check"), range(0, len(data), 16_000)
    for stream in (1, 3):
        said += attack.frame(attack.HEADERS, attack.END_HEADERS, stream, block)
        said += b"".join(attack.frame(attack.DATA, 0, stream, data[at : at + 16_000]) for at in starts)
    with ExitStack() as stack:
        for _ in range(128):
            with suppress(OSError):
                stack.enter_context(attack.connected(server.address)).sendall(said)
        time.sleep(5)


def long_names(server: Server) -> None:
    """Ask 32 times for the health of a service whose name has 8 MiB, over as many connections."""
    for _ in range(32):
        with server.channel() as channel, suppress(grpc.RpcError):
            request = health_pb2.HealthCheckRequest(service="x" * (8 * MIB))
            next(health_pb2_grpc.HealthStub(channel).Watch(request, timeout=30))


def openings(server: Server) -> None:
    """Open thirty jobs of 20,000 frames and 1000 references, and leave."""
    frames = range(20_000)
    message = opening(frames=frames, references=frames[::20])
    with ExitStack() as stack:
        for _ in range(30):
            call = stack.enter_context(server.stub()).Relight(forever(message), metadata=TRUSTED)
            stack.callback(call.cancel)
        time.sleep(1)


def keys(server: Server) -> None:
    """Open seven jobs with 1.5 million keys, which are 12 MiB."""
    message = attack.opening_of_keys(1_500_000)
    with server.channel() as channel:
        relight = channel.stream_stream(f"/{attack.SERVICE}/Relight")
        for call in [relight(iter([message]), metadata=TRUSTED, timeout=120) for _ in range(7)]:
            call.exception()


def references(server: Server) -> None:
    """Open a job with 1000 references at a working size of 2048, and send the first: they would take 130 GiB."""
    frames, settings = range(1, 1001), pb.Settings(engine="flow", work_size=2048)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "flat.exr")
        write_exr(path, np.full((2048, 2048, 3), 0.5, np.float16))
        data = path.read_bytes()
    said = [opening(settings=settings, frames=frames, references=frames)]
    said += [*pieces(1, data, pb.ROLE_REFERENCE), *pieces(1, data)]
    ask(server, [*said, CLOSE], metadata=TRUSTED)


def forever(message: pb.RelightRequest) -> Iterator[pb.RelightRequest]:
    """Say it, and no more."""
    yield message
    threading.Event().wait(5)


ATTACKS: dict[str, Callable[[Server], None]] = {
    "100,000 calls begun and reset": lambda server: calls(server, f"/{attack.SERVICE}/GetInfo", reset=True),
    "100,000 calls never ended": lambda server: calls(server, f"/{attack.SERVICE}/Relight", reset=False),
    "100,000 calls that watch health": lambda server: calls(server, "/grpc.health.v1.Health/Watch", reset=False),
    "19,200 calls over 300 connections": burst,
    "128 connections, unfinished messages": unfinished,
    "headers without end": endless_at_once,
    "headers without end, behind jobs": lambda server: endless_behind(server, 1),
    "the same over 32 connections": lambda server: endless_behind(server, 32),
    "32 names of 8 MiB": long_names,
    "764 KiB that unpack to 768 MiB": bomb,
    "1,000 silent connections": lambda server: silent(server.address, 1000),
    "3,000 connections that ask for nothing": idle,
    "1,000 TLS handshakes never finished": handshakes,
    "3,000 connections to the page": lambda server: silent(server.page, 3000),
    "30 openings of 20,000 frames, left": openings,
    "7 openings with 1,500,000 keys": keys,
    "1,000 references at 2048 pixels": references,
}


def asked(server: Server, credentials: grpc.ChannelCredentials | None) -> float:
    """Return how long somebody who comes now waits for the server's health."""
    with server.channel(credentials) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        return attack.seconds(lambda: stub.Check(health_pb2.HealthCheckRequest(), timeout=60, wait_for_ready=True))


def measured(name: str, work: Callable[[Server], None], folder: Path) -> None:
    """Print what one attack did."""
    (folder / "tokens").write_text(TOKEN)
    options, trusted = ["--token-file", str(folder / "tokens")], None
    if "TLS" in name:
        certificates(folder)
        options += ["--tls-cert", str(folder / "server.pem"), "--tls-key", str(folder / "server.key")]
        trusted = grpc.ssl_channel_credentials((folder / "ca.pem").read_bytes())
    server = Server(*options, folder=folder)
    try:
        before, waits = attack.peak_bytes(server.pid), [asked(server, trusted)]
        attacker = threading.Thread(target=work, args=(server,))
        took = attack.seconds(
            lambda: (attacker.start(), beside(attacker, lambda: waits.append(asked(server, trusted))))
        )
        grown = (attack.peak_bytes(server.pid) - before) / MIB
        print(
            f"{name:40} {took:6.1f} s  peak {grown:+6.0f} MiB  others in {max(waits[1:]):.2f} s, {waits[0]:.2f} before"
        )
    finally:
        server.kill()


def beside(thread: threading.Thread, call: Callable[[], None]) -> None:
    """Make a call again and again while a thread runs, and once behind it."""
    while thread.is_alive():
        call()
        thread.join(0.1)
    call()


def main() -> None:
    """Measure every attack, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="TEXT", default="", help="attacks with this in their name")
    args = parser.parse_args()
    for name, work in ((name, work) for name, work in ATTACKS.items() if args.only in name):
        with tempfile.TemporaryDirectory() as folder:
            measured(name, work, Path(folder))


if __name__ == "__main__":
    main()
