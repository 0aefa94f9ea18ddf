"""What the service costs: against the command in this process, payload without an engine, and many clients.

    python tests/benchmarks/bench_service.py [--frames 16] [--engine flow] [--only payload] [--json FILE]

Servers are processes of their own on loopback. Runs in this process and through the server take turns, so that what
else the machine does meets both. Figures of one run can be compared with each other, not with another machine's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from relumix.client.connection import servers
from relumix.client.payload import Payload
from relumix.client.remote_job import RemoteEngine
from relumix.client.session import Session
from relumix.v1 import relight_pb2 as pb
from tests.benchmarks.bench_relight import make_plate
from tests.benchmarks.echo_server import ECHO

SIZE = (1920, 1080)
ROUNDS, PAYLOAD_ROUNDS = 3, 7
CLIENTS = (1, 4, 16)
CLIENT_FRAMES = 8
PAYLOAD_FRAMES, PAYLOAD_BYTES, PIECE_BYTES = 96, 8 << 20, 4 << 20


@contextmanager
def server(*command: str) -> Iterator[str]:
    """Run a server; yields its address."""
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait(30)


@dataclass(frozen=True)
class Took:
    """Seconds of a job: itself, the engine loaded and the server reached; and of the command as a whole."""

    job: float
    command: float


def relight(folder: Path, output: Path, engine: str, *options: str) -> Took:
    """Run the command."""
    command = [sys.executable, "-m", "relumix.cli.main", "relight", str(folder), "-r", str(folder.parent / "relit.exr")]
    command += ["-o", str(output), "--engine", engine, "--overwrite", "--progress", "json", *options]
    began = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return Took(float(json.loads(ended.stdout.splitlines()[-1])["seconds"]), time.perf_counter() - began)


def plate(folder: Path, size: tuple[int, int], frames: int) -> Path:
    """Make a plate and its relit frame beside it."""
    source = folder / "plate"
    source.mkdir(parents=True)
    make_plate(source, *size, frames).rename(folder / "relit.exr")
    return source


def compare(folder: Path, engine: str, frames: int, address: str) -> dict[str, float]:
    """Seconds a frame here and through the server, 1080p half, one client."""
    source = plate(folder, SIZE, frames)
    here, there = [], []
    for _ in range(ROUNDS):
        here.append(relight(source, folder / "here", engine))
        there.append(relight(source, folder / "there", engine, "--server", address))
    for path in (folder / "here").iterdir():
        assert path.read_bytes() == (folder / "there" / path.name).read_bytes(), path.name
    pairs = list(zip(here, there, strict=True))
    return {
        "frames": frames,
        "seconds_a_frame_here": statistics.median(took.job for took in here) / frames,
        "seconds_a_frame_through_server": statistics.median(took.job for took in there) / frames,
        "overhead": statistics.median(b.job / a.job for a, b in pairs) - 1,
        "least_overhead": min(b.job / a.job for a, b in pairs) - 1,
        "most_overhead": max(b.job / a.job for a, b in pairs) - 1,
        "command_seconds_here": statistics.median(took.command for took in here),
        "command_seconds_through_server": statistics.median(took.command for took in there),
    }


def crowd(folder: Path, engine: str, address: str) -> dict[int, float]:
    """Frames a second of all clients together, by how many there are; quarter-size frames."""
    source = plate(folder, (960, 540), CLIENT_FRAMES)
    rates = {}
    for count in CLIENTS:
        options = ("--server", address, "--work-size", "480")
        threads = [
            threading.Thread(target=relight, args=(source, folder / f"out{i}", engine, *options)) for i in range(count)
        ]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rates[count] = count * CLIENT_FRAMES / (time.perf_counter() - began)
    return rates


@dataclass
class Boxes:
    """A RemoteJob (relumix.client.remote_job) of frames that nobody looks into."""

    engine: RemoteEngine
    roles = (pb.ROLE_RESULT,)
    data = bytes(PAYLOAD_BYTES)

    def opening(self, frames: Sequence[int]) -> pb.Open:
        """Ask for all of them."""
        return pb.Open(frames=frames, references=frames[:1])

    def load(self, frame: int, role: pb.Role) -> Payload:
        """Return a box."""
        return Payload(f"{frame}.exr", self.data)

    def account(self, stage_seconds: Mapping[str, float]) -> None:
        """Nobody asks."""


def through_service(address: str, result_bytes: int = PAYLOAD_BYTES) -> float:
    """Megabytes a second on the way there, by the client's own stream, to a server that relights nothing.

    result_bytes  what comes back for each frame.
    """
    server, frames, received = servers(address)[0], range(1, PAYLOAD_FRAMES + 1), 0
    with server.channel() as channel:
        engine = RemoteEngine.of(server.info(channel), "flow")
    assert engine is not None
    began = time.perf_counter()
    for delivery in Session(server, Boxes(engine), frames).deliveries():  # type: ignore[arg-type]  # without a plan
        received += delivery.payloads[pb.ROLE_RESULT].size_bytes
    assert received == PAYLOAD_FRAMES * result_bytes
    return PAYLOAD_FRAMES * PAYLOAD_BYTES / (time.perf_counter() - began) / 1e6


def through_grpc(address: str) -> float:
    """Megabytes a second each way through a gRPC server that sends bytes back, and nothing else."""
    piece, count = bytes(PIECE_BYTES), PAYLOAD_FRAMES * PAYLOAD_BYTES // PIECE_BYTES
    with servers(address)[0].channel() as channel:
        began = time.perf_counter()
        received = sum(map(len, channel.stream_stream(ECHO)(piece for _ in range(count))))
    assert received == count * PIECE_BYTES
    return received / (time.perf_counter() - began) / 1e6


def payload() -> dict[str, float]:
    """How fast frames travel where nothing is done to them; gRPC alone, in turn with it, is the yardstick."""
    with (
        server("tests/benchmarks/echo_server.py") as service,
        server("tests/benchmarks/echo_server.py", "plain") as bare,
        server("tests/benchmarks/echo_server.py", "sink") as sink,
    ):
        rates = [(through_service(service), through_grpc(bare)) for _ in range(1 + PAYLOAD_ROUNDS)]
        there = [through_service(sink, 1) for _ in range(1 + PAYLOAD_ROUNDS)]
    del rates[0], there[0]  # the first find memory that the kernel has yet to clear
    return {
        "megabytes_a_second_each_way": statistics.median(rate for rate, _ in rates),
        "least": min(rate for rate, _ in rates),
        "most": max(rate for rate, _ in rates),
        "grpc_alone": statistics.median(rate for _, rate in rates),
        "megabytes_a_second_there_alone": statistics.median(there),
        "share_of_grpc_alone": statistics.median(rate / alone for rate, alone in rates),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--engine", default="flow")
    parser.add_argument("--only", choices=("payload", "one_client", "clients"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found: dict[str, object] = {"engine": args.engine}
    if args.only in (None, "payload"):
        found["payload"] = payload()
    if args.only != "payload":
        command = ("-m", "relumix.cli.main", "serve", "--listen", "127.0.0.1:0", "--metrics", "none")
        places = str(max(CLIENTS))
        options = ("--engine", args.engine, "--max-sessions", places, "--max-client-sessions", places)
        with tempfile.TemporaryDirectory() as folder, server(*command, *options) as address:
            if args.only in (None, "one_client"):
                found["one_client"] = compare(Path(folder) / "compare", args.engine, args.frames, address)
            if args.only in (None, "clients"):
                found["frames_a_second_by_clients"] = crowd(Path(folder) / "crowd", args.engine, address)
    print(json.dumps(found, indent=2))
    if args.json:
        args.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
