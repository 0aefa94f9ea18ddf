"""The frames of one session as they arrive: checked, kept in the spool, and waited for by those who need them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from google.rpc import code_pb2

from relumix.rpc.messages import Piece, crc32c
from relumix.shot.sequence import IMAGE_SUFFIXES
from relumix.v1 import relight_pb2 as pb
from relumix_server.options import MAX_CHUNK_BYTES
from relumix_server.request import Request, Wanted
from relumix_server.spool import Spool
from relumix_server.status_errors import Code, CodedFrameError, RefusedError, SessionCancelledError
from relumix_server.worker_tasks import Shape

MOST_IN_PIECES = 16
"""Frames that may have begun and not ended at once."""

LONGEST_NAME = 4096
KINDS: dict[int, str] = {pb.PIXEL_TYPE_HALF: "half", pb.PIXEL_TYPE_FLOAT: "float"}
ROLE_NAMES: dict[int, str] = {pb.ROLE_SOURCE: "source", pb.ROLE_REFERENCE: "reference", pb.ROLE_MASK: "mask"}


@dataclass
class Arrival:
    """A frame that has begun to arrive, or that will not come.

    path     where its bytes go; None where nobody needs them, or they are needed no more.
    shape    of raw planes, None for a file.
    absent   why it will not come; None where it does.
    packing  is held by who puts a file in the place of raw planes.
    """

    name: str
    total_bytes: int
    path: Path | None
    shape: Shape | None = None
    received: int = 0
    crc32c: int = 0
    absent: str | None = None
    packing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def complete(self) -> bool:
        """Whether nothing more will come."""
        return self.absent is not None or self.received == self.total_bytes


class Intake:
    """What has arrived. Messages come from one side, waits from several threads on the other.

    on_change  is called, on any thread, when the answer of `may_read` may have changed.
    """

    def __init__(
        self,
        request: Request,
        spool: Spool,
        *,
        max_frame_bytes: int,
        max_frame_pixels: int,
        ahead_bytes: int,
    ) -> None:
        self._request, self._spool = request, spool
        self.on_change: Callable[[], None] = lambda: None
        self._max_frame_bytes, self._max_frame_pixels = max_frame_bytes, max_frame_pixels
        self._ahead_bytes = ahead_bytes
        self._arrivals: dict[Wanted, Arrival] = {}
        self._repeats: dict[Wanted, Arrival] = {}
        self._changed = threading.Condition()
        self._ended: BaseException | None = None
        self._closed = False
        self._waits: dict[int, float] = {}
        self._held_bytes = 0
        self.received_bytes = 0

    @property
    def closed(self) -> bool:
        """Whether the client said that it has sent everything."""
        return self._closed

    def may_read(self) -> bool:
        """Tell whether the next message is wanted: there is room, or somebody waits for what is not there."""
        return self._held_bytes <= self._ahead_bytes or bool(self._waits)

    def waiting_since(self) -> float | None:
        """Return the time.monotonic() from which on somebody has waited for a frame, None where nobody does."""
        with self._changed:
            return min(self._waits.values(), default=None)

    # The side of the stream.

    def piece(self, piece: Piece) -> int:
        """Take a piece of a frame; returns its size in bytes. Raises RefusedError."""
        chunk, data = piece.head, piece.data
        wanted = self._wanted(chunk.role, chunk.frame)
        self._check_piece(chunk, data)
        self.received_bytes += len(data)
        arrival = self._arrivals.get(wanted)
        if arrival is None:
            arrival = self._arrivals[wanted] = self._begin(wanted, chunk)
        elif arrival.complete:
            self._repeat(wanted, arrival, chunk, data)
            return len(data)
        self._follow(wanted, arrival, chunk, data)
        with self._changed:  # So that no file comes back after `end` removed it.
            if self._ended is not None:
                self._spool.release(arrival.path)
                arrival.path = None
            if arrival.path:
                with arrival.path.open("ab") as file:
                    file.write(data)
                self._held_bytes += len(data)
            arrival.received += len(data)  # Not before they are in the file: who waits for it takes it then.
            if arrival.complete:
                self._changed.notify_all()
        return len(data)

    def absent(self, message: pb.FrameAbsent) -> None:
        """Take note of a frame that will not come. Raises RefusedError."""
        wanted = self._wanted(message.role, message.frame)
        if wanted in self._arrivals:
            raise _invalid(f"{_called(wanted)} is said to be absent, but it was sent")
        why = " ".join(message.message.split())[:LONGEST_NAME] or f"{_called(wanted)} is absent"
        self._arrivals[wanted] = Arrival("", 0, None, absent=why)
        self._notify()

    def close(self) -> None:
        """Take note that everything was sent. Raises RefusedError."""
        self._refuse_closed()
        if pieces := [wanted for wanted, arrival in self._arrivals.items() if not arrival.complete]:
            raise _invalid(f"the stream was closed with {_called(pieces[0])} sent in part")
        self._closed = True
        self._notify()

    def end(self, error: BaseException) -> None:
        """Let everyone who waits raise an error, and free the files of all frames."""
        with self._changed:
            self._ended = self._ended or error
            paths = [arrival.path for arrival in self._arrivals.values()]
            for arrival in self._arrivals.values():
                arrival.path = None
            self._changed.notify_all()
        for path in paths:
            self._spool.release(path)

    # The side of the work.

    def wait(self, role: int, frame: int) -> Arrival:
        """Return a frame as soon as it is there. Raises CodedFrameError where it will not come."""
        wanted, me = (role, frame), threading.get_ident()
        with self._changed:
            try:
                while self._ended is None and not self._settled(wanted):
                    if me not in self._waits:
                        self._waits[me] = time.monotonic()
                        self.on_change()
                    self._changed.wait()
            finally:
                self._waits.pop(me, None)
            if self._ended is not None:
                raise SessionCancelledError from self._ended
            arrival = self._arrivals.get(wanted)
        if arrival is None or not arrival.complete:
            message = f"frame {frame}: its {ROLE_NAMES[role]} was not sent before the close"
            raise CodedFrameError(frame, code_pb2.NOT_FOUND, message)
        if arrival.absent is not None:
            raise CodedFrameError(frame, code_pb2.NOT_FOUND, arrival.absent)
        return arrival

    def name(self, role: int, frame: int) -> str:
        """Return what the client calls a frame; '' where it has not said."""
        with self._changed:
            arrival = self._arrivals.get((role, frame))
            return arrival.name if arrival else ""

    def names_by_path(self) -> list[tuple[str, str]]:
        """Return the path of every frame that is there, and what the client calls it."""
        with self._changed:
            return [(str(arrival.path), arrival.name) for arrival in self._arrivals.values() if arrival.path]

    def _settled(self, wanted: Wanted) -> bool:
        return self._closed or (wanted in self._arrivals and self._arrivals[wanted].complete)

    def exchange(self, arrival: Arrival, path: Path) -> None:
        """Put another file in the place of the one that arrived."""
        with self._changed:
            old, arrival.path = arrival.path, path
            ended = self._ended is not None
        self._spool.release(old)
        if ended:
            self._spool.release(path)

    def release(self, role: int, frame: int) -> None:
        """Free the file of a frame that is needed no more."""
        with self._changed:
            arrival = self._arrivals.get((role, frame))
            if arrival is None or arrival.path is None:
                return
            path, arrival.path = arrival.path, None
            self._held_bytes -= arrival.total_bytes
        self._spool.release(path)
        self.on_change()

    # What a message must be.

    def _wanted(self, role: int, frame: int) -> Wanted:
        self._refuse_closed()
        if role not in ROLE_NAMES:
            raise _invalid(f"frame {frame} has role {role}: expected source, reference or mask")
        if not self._request.takes(role, frame):
            raise RefusedError(
                Code.NOT_FOUND, f"frame {frame} has no {ROLE_NAMES[role]} in this job: it was not opened with one"
            )
        if self._request.paths:
            raise _invalid(f"{_called((role, frame))} was sent, but the job goes by path")
        return role, frame

    def _refuse_closed(self) -> None:
        if self._closed:
            raise _invalid("a message came after close: expected nothing more")

    def _check_piece(self, chunk: pb.FrameChunk, data: bytes | memoryview) -> None:
        called, size = _called((chunk.role, chunk.frame)), len(data)
        if not 0 < size <= MAX_CHUNK_BYTES:
            raise _invalid(f"{called} has a piece of {size} bytes: expected 1 to {MAX_CHUNK_BYTES}")
        if chunk.total_bytes > self._max_frame_bytes:
            most = self._max_frame_bytes
            raise RefusedError(
                Code.RESOURCE_EXHAUSTED, f"{called} has {chunk.total_bytes} bytes: this server takes up to {most}"
            )
        if chunk.offset + size > chunk.total_bytes:
            end = chunk.offset + size
            raise _invalid(f"{called} has a piece that ends at {end}, behind its end at {chunk.total_bytes}")
        if crc32c(data) != chunk.crc32c:
            raise RefusedError(
                Code.DATA_LOSS, f"{called} was damaged on the way: its CRC-32C is not the one it was sent with"
            )

    def _begin(self, wanted: Wanted, chunk: pb.FrameChunk) -> Arrival:
        if sum(not arrival.complete for arrival in self._arrivals.values()) >= MOST_IN_PIECES:
            raise _invalid(f"more than {MOST_IN_PIECES} frames are in pieces: expected frames one after another")
        if chunk.offset:
            raise _invalid(f"{_called(wanted)} has a piece at {chunk.offset}: expected the one at 0, in order")
        raw = chunk.HasField("raw")
        if wanted[0] == pb.ROLE_SOURCE and raw != self._request.raw:
            raise _invalid(f"{_called(wanted)} is {'raw' if raw else 'a file'}, but the job was opened with the other")
        if len(chunk.name) > LONGEST_NAME or not chunk.name.isprintable():
            raise _invalid(f"{_called(wanted)} has a name that is not printable, or longer than {LONGEST_NAME}")
        shape = self._shape(wanted, chunk) if raw else None
        suffix = ".raw" if raw else PurePosixPath(chunk.name.replace("\\", "/")).suffix.lower()
        if not raw and suffix not in IMAGE_SUFFIXES:
            raise _invalid(
                f"{_called(wanted)} is called '{chunk.name[:200]}': expected a name that ends in one of "
                f"{', '.join(sorted(IMAGE_SUFFIXES))}"
            )
        path = self._spool.place(suffix, chunk.total_bytes) if self._request.needs(*wanted) else None
        return Arrival(chunk.name or f"frame {wanted[1]}", chunk.total_bytes, path, shape)

    def _shape(self, wanted: Wanted, chunk: pb.FrameChunk) -> Shape:
        raw, channels = chunk.raw, tuple(chunk.raw.channels)
        expected: tuple[tuple[str, ...], ...] = (("R", "G", "B"), ("R", "G", "B", "A"))
        one = wanted[0] == pb.ROLE_MASK and len(channels) == 1
        if (channels not in expected and not one) or raw.type not in KINDS or not (raw.width and raw.height):
            raise _invalid(f"{_called(wanted)} has planes that make no picture: expected half or float R, G, B (, A)")
        if raw.width * raw.height > self._max_frame_pixels:
            raise RefusedError(
                Code.RESOURCE_EXHAUSTED,
                f"{_called(wanted)} is {raw.width}x{raw.height}: expected up to {self._max_frame_pixels} pixels",
            )
        shape = Shape(raw.width, raw.height, ("Y",) if one else channels, KINDS[raw.type])
        if shape.total_bytes != chunk.total_bytes:
            raise _invalid(
                f"{_called(wanted)} has {chunk.total_bytes} bytes: expected {shape.total_bytes} for its planes"
            )
        return shape

    def _follow(self, wanted: Wanted, arrival: Arrival, chunk: pb.FrameChunk, data: bytes | memoryview) -> None:
        """Check that a piece lies behind those that are there."""
        if chunk.offset != arrival.received:
            raise _invalid(
                f"{_called(wanted)} has a piece at {chunk.offset}: expected the one at {arrival.received}, in order"
            )
        if chunk.total_bytes != arrival.total_bytes:
            raise _invalid(
                f"{_called(wanted)} has {chunk.total_bytes} bytes, and had {arrival.total_bytes} in its first piece"
            )
        arrival.crc32c = crc32c(data, arrival.crc32c) if chunk.offset else chunk.crc32c

    def _repeat(self, wanted: Wanted, arrival: Arrival, chunk: pb.FrameChunk, data: bytes | memoryview) -> None:
        """Take a piece of a frame that is there already: it must be the same."""
        again = self._repeats.setdefault(wanted, Arrival(arrival.name, chunk.total_bytes, None))
        self._follow(wanted, again, chunk, data)
        again.received += len(data)
        same = arrival.absent is None and again.total_bytes == arrival.total_bytes
        if not same or (again.complete and again.crc32c != arrival.crc32c):
            raise _invalid(f"{_called(wanted)} was sent twice, and not the same")
        if again.complete:
            del self._repeats[wanted]

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _called(wanted: Wanted) -> str:
    return f"the {ROLE_NAMES.get(wanted[0], 'file')} of frame {wanted[1]}"


def _invalid(message: str) -> RefusedError:
    return RefusedError(Code.INVALID_ARGUMENT, message)
