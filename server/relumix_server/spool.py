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


@dataclass(frozen=True)
class Place:
    """A folder on a file system, and the lock that says its server lives."""

    folder: Path
    lock: BinaryIO


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
        self._bytes: dict[Path, int] = {}

    @property
    def scratch(self) -> Path:
        """A folder for temporary files of worker processes, which goes with the spool."""
        folder = self._disk.folder / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def place(self, suffix: str, expected_bytes: int) -> Path:
        """Return a new path for a file of about so many bytes, which count as used from now on.

        Raises StatusError where there is no space.
        """
        with self._lock:
            folder = self._choose(expected_bytes)
            path = folder / f"{next(self._names)}{suffix}"
            self._bytes[path] = expected_bytes
            return path

    def _choose(self, size: int) -> Path:
        memory = self._memory
        if memory and self._used(memory) + size <= self._budget and _free(memory.folder) >= size:
            return memory.folder
        if _free(self._disk.folder) < size:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED, "the server's spool is full: try again later", FULL_RETRY_SECONDS
            )
        return self._disk.folder

    def settle(self, path: Path) -> None:
        """Count the bytes that a file has come to have."""
        with self._lock, suppress(FileNotFoundError):
            self._bytes[path] = path.stat().st_size

    def release(self, path: Path | None) -> None:
        """Remove a file; its bytes count no more. Nothing happens where that was done before."""
        if path is None:
            return
        with self._lock:
            self._bytes.pop(path, None)
        with suppress(FileNotFoundError):
            path.unlink()

    def used(self) -> tuple[int, int]:
        """Return the bytes of frames in memory, and on disk."""
        with self._lock:
            return (self._used(self._memory) if self._memory else 0), self._used(self._disk)

    def _used(self, place: Place) -> int:
        return sum(size for path, size in self._bytes.items() if path.parent == place.folder)

    def close(self) -> None:
        """Remove everything."""
        for place in (self._disk, self._memory):
            if place:
                shutil.rmtree(place.folder, ignore_errors=True)
                place.lock.close()


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free - KEPT_FREE_BYTES
