"""What the service costs: against the command in this process, payload without an engine, and many clients.

    python tests/benchmarks/bench_service.py [--frames 16] [--engine flow] [--json FILE]

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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import google_crc32c
import grpc

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from relumix.v1 import relight_pb2 as pb
from relumix.v1.relight_pb2_grpc import RelightServiceStub
from tests.benchmarks.bench_relight import make_plate

SIZE = (1920, 1080)
ROUNDS = 3
CLIENTS = (1, 4, 16)
CLIENT_FRAMES = 8
PAYLOAD_FRAMES, PAYLOAD_BYTES, PIECE_BYTES = 48, 32 << 20, 4 << 20


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


def relight(folder: Path, output: Path, engine: str, *options: str) -> float:
    """Run the command; returns the seconds of the job itself, without the start of Python."""
    command = [sys.executable, "-m", "relumix.cli.main", "relight", str(folder), "-r", str(folder.parent / "relit.exr")]
    command += ["-o", str(output), "--engine", engine, "--overwrite", "--progress", "json", *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(ended.stdout.splitlines()[-1])["seconds"])


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
    overhead = statistics.median(b / a for a, b in zip(here, there, strict=True)) - 1
    return {
        "seconds_a_frame_here": statistics.median(here) / frames,
        "seconds_a_frame_through_server": statistics.median(there) / frames,
        "overhead": overhead,
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


def payload(address: str) -> dict[str, float]:
    """Megabytes a second through a server that relights nothing, each byte counted once on its way there and back."""
    piece = bytes(PIECE_BYTES)
    checksum = google_crc32c.value(piece)

    def said() -> Iterator[pb.RelightRequest]:
        frames = range(1, PAYLOAD_FRAMES + 1)
        yield pb.RelightRequest(open=pb.Open(frames=frames, references=[1]))
        for frame in frames:
            for offset in range(0, PAYLOAD_BYTES, PIECE_BYTES):
                chunk = pb.FrameChunk(
                    frame=frame, role=pb.ROLE_SOURCE, name=f"{frame}.exr", offset=offset, total_bytes=PAYLOAD_BYTES,
                    data=piece, crc32c=checksum,
                )  # fmt: skip
                yield pb.RelightRequest(chunk=chunk)
        yield pb.RelightRequest(close=pb.Close())

    received = 0
    with grpc.insecure_channel(address, [("grpc.max_receive_message_length", 16 << 20)]) as channel:
        began = time.perf_counter()
        for response in RelightServiceStub(channel).Relight(said()):
            received += len(response.chunk.data)
        seconds = time.perf_counter() - began
    assert received == PAYLOAD_FRAMES * PAYLOAD_BYTES
    return {"megabytes_a_second_each_way": received / seconds / 1e6, "megabytes_a_second": 2 * received / seconds / 1e6}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--engine", default="flow")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found: dict[str, object] = {"engine": args.engine}
    with tempfile.TemporaryDirectory() as folder:
        with server("tests/benchmarks/echo_server.py") as address:
            found["payload"] = payload(address)
        command = ("-m", "relumix.cli.main", "serve", "--listen", "127.0.0.1:0", "--metrics", "none")
        with server(*command, "--engine", args.engine, "--max-sessions", str(max(CLIENTS))) as address:
            found["one_client"] = compare(Path(folder) / "compare", args.engine, args.frames, address)
            found["frames_a_second_by_clients"] = crowd(Path(folder) / "crowd", args.engine, address)
    print(json.dumps(found, indent=2))
    if args.json:
        args.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
