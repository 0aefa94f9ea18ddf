"""Pixels that came from hosts, and relit frames, on disk: bounded, and whole after any crash.

A file is written under another name first. The least recently used goes first, pixels before relit frames: pixels can
be sent again, frames cost work.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from relumix.bridge import frame_file
from relumix.bridge.frame_file import FrameRecord
from relumix.errors import InputError
from relumix.types import Float32
from relumix.util.atomic_file import replacing, writing

_PIXELS, _FRAME = ".pixels", ".frame"


class Store:
    """The files of one folder, up to `most_bytes`; thread-safe."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Adopt the files in the folder; delete those half-written or damaged."""
        self._folder, self.most_bytes = folder, most_bytes
        self._lock = threading.RLock()
        self._sizes: dict[Path, int] = {}  # the least recently used first
        self._records: dict[str, FrameRecord] = {}
        self._reserved_bytes = 0
        for path in sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime_ns):
            self._adopt(path)
        self._shrink()

    @property
    def used_bytes(self) -> int:
        """Bytes used, and reserved for pixels that are arriving."""
        with self._lock:
            return sum(self._sizes.values()) + self._reserved_bytes

    def keep(self, fingerprint: str, count: int, pieces: Iterable[memoryview]) -> None:
        """Keep pixels of `count` bytes that come piece by piece, under their fingerprint.

        All pieces are taken in any case. Raises InputError where they cannot be kept.
        """
        path = self._pixels_path(fingerprint)
        with self._reserved(count) as free:
            trouble = None if free else self._too_large(count)
            with replacing(path, durable=False) as name, name.open("wb") as file:
                for piece in pieces:
                    trouble = trouble or _written(file, piece, path)
                if trouble is not None:
                    raise trouble
        self._enter(path)

    def pixels(self, fingerprint: str, height: int, width: int) -> Float32 | None:
        """Return pixels [h, w, 4] float32, read from disk as they are used; None where they are not there."""
        path = self._pixels_path(fingerprint)
        with self._lock:
            if not self._touch(path):
                return None
            try:
                return np.memmap(path, np.float32, "r", shape=(height, width, 4))
            except (OSError, ValueError):
                self._drop(path)
                return None

    def has_pixels(self, fingerprint: str) -> bool:
        """Tell whether pixels are there."""
        with self._lock:
            return self._pixels_path(fingerprint) in self._sizes

    def add(self, made: FrameRecord, rgb: Float32, stops: Float32, confidence: Float32) -> None:
        """Keep a relit frame: pixels and stops [h, w, 3], and confidence [h, w], float32.

        Raises InputError where it cannot be written.
        """
        path = self._frame_path(made.key)
        with replacing(path) as name:
            frame_file.write(name, made, rgb, stops, confidence)
        with self._lock:
            self._records[made.key] = made
            self._enter(path)

    def record(self, key: str) -> FrameRecord | None:
        """Return what is known of a relit frame, None where it is not there."""
        with self._lock:
            return self._records.get(key)

    def records_with(self, look_key: str) -> list[FrameRecord]:
        """Return the relit frames that share a look_key, most recently used first."""
        with self._lock:
            age = {path: -position for position, path in enumerate(self._sizes)}
            found = [each for each in self._records.values() if each.look_key == look_key]
            return sorted(found, key=lambda each: age[self._frame_path(each.key)])

    def read(self, key: str, output: str) -> Float32 | None:
        """Return one of OUTPUTS of a relit frame, [h, w, 3] float32; None where it is gone or damaged."""
        path = self._frame_path(key)
        with self._lock:
            if not self._touch(path):
                return None
        values = frame_file.read(path, output)
        if values is None:
            with self._lock:
                self._drop(path)
        return values

    def forget(self, instance: str) -> int:
        """Delete the relit frames of an instance; returns how many."""
        with self._lock:
            mine = [key for key, made in self._records.items() if made.instance == instance]
            for key in mine:
                self._drop(self._frame_path(key))
            return len(mine)

    @contextlib.contextmanager
    def _reserved(self, count: int) -> Iterator[bool]:
        """Reserve room while pixels arrive; yields whether they can fit at all."""
        with self._lock:
            self._reserved_bytes += count
            free = self._reserved_bytes <= self.most_bytes
            self._shrink()
        try:
            yield free
        finally:
            with self._lock:
                self._reserved_bytes -= count

    def _adopt(self, path: Path) -> None:
        if path.suffix not in (_FRAME, _PIXELS):
            return  # Not ours.
        made = frame_file.read_record(path) if path.suffix == _FRAME else None
        half_written = path.name.startswith(".")
        if half_written or (path.suffix == _FRAME and (made is None or path != self._frame_path(made.key))):
            path.unlink()
            return
        if made is not None:
            self._records[made.key] = made
        self._sizes[path] = path.stat().st_size

    def _enter(self, path: Path) -> None:
        with self._lock, contextlib.suppress(FileNotFoundError):  # Another thread may have made room by it.
            self._sizes.pop(path, None)
            self._sizes[path] = path.stat().st_size
            self._shrink(spared=path)

    def _shrink(self, spared: Path | None = None) -> None:
        excess = self.used_bytes - self.most_bytes
        for path in sorted(self._sizes, key=lambda each: each.suffix != _PIXELS):  # Stable: by age within each kind.
            if excess <= 0:
                return
            if path != spared:
                excess -= self._sizes[path]
                self._drop(path)

    def _touch(self, path: Path) -> bool:
        if path not in self._sizes:
            return False
        self._sizes[path] = self._sizes.pop(path)
        with contextlib.suppress(OSError):
            os.utime(path)
        return True

    def _drop(self, path: Path) -> None:
        self._sizes.pop(path, None)
        self._records.pop(path.stem, None)
        with contextlib.suppress(OSError):  # Windows keeps a file that is mapped; the next start takes it over.
            path.unlink(missing_ok=True)

    def _pixels_path(self, fingerprint: str) -> Path:
        return self._folder / f"{fingerprint}{_PIXELS}"

    def _frame_path(self, key: str) -> Path:
        return self._folder / f"{key}{_FRAME}"

    def _too_large(self, count: int) -> InputError:
        return InputError(f"a frame of {count} bytes does not fit the store, of {self.most_bytes} bytes")


def _written(file: BinaryIO, piece: memoryview, path: Path) -> InputError | None:
    """Write a piece; return what went wrong."""
    try:
        with writing(path):
            file.write(piece)
    except InputError as error:
        return error
    return None
