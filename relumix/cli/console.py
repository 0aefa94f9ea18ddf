"""stdout and stderr that cannot end a job: what they cannot say is escaped, or lost.

A name may have letters that the encoding of a pipe lacks, a disk that takes the output may be full, and a service may
be started with both closed. None of that is a reason to lose a frame.
"""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

_ERRORS = "backslashreplace"


class _Forgiving(io.FileIO):
    """A file descriptor whose errors are kept in place of raised, but for a reader of stdout that went away."""

    def __init__(self, descriptor: int, *, raises_broken_pipe: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._raises_broken_pipe = raises_broken_pipe
        self.lost: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            while (written := super().write(data)) is None:  # what others made non-blocking, and is full
                select.select([], [self], [])
            return written
        except OSError as error:
            if isinstance(error, BrokenPipeError) and self._raises_broken_pipe:
                raise
            self.lost = self.lost or error
            return memoryview(data).nbytes


@contextmanager
def forgiving() -> Iterator[None]:
    """Make stdout and stderr forgiving. BrokenPipeError is raised by stdout alone: nobody waits for the job then."""
    _open_what_is_closed()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _forgiving(sys.stdout, 1), _forgiving(sys.stderr, 2)
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def lost(stream: TextIO) -> OSError | None:
    """Return why something that was written to a stream is lost, None where all of it was taken."""
    stream.flush()
    error = getattr(getattr(getattr(stream, "buffer", None), "raw", None), "lost", None)
    return error if isinstance(error, OSError) else None


def _open_what_is_closed() -> None:
    """Open the standard descriptors that are closed, or the next file that is written gets their number: whatever a
    library says on stderr would be in it.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free


def _forgiving(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is not None and (not isinstance(stream, io.TextIOWrapper) or stream.isatty()):
        return stream  # a terminal takes everything; others are not the system's
    with suppress(OSError, ValueError):
        descriptor = descriptor if stream is None else stream.fileno()
        raw = _Forgiving(descriptor, raises_broken_pipe=descriptor == 1)
        encoding = stream.encoding if stream else "utf-8"
        lines = stream is not None and (stream.line_buffering or stream.write_through)
        if stream is not None:
            stream.flush()
        return io.TextIOWrapper(io.BufferedWriter(raw), encoding, _ERRORS, line_buffering=lines)
    assert stream is not None
    return stream
