"""Receives the frames of one session into the spool, where the session's threads wait for them."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from google.rpc import code_pb2

from relumix.rpc.messages import Piece, crc32c
from relumix.v1 import relight_pb2 as pb
from relumix_server.chunk_rules import LONGEST_NAME, ROLE_NAMES, ChunkRules, ReceivedFrame, called, invalid
from relumix_server.request import FrameKey, Request
from relumix_server.spool import Spool, full
from relumix_server.status_errors import Code, CodedFrameError, SessionCancelledError, StatusError

FREE_SHARE = 4
"""One part in so many of what a session may hold ahead is for files in memory that it keeps for frames to come."""

MOST_TEXT_LETTERS = 8 << 20
"""Bound on all frame names and reasons for absence of a job together."""


class FrameReceiver:
    """The frames of a session. The stream adds to it, several threads wait on it; one condition guards all.

    on_change  called, on any thread, when the result of `may_read` may have changed.
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
        self._rules, self._spool = ChunkRules(request, max_frame_bytes, max_frame_pixels), spool
        self.on_change: Callable[[], None] = lambda: None
        self._ahead_bytes = ahead_bytes
        self._frames: dict[FrameKey, ReceivedFrame] = {}
        self._in_pieces: set[FrameKey] = set()
        self._free_files: dict[Path, int] = {}
        self._repeats: dict[FrameKey, ReceivedFrame] = {}
        self._changed = threading.Condition()
        self._ended: BaseException | None = None
        self._closed = False
        self._waits: dict[int, float] = {}
        self._held_bytes = self._text_letters = 0
        self.received_bytes = 0

    @property
    def closed(self) -> bool:
        """Whether the client said that it has sent everything."""
        return self._closed

    @property
    def ended(self) -> bool:
        """Whether `end` was called: files are gone."""
        return self._ended is not None

    def may_read(self) -> bool:
        """Tell whether to read on: there is space, or a thread waits for a frame, which must not deadlock."""
        return self._held_bytes <= self._ahead_bytes or bool(self._waits)

    def waiting_since(self) -> float | None:
        """Return the time.monotonic() since which a thread has waited for a frame, None where none does."""
        with self._changed:
            return min(self._waits.values(), default=None)

    # Called by the stream.

    def piece(self, piece: Piece) -> int:
        """Take a piece of a frame; returns its size in bytes. Raises StatusError."""
        chunk, data = piece.head, piece.data
        key = self._key(chunk.role, chunk.frame)
        self._rules.check(chunk, data)
        received = self._frames.get(key)
        if received is None:
            received = self._begin(key, chunk)
        elif received.complete:
            self._repeat(key, received, chunk, data)
            return len(data)
        self.received_bytes += len(data)  # Not what is sent again: that could go on for ever.
        _follow(key, received, chunk, data)
        if (file := self._opened(received)) is not None:
            _write(file, data, received.received)  # Not under the lock, which the event loop takes too.
        with self._changed:
            if received.path:
                self._held_bytes += len(data)
            received.received += len(data)  # Only now that they are in the file: a waiting thread takes it at once.
            if received.complete:
                self._in_pieces.discard(key)
                if received.path:
                    self._spool.settle(received.path)
                self._changed.notify_all()
        return len(data)

    def _opened(self, received: ReceivedFrame) -> int | None:
        """Open the file of a frame that arrives; None where it needs none. Raises StatusError."""
        with self._changed:  # So that no file appears after `end` removed them.
            if self._ended is not None:
                self._spool.release(received.path)
                received.path = None
            with _told_full():
                return os.open(received.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC) if received.path else None

    def _keep_text(self, text: str) -> None:
        """Count a name or a reason that is kept to the end of the job. Raises StatusError where they are too many."""
        self._text_letters += len(text)
        if self._text_letters > MOST_TEXT_LETTERS:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                f"the names of the job's frames have more than {MOST_TEXT_LETTERS} letters in all: expected less",
            )

    def _begin(self, key: FrameKey, chunk: pb.FrameChunk) -> ReceivedFrame:
        received = self._rules.begin(key, chunk, in_pieces=len(self._in_pieces))
        if self._rules.needs(key):
            self._keep_text(received.name)
            received.path = self._new_file(received.suffix, chunk.total_bytes)
        else:
            received.name = ""
        self._frames[key] = received
        self._in_pieces.add(key)
        return received

    def _new_file(self, suffix: str, total_bytes: int) -> Path:
        with self._changed:
            free = self._free_files.popitem()[0] if self._free_files else None
        return self._spool.reuse(free, suffix, total_bytes) if free else self._spool.new_file(suffix, total_bytes)

    def absent(self, message: pb.FrameAbsent) -> None:
        """Record a frame that will not come. Raises StatusError."""
        key = self._key(message.role, message.frame)
        if key in self._frames:
            raise invalid(f"{called(key)} is said to be absent, but it was sent")
        why = " ".join(message.message.split())[:LONGEST_NAME] or f"{called(key)} is absent"
        if not self._rules.needs(key):
            why = ""
        self._keep_text(why)
        self._frames[key] = ReceivedFrame("", 0, absent=why)
        self._notify()

    def close(self) -> None:
        """Record that everything was sent. Raises StatusError."""
        self._refuse_closed()
        if begun := [key for key in self._frames if key in self._in_pieces]:
            raise invalid(f"the stream was closed with {called(begun[0])} sent in part")
        self._closed = True
        self._notify()

    def end(self, error: BaseException) -> None:
        """Make all waiting threads raise an error, and free all files."""
        with self._changed:
            self._ended = self._ended or error
            paths = [*self._free_files, *(received.path for received in self._frames.values())]
            self._free_files.clear()
            for received in self._frames.values():
                received.path = None
            self._changed.notify_all()
        for path in paths:
            self._spool.release(path)

    # Called by the session's threads.

    def wait(self, role: int, frame: int) -> ReceivedFrame:
        """Return a frame, waiting for its arrival. Raises CodedFrameError where it will not come."""
        key, me = (role, frame), threading.get_ident()
        with self._changed:
            try:
                while self._ended is None and not self._settled(key):
                    if me not in self._waits:
                        self._waits[me] = time.monotonic()
                        self.on_change()
                    self._changed.wait()
            finally:
                self._waits.pop(me, None)
            if self._ended is not None:
                raise SessionCancelledError from self._ended
            received = self._frames.get(key)
        if received is None or not received.complete:
            message = f"frame {frame}: its {ROLE_NAMES[role]} was not sent before the close"
            raise CodedFrameError(frame, code_pb2.NOT_FOUND, message)
        if received.absent is not None:
            raise CodedFrameError(frame, code_pb2.NOT_FOUND, received.absent)
        return received

    def name(self, role: int, frame: int) -> str:
        """Return the client's name of a frame; '' where unknown."""
        with self._changed:
            received = self._frames.get((role, frame))
            return received.name if received else ""

    def path_and_name(self, key: FrameKey) -> tuple[str, str] | None:
        """Return path and client's name of a frame; None where there is no file of it."""
        with self._changed:
            received = self._frames.get(key)
            return (str(received.path), received.name) if received and received.path else None

    def _settled(self, key: FrameKey) -> bool:
        return self._closed or (key in self._frames and self._frames[key].complete)

    def exchange(self, received: ReceivedFrame, path: Path) -> None:
        """Replace the file that arrived by another."""
        with self._changed:
            old, received.path = received.path, path
            ended = self._ended is not None
        if old:
            self.recycle(old)
        if ended:
            self._spool.release(path)

    def release(self, role: int, frame: int) -> None:
        """Free the file of a frame that is no longer needed."""
        with self._changed:
            received = self._frames.get((role, frame))
            if received is None or received.path is None:
                return
            path, received.path = received.path, None
            self._held_bytes -= received.total_bytes
        self.recycle(path)
        self.on_change()

    def recycle(self, path: Path) -> None:
        """Free a file that nobody reads any more; its memory may hold a later frame of this session."""
        with self._changed:
            size = self._spool.reusable_bytes(path) if self._ended is None else 0
            if size and FREE_SHARE * (sum(self._free_files.values()) + size) <= self._ahead_bytes:
                self._free_files[path] = size
                return
        self._spool.release(path)

    def _key(self, role: int, frame: int) -> FrameKey:
        self._refuse_closed()
        return self._rules.key(role, frame)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise invalid("a message came after close: expected nothing more")

    def _repeat(self, key: FrameKey, received: ReceivedFrame, chunk: pb.FrameChunk, data: bytes | memoryview) -> None:
        """Check a piece of a frame that was sent before: it must be equal."""
        again = self._repeats.setdefault(key, ReceivedFrame(received.name, chunk.total_bytes))
        _follow(key, again, chunk, data)
        again.received += len(data)
        same = received.absent is None and again.total_bytes == received.total_bytes
        if not same or (again.complete and again.crc32c != received.crc32c):
            raise invalid(f"{called(key)} was sent twice, and not the same")
        if again.complete:
            del self._repeats[key]

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _write(file: int, data: bytes | memoryview, offset: int) -> None:
    """Write a piece of a file, and close it. Raises StatusError."""
    try:
        with _told_full():
            while data:
                written = os.pwrite(file, data, offset)
                data, offset = data[written:], offset + written
    finally:
        os.close(file)


@contextmanager
def _told_full() -> Iterator[None]:
    """Raise StatusError where the file system is full, which others may have filled."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise full() from error
        raise


def _follow(key: FrameKey, received: ReceivedFrame, chunk: pb.FrameChunk, data: bytes | memoryview) -> None:
    """Check that a piece lies behind those that are there, and sum it up."""
    if chunk.offset != received.received:
        raise invalid(f"{called(key)} has a piece at {chunk.offset}: expected the one at {received.received}, in order")
    if chunk.total_bytes != received.total_bytes:
        raise invalid(f"{called(key)} has {chunk.total_bytes} bytes, and had {received.total_bytes} in its first piece")
    received.crc32c = crc32c(data, received.crc32c) if chunk.offset else chunk.crc32c
