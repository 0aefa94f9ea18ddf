"""Files of frames between the stream and the worker processes: in memory up to a budget, then on disk."""

from __future__ import annotations

import fcntl
import itertools
import shutil
import sys
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
"""Space left free on each file system."""

FULL_RETRY_SECONDS = 30.0


@dataclass
class SpoolFolder:
    """A folder of the spool, and the lock by which other servers tell that its owner is alive.

    used_bytes       size of its files: reserved until a file is written, then actual.
    unwritten_bytes  reserved for files not written yet, which the file system still counts as free.
    """

    folder: Path
    lock: BinaryIO
    used_bytes: int = 0
    unwritten_bytes: int = 0

    def has_space(self, size: int) -> bool:
        """Tell whether the file system has space for a file, beside what is reserved."""
        return _free(self.folder) - self.unwritten_bytes >= size


@dataclass(frozen=True)
class _File:
    folder: SpoolFolder
    bytes: int
    unwritten_bytes: int = 0


def own_folder(under: Path, prefix: str = PREFIX) -> SpoolFolder:
    """Make this server's own folder, and remove those whose lock nobody holds: their servers died. Raises OSError."""
    for left in under.glob(f"{prefix}*"):
        with suppress(OSError), (left / "lock").open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=under))
    lock = (folder / "lock").open("w+b")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return SpoolFolder(folder, lock)


class Spool:
    """The frames of all sessions. Thread-safe."""

    def __init__(self, memory_budget: int, disk: str | None) -> None:
        """disk: a folder; None: the system's for temporary files. Raises OSError where it cannot be written to."""
        self._disk = own_folder(Path(disk or tempfile.gettempdir()))
        self._memory: SpoolFolder | None = None
        with suppress(OSError):
            self._memory = own_folder(SHARED_MEMORY)
        self._budget, self._lock = memory_budget, threading.Lock()
        self._names = itertools.count()
        self._files: dict[Path, _File] = {}

    @property
    def scratch(self) -> Path:
        """A folder for temporary files of worker processes, removed with the spool."""
        folder = self._disk.folder / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def new_file(self, suffix: str, expected_bytes: int) -> Path:
        """Return a new path and reserve `expected_bytes` for it.

        Raises StatusError where there is no space.
        """
        with self._lock:
            folder = self._choose(expected_bytes)
            return self._add(folder, suffix, expected_bytes, expected_bytes)

    def reusable_bytes(self, path: Path) -> int:
        """Return the size of a file in memory that `reuse` may take, which has no other name; 0 for any other."""
        memory = self._memory
        with suppress(FileNotFoundError):
            if memory is not None and path.parent == memory.folder:
                found = path.stat()
                return found.st_size if found.st_nlink == 1 else 0
        return 0

    def reuse(self, old: Path, suffix: str, expected_bytes: int) -> Path:
        """Return what `new_file` does, in place of an old file: a new one in memory is its old one, to be written over.

        The kernel takes longer to find pages for a file, and to take them back, than to fill them.

        Raises StatusError where there is no space.
        """
        with self._lock:
            had, memory = self._files.get(old), self._memory
            if had and memory and had.folder is memory:
                more = expected_bytes - had.bytes
                if memory.used_bytes + more <= self._budget and memory.has_space(more):
                    with old.open("r+b") as file:
                        file.truncate(min(had.bytes, expected_bytes))
                    self._forget(old)
                    path = self._add(memory, suffix, expected_bytes, max(0, more))
                    return old.rename(path)
        self.release(old)
        return self.new_file(suffix, expected_bytes)

    def _add(self, folder: SpoolFolder, suffix: str, size: int, unwritten_bytes: int) -> Path:
        path = folder.folder / f"{next(self._names)}{suffix}"
        self._files[path] = _File(folder, size, unwritten_bytes)
        folder.used_bytes += size
        folder.unwritten_bytes += unwritten_bytes
        return path

    def _choose(self, size: int) -> SpoolFolder:
        memory = self._memory
        if memory and memory.used_bytes + size <= self._budget and memory.has_space(size):
            return memory
        if not self._disk.has_space(size):
            raise full()
        return self._disk

    def settle(self, path: Path) -> None:
        """Replace a file's reservation by its actual size, once it is written."""
        with self._lock, suppress(FileNotFoundError):
            size = path.stat().st_size
            if path in self._files:
                folder = self._forget(path)
                self._files[path] = _File(folder, size)
                folder.used_bytes += size

    def release(self, path: Path | None) -> None:
        """Remove a file and its reservation. Harmless if done before."""
        if path is None:
            return
        with suppress(FileNotFoundError):
            path.unlink()
        with self._lock:
            if path in self._files:
                self._forget(path)

    def sweep(self, *paths: Path | None) -> None:
        """Remove what a killed process left beside these files: hidden names that begin with theirs."""
        for path in filter(None, paths):
            for left in path.parent.glob(f".{path.stem}.*"):
                left.unlink(missing_ok=True)

    def _forget(self, path: Path) -> SpoolFolder:
        file = self._files.pop(path)
        file.folder.used_bytes -= file.bytes
        file.folder.unwritten_bytes -= file.unwritten_bytes
        return file.folder

    def used(self) -> tuple[int, int]:
        """Return the bytes of frames in memory, and on disk."""
        with self._lock:
            return (self._memory.used_bytes if self._memory else 0), self._disk.used_bytes

    def close(self) -> None:
        """Remove everything."""
        for folder in (self._disk, self._memory):
            if folder:
                shutil.rmtree(folder.folder, ignore_errors=True)
                folder.lock.close()


def full() -> StatusError:
    """Return the status for a full spool."""
    return StatusError(Code.RESOURCE_EXHAUSTED, "the server's spool is full: try again later", FULL_RETRY_SECONDS)


def _free(folder: Path) -> int:
    """Return how many bytes there are room for."""
    usage = shutil.disk_usage(folder)
    # Some file systems (FUSE, some quotas) know nothing of their size, and say 0 of 0: only writing can tell.
    return usage.free - KEPT_FREE_BYTES if usage.total else sys.maxsize
