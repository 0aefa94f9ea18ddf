"""Real servers in processes of their own, and a bare client that says exactly what a test wants said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import google_crc32c
import grpc
import numpy as np
import OpenImageIO as oiio
from google.rpc import error_details_pb2, status_pb2

import relumix
from relumix.v1 import relight_pb2 as pb
from relumix.v1.relight_pb2_grpc import RelightServiceStub
from tests.synthetic import make_shot

FRAMES = tuple(range(1001, 1007))
SIZE = (80, 48)


class Server:
    """`relumix serve` at a free port of loopback, ended by its own pid."""

    def __init__(self, *options: str, folder: Path, module: str = "relumix.cli.main", ready: bool = True) -> None:
        command = [sys.executable, "-m", module, "serve", "--listen", "127.0.0.1:0", "--log-format", "json"]
        self.spool = folder / "spool"
        self.spool.mkdir(exist_ok=True)
        command += ["--metrics", "127.0.0.1:0", "--workers", "2", "--spool", str(self.spool), *options]
        self.log: list[dict] = []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.address = ""
        if ready:
            self.await_ready()

    def await_ready(self) -> None:
        """Return when it serves."""
        line = self.process.stdout.readline()
        if not line:
            self._reader.join(10)
            raise AssertionError(f"the server did not start: {self.log}")
        self.address = line.split()[-1]

    def _read(self) -> None:
        for line in self.process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"message": line.rstrip()})

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def page(self) -> str:
        deadline = time.monotonic() + 20  # The log is read by a thread of its own.
        while time.monotonic() < deadline:
            for line in list(self.log):
                if line["message"].startswith("listening"):
                    return line["message"].split()[-1]
            time.sleep(0.02)
        raise AssertionError(f"the server says nothing of its page: {self.log}")

    def children(self) -> list[int]:
        return [int(p) for p in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def resident_bytes(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def kept_files(self) -> list[Path]:
        """Every file of this server's spool, in memory and on disk."""
        links = {_link(descriptor) for descriptor in Path(f"/proc/{self.pid}/fd").iterdir()}
        places = [Path(link) for link in links if "relumix-spool" in link]
        return [file for lock in places for file in lock.parent.iterdir() if file.name not in ("lock", "scratch")]

    @contextmanager
    def stub(self, credentials: grpc.ChannelCredentials | None = None) -> Iterator[RelightServiceStub]:
        with self.channel(credentials) as channel:
            yield RelightServiceStub(channel)

    def channel(self, credentials: grpc.ChannelCredentials | None = None) -> grpc.Channel:
        options = [("grpc.max_receive_message_length", 16 << 20), ("grpc.use_local_subchannel_pool", 1)]
        if credentials:
            return grpc.secure_channel(self.address, credentials, options)
        return grpc.insecure_channel(self.address, options)

    def info(self) -> pb.GetInfoResponse:
        with self.stub() as stub:
            return stub.GetInfo(pb.GetInfoRequest(), timeout=20)

    def stop(self, seconds: float = 30) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self._reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


@contextmanager
def serving(folder: Path, *options: str, module: str = "relumix.cli.main") -> Iterator[Server]:
    server = Server(*options, folder=folder, module=module)
    try:
        yield server
        if server.process.poll() is None:
            assert server.stop() == 0, server.log
        told = [line for line in server.log if "traceback" in line or "Traceback" in line["message"]]
        traces = "\n".join(line.get("traceback", line["message"]) for line in told)
        assert not told, f"the server logged what it should not:\n{traces}"
    finally:
        server.kill()


# What a client says.


def opening(**changes) -> pb.RelightRequest:
    """An opening message for FRAMES with one reference, or with changes."""
    fields = {"settings": pb.Settings(engine="flow"), "frames": FRAMES, "references": FRAMES[:1]}
    return pb.RelightRequest(open=pb.Open(**{**fields, **changes}))


def pieces(frame: int, data: bytes, role: int = pb.ROLE_SOURCE, *, name: str = "", size: int = 1 << 20, raw=None):
    """The chunks of a file."""
    for offset in range(0, len(data), size):
        part = data[offset : offset + size]
        chunk = pb.FrameChunk(
            frame=frame, role=role, offset=offset, total_bytes=len(data), data=part, crc32c=google_crc32c.value(part)
        )
        if not offset:
            chunk.name = name or f"{frame}.exr"
            if raw:
                chunk.raw.CopyFrom(raw)
        yield pb.RelightRequest(chunk=chunk)


CLOSE = pb.RelightRequest(close=pb.Close())


@dataclass
class Answer:
    """All that came back."""

    accepted: pb.Accepted | None = None
    results: dict[int, bytes] = field(default_factory=dict)
    gains: dict[int, bytes] = field(default_factory=dict)
    confidence: dict[int, bytes] = field(default_factory=dict)
    shapes: dict[int, pb.RawPlanes] = field(default_factory=dict)
    done: dict[int, int] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    errors: dict[int, pb.FrameError] = field(default_factory=dict)
    progress: list[tuple[int, int]] = field(default_factory=list)
    summary: pb.Summary | None = None
    status: grpc.StatusCode = grpc.StatusCode.OK
    details: str = ""
    retry_seconds: float | None = None


def ask(server: Server, messages: Iterable[pb.RelightRequest], *, timeout=60, metadata=(), credentials=None) -> Answer:
    """Send messages, and read until the end."""
    answer = Answer()
    with server.stub(credentials) as stub:
        call = stub.Relight(iter(messages), timeout=timeout, metadata=metadata)
        try:
            for response in call:
                _note(answer, response)
        except grpc.RpcError as error:
            answer.status, answer.details = error.code(), error.details()
            answer.retry_seconds = retry_of(error)
    return answer


def _note(answer: Answer, response: pb.RelightResponse) -> None:
    kind = response.WhichOneof("message")
    message = getattr(response, kind)
    if kind == "chunk":
        assert google_crc32c.value(message.data) == message.crc32c
        files = {pb.ROLE_RESULT: answer.results, pb.ROLE_GAIN: answer.gains, pb.ROLE_CONFIDENCE: answer.confidence}[
            message.role
        ]
        assert len(files.get(message.frame, b"")) == message.offset
        files[message.frame] = files.get(message.frame, b"") + message.data
        if message.HasField("raw"):
            answer.shapes[message.frame] = message.raw
    elif kind == "done":
        answer.done[message.frame] = message.nonfinite_pixels
        answer.order.append(message.frame)
    elif kind == "error":
        answer.errors[message.frame] = message
        answer.order.append(message.frame)
    elif kind == "progress":
        answer.progress.append((message.done, message.total))
    else:
        setattr(answer, kind, message)


def retry_of(error: grpc.RpcError) -> float | None:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            retry = error_details_pb2.RetryInfo()
            assert (status.code, status.message) == (error.code().value[0], error.details())
            assert status.details[0].Unpack(retry)
            return retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    return None


# Shots.


def write_exr(path: Path, pixels: np.ndarray, kind: str = "half", names: str = "RGBA") -> None:
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    spec.channelnames = tuple(names[: pixels.shape[2]])
    spec.attribute("compression", "zip")
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec)
    assert out.write_image(np.ascontiguousarray(pixels, np.float32))
    assert out.close()


class Disk:
    """A small shot on disk, and what the command makes of it."""

    def __init__(self, folder: Path, *, size=SIZE, frames=FRAMES, **shot) -> None:
        self.folder, self.frames = folder, tuple(frames)
        self.shot = make_shot(size=size, frames=frames, **{"pan": (2, 0), **shot})
        (folder / "plate").mkdir(parents=True)
        for frame in self.frames:
            write_exr(self.plate(frame), self.shot.plate[frame])
            write_exr(self.reference(frame), self.shot.truth[frame])

    def plate(self, frame: int) -> Path:
        return self.folder / f"plate/p.{frame}.exr"

    def reference(self, frame: int) -> Path:
        return self.folder / f"relit.{frame}.exr"

    def mask(self, frame: int) -> Path:
        return self.folder / f"mask.{frame}.exr"

    def in_process(self, *references: int, out="out", **settings) -> dict[int, bytes]:
        """What the job in this process makes: whole files."""
        paths = {frame: self.reference(frame) for frame in references or self.frames[:1]}
        folder = self.folder / out
        relumix.relight(self.folder / "plate", paths, folder, relumix.Settings(**settings))
        return {int(path.stem.split(".")[1]): path.read_bytes() for path in sorted(folder.glob("*.exr"))}

    def keys(self, made: dict[int, bytes], out="out") -> dict[int, str]:
        from relumix.pipeline.fingerprint import stored_fingerprint

        return {frame: stored_fingerprint(self.folder / out / f"p.{frame}.exr") for frame in made}

    def said(self, *references: int, keys=None, frames=None, masks=None, **fields) -> Iterator[pb.RelightRequest]:
        """The whole of what a client says."""
        references = references or self.frames[:1]
        masks_kind = pb.MASKS_UNSPECIFIED if masks is None else masks
        yield opening(frames=self.frames, references=references, keys=keys or {}, masks=masks_kind, **fields)
        for frame in references:
            path = self.reference(frame)
            yield from pieces(frame, path.read_bytes(), pb.ROLE_REFERENCE, name=str(path))
        for frame in frames or self.frames:
            yield from pieces(frame, self.plate(frame).read_bytes(), name=str(self.plate(frame)))
            if masks == pb.MASKS_EACH or (masks == pb.MASKS_ONE and frame == references[0]):
                yield from pieces(frame, self.mask(frame).read_bytes(), pb.ROLE_MASK, name=str(self.mask(frame)))
        yield CLOSE
