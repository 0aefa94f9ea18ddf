"""Validates chunks before anything is done with them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from relumix.rpc.messages import crc32c
from relumix.shot.sequence import IMAGE_SUFFIXES
from relumix.v1 import relight_pb2 as pb
from relumix_server.frame_files import PlaneShape
from relumix_server.options import MAX_CHUNK_BYTES
from relumix_server.request import FrameKey, Request
from relumix_server.status_errors import Code, StatusError

MOST_IN_PIECES = 16
"""Most frames that may be incomplete at once."""

LONGEST_NAME = 4096
KINDS: dict[int, str] = {pb.PIXEL_TYPE_HALF: "half", pb.PIXEL_TYPE_FLOAT: "float"}
ROLE_NAMES: dict[int, str] = {
    pb.ROLE_SOURCE: "source",
    pb.ROLE_REFERENCE: "reference",
    pb.ROLE_MASK: "mask",
    pb.ROLE_REFERENCE_MASK: "reference mask",
}


@dataclass(slots=True)
class ReceivedFrame:
    """A frame that is arriving or has arrived, or that is absent.

    path     where its bytes go; None where nobody needs them, or they are needed no more.
    suffix   of that path.
    shape    of raw planes, None for a file.
    absent   why it will not come; None where it does.
    packing  is held by who puts a file in the place of raw planes.
    """

    name: str
    total_bytes: int
    path: Path | None = None
    suffix: str = ""
    shape: PlaneShape | None = None
    received: int = 0
    crc32c: int = 0
    absent: str | None = None
    packing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def complete(self) -> bool:
        """Whether nothing more will come."""
        return self.absent is not None or self.received == self.total_bytes


@dataclass(frozen=True)
class ChunkRules:
    """The rules of one job. Every method raises StatusError where they are broken."""

    request: Request
    max_frame_bytes: int
    max_frame_pixels: int

    def key(self, role: int, frame: int) -> FrameKey:
        """Return the frame of a message."""
        if role not in ROLE_NAMES:
            raise invalid(f"frame {frame} has role {role}: expected source, reference or mask")
        if not self.request.takes(role, frame):
            raise StatusError(
                Code.NOT_FOUND, f"frame {frame} has no {ROLE_NAMES[role]} in this job: it was not opened with one"
            )
        if self.request.paths:
            raise invalid(f"{called((role, frame))} was sent, but the job goes by path")
        return role, frame

    def needs(self, key: FrameKey) -> bool:
        """Tell whether the job has a use for a frame."""
        return self.request.needs(*key)

    def check(self, chunk: pb.FrameChunk, data: bytes | memoryview) -> None:
        """Check what holds for every piece."""
        name, size = called((chunk.role, chunk.frame)), len(data)
        if not 0 < size <= MAX_CHUNK_BYTES:
            raise invalid(f"{name} has a piece of {size} bytes: expected 1 to {MAX_CHUNK_BYTES}")
        if chunk.total_bytes > self.max_frame_bytes:
            most = self.max_frame_bytes
            raise StatusError(
                Code.RESOURCE_EXHAUSTED, f"{name} has {chunk.total_bytes} bytes: this server takes up to {most}"
            )
        if chunk.offset + size > chunk.total_bytes:
            end = chunk.offset + size
            raise invalid(f"{name} has a piece that ends at {end}, behind its end at {chunk.total_bytes}")
        if crc32c(data) != chunk.crc32c:
            raise StatusError(
                Code.DATA_LOSS, f"{name} was damaged on the way: its CRC-32C is not the one it was sent with"
            )

    def begin(self, key: FrameKey, chunk: pb.FrameChunk, *, in_pieces: int) -> ReceivedFrame:
        """Return the frame that a first piece begins; `in_pieces` others are incomplete."""
        if in_pieces >= MOST_IN_PIECES:
            raise invalid(f"more than {MOST_IN_PIECES} frames are in pieces: expected frames one after another")
        if chunk.offset:
            raise invalid(f"{called(key)} has a piece at {chunk.offset}: expected the one at 0, in order")
        raw = chunk.HasField("raw")
        if key[0] == pb.ROLE_SOURCE and raw != self.request.raw:
            raise invalid(f"{called(key)} is {'raw' if raw else 'a file'}, but the job was opened with the other")
        if len(chunk.name) > LONGEST_NAME or not chunk.name.isprintable():
            raise invalid(f"{called(key)} has a name that is not printable, or longer than {LONGEST_NAME}")
        shape = self._shape(key, chunk) if raw else None
        suffix = ".raw" if raw else PurePosixPath(chunk.name.replace("\\", "/")).suffix.lower()
        if not raw and suffix not in IMAGE_SUFFIXES:
            raise invalid(
                f"{called(key)} is called '{chunk.name[:200]}': expected a name that ends in one of "
                f"{', '.join(sorted(IMAGE_SUFFIXES))}"
            )
        return ReceivedFrame(chunk.name or f"frame {key[1]}", chunk.total_bytes, suffix=suffix, shape=shape)

    def _shape(self, key: FrameKey, chunk: pb.FrameChunk) -> PlaneShape:
        raw, channels = chunk.raw, tuple(chunk.raw.channels)
        expected: tuple[tuple[str, ...], ...] = (("R", "G", "B"), ("R", "G", "B", "A"))
        one = key[0] in (pb.ROLE_MASK, pb.ROLE_REFERENCE_MASK) and len(channels) == 1
        if (channels not in expected and not one) or raw.type not in KINDS or not (raw.width and raw.height):
            raise invalid(f"{called(key)} has planes that make no picture: expected half or float R, G, B (, A)")
        if raw.width * raw.height > self.max_frame_pixels:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                f"{called(key)} is {raw.width}x{raw.height}: expected up to {self.max_frame_pixels} pixels",
            )
        shape = PlaneShape(raw.width, raw.height, ("Y",) if one else channels, KINDS[raw.type])
        if shape.total_bytes != chunk.total_bytes:
            raise invalid(f"{called(key)} has {chunk.total_bytes} bytes: expected {shape.total_bytes} for its planes")
        return shape


def called(key: FrameKey) -> str:
    """Return a frame's name for messages."""
    return f"the {ROLE_NAMES.get(key[0], 'file')} of frame {key[1]}"


def invalid(message: str) -> StatusError:
    """Return the status for a broken rule of the stream."""
    return StatusError(Code.INVALID_ARGUMENT, message)
