"""A real server for tests: its own process, a free port of this machine, ended by its own pid."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

START_SECONDS = 90


@dataclass
class RealServer:
    """`relumix serve`, ready to serve."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def kill(self) -> None:
        """Kill -9."""
        self.process.kill()
        self.process.wait()


@contextmanager
def serve(
    folder: Path, *options: str, port: int | None = None, credentials: bytes | None = None
) -> Iterator[RealServer]:
    """Serve until the block is left; the log is kept in `folder`. credentials: the CA of a server with TLS."""
    port = port or free_port()
    log = folder / f"server-{port}.log"
    command = [sys.executable, "-m", "relumix.cli.main", "serve", "--listen", f"127.0.0.1:{port}"]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*command, "--metrics", "127.0.0.1:0", "--workers", "2", *options], stdout=out, stderr=subprocess.STDOUT
        )
    server = RealServer(port, process, log)
    try:
        _wait(server, credentials)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: RealServer, ca: bytes | None) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.process.poll() is None, server.log.read_text()
        channel = (
            grpc.secure_channel(server.address, grpc.ssl_channel_credentials(ca))
            if ca
            else grpc.insecure_channel(server.address)
        )
        with channel:
            try:
                stub = health_pb2_grpc.HealthStub(channel)
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=2)
            except grpc.RpcError:
                time.sleep(0.1)
                continue
        if answer.status == health_pb2.HealthCheckResponse.SERVING:
            return
        time.sleep(0.1)
    raise AssertionError(f"no server within {START_SECONDS} s: {server.log.read_text()}")
