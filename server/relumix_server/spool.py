"""Where frames are kept between the stream and the worker processes: files in memory up to a budget, then on disk."""

from __future__ import annotations

import fcntl
import itertools
import shutil
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from relumix_server.shared_memory import SHARED_MEMORY
from relumix_server.status_errors import Code, StatusError

PREFIX = "relumix-spool-"
KEPT_FREE_BYTES = 256 << 20
"""What is left free of a file system."""

FULL_RETRY_SECONDS = 30.0


@dataclass
class Place:
    """A folder on a file system, and the lock that says its server lives.

    used_bytes       of its files, by what they have, or by what is reserved for those that are not written yet.
    unwritten_bytes  of those that are not: the file system still calls them free.
    """

    folder: Path
    lock: BinaryIO
    used_bytes: int = 0
    unwritten_bytes: int = 0

    def has_room(self, size: int) -> bool:
        """Tell whether the file system has room for a file, beside all that is reserved."""
        return _free(self.folder) - self.unwritten_bytes >= size


@dataclass(frozen=True)
class _File:
    place: Place
    bytes: int
    written: bool = False


def _open_place(under: Path) -> Place:
    """Make a folder of this server's own, and remove those that dead servers left. Raises OSError."""
    for left in under.glob(f"{PREFIX}*"):
        with suppress(OSError), (left / "lock").open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=under))
    lock = (folder / "lock").open("w+b")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return Place(folder, lock)


class Spool:
    """The frames of all sessions. Thread-safe."""

    def __init__(self, memory_budget: int, disk: str | None) -> None:
        """disk: a folder; None: the system's for temporary files. Raises OSError where it cannot be written to."""
        self._disk = _open_place(Path(disk or tempfile.gettempdir()))
        self._memory: Place | None = None
        with suppress(OSError):
            self._memory = _open_place(SHARED_MEMORY)
        self._budget, self._lock = memory_budget, threading.Lock()
        self._names = itertools.count()
        self._files: dict[Path, _File] = {}

    @property
    def scratch(self) -> Path:
        """A folder for temporary files of worker processes, which goes with the spool."""
        folder = self._disk.folder / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def place(self, suffix: str, expected_bytes: int) -> Path:
        """Return a new path for a file of up to so many bytes, which count as used from now on.

        Raises StatusError where there is no space.
        """
        with self._lock:
            place = self._choose(expected_bytes)
            path = place.folder / f"{next(self._names)}{suffix}"
            self._files[path] = _File(place, expected_bytes)
            place.used_bytes += expected_bytes
            place.unwritten_bytes += expected_bytes
            return path

    def _choose(self, size: int) -> Place:
        memory = self._memory
        if memory and memory.used_bytes + size <= self._budget and memory.has_room(size):
            return memory
        if not self._disk.has_room(size):
            raise full()
        return self._disk

    def settle(self, path: Path) -> None:
        """Count the bytes that a file has, now that all of it is written."""
        with self._lock, suppress(FileNotFoundError):
            size = path.stat().st_size
            if path in self._files:
                self._forget(path)
                place = self._files[path].place
                self._files[path] = _File(place, size, written=True)
                place.used_bytes += size

    def release(self, path: Path | None) -> None:
        """Remove a file; its bytes count no more. Nothing happens where that was done before."""
        if path is None:
            return
        with suppress(FileNotFoundError):
            path.unlink()
        with self._lock:
            if path in self._files:
                self._forget(path)
                del self._files[path]

    def _forget(self, path: Path) -> None:
        file = self._files[path]
        file.place.used_bytes -= file.bytes
        if not file.written:
            file.place.unwritten_bytes -= file.bytes

    def used(self) -> tuple[int, int]:
        """Return the bytes of frames in memory, and on disk."""
        with self._lock:
            return (self._memory.used_bytes if self._memory else 0), self._disk.used_bytes

    def close(self) -> None:
        """Remove everything."""
        for place in (self._disk, self._memory):
            if place:
                shutil.rmtree(place.folder, ignore_errors=True)
                place.lock.close()


def full() -> StatusError:
    """Return the status for a spool without room."""
    return StatusError(Code.RESOURCE_EXHAUSTED, "the server's spool is full: try again later", FULL_RETRY_SECONDS)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free - KEPT_FREE_BYTES
