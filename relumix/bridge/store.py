"""Pixels that came from hosts, and relit frames, on disk: bounded, and whole after any crash.

A file is written under another name first. What was not used for longest goes first when room is needed, pixels before
relit frames: those can be sent again, these cost work.
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
from relumix.bridge.frame_file import Made
from relumix.errors import InputError
from relumix.types import Float32

_PART, _PIXELS, _FRAME = ".part", ".pixels", ".frame"


class Store:
    """The files of one folder, up to `most_bytes`; thread-safe."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Take over what is there; what is half-written or damaged goes."""
        self._folder, self.most_bytes = folder, most_bytes
        self._lock = threading.RLock()
        self._sizes: dict[Path, int] = {}  # the least recently used first
        self._made: dict[str, Made] = {}
        self._parts = self._coming = 0
        for path in sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime_ns):
            self._adopt(path)
        self._shrink()

    @property
    def used_bytes(self) -> int:
        """What is used of it, or is about to be."""
        with self._lock:
            return sum(self._sizes.values()) + self._coming

    def keep(self, fingerprint: str, count: int, pieces: Iterable[memoryview]) -> None:
        """Keep pixels of `count` bytes that come piece by piece, under what they are.

        All pieces are taken in any case. Raises InputError where they cannot be kept.
        """
        part = self._part()
        try:
            with self._reserved(count) as free:
                trouble = None if free else self._too_large(count)
                with part.open("wb") as file:
                    for piece in pieces:
                        trouble = trouble or self._written(file, piece)
            if trouble is not None:
                raise trouble
            self._enter(part, self._pixels_path(fingerprint))
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            part.unlink(missing_ok=True)

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

    def add(self, made: Made, rgb: Float32, stops: Float32) -> None:
        """Keep a relit frame: pixels and stops, [h, w, 3] float32. Raises InputError where it cannot be written."""
        part = self._part()
        try:
            frame_file.write(part, made, rgb, stops)
            with self._lock:
                self._enter(part, self._frame_path(made.key))
                self._made[made.key] = made
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            part.unlink(missing_ok=True)

    def made(self, key: str) -> Made | None:
        """Return what is known of a relit frame, None where it is not there."""
        with self._lock:
            return self._made.get(key)

    def made_with(self, look: str) -> list[Made]:
        """Return the relit frames that share a look, the one used last first."""
        with self._lock:
            age = {path: -place for place, path in enumerate(self._sizes)}
            found = [each for each in self._made.values() if each.look == look]
            return sorted(found, key=lambda each: age[self._frame_path(each.key)])

    def read(self, key: str, *, gain: bool) -> Float32 | None:
        """Return a relit frame's pixels or stops [h, w, 3] float32; None where they are gone or damaged."""
        path = self._frame_path(key)
        with self._lock:
            if not self._touch(path):
                return None
        values = frame_file.read(path, gain=gain)
        if values is None:
            with self._lock:
                self._drop(path)
        return values

    def forget(self, instance: str) -> int:
        """Delete the relit frames of an instance; returns how many."""
        with self._lock:
            mine = [key for key, made in self._made.items() if made.instance == instance]
            for key in mine:
                self._drop(self._frame_path(key))
            return len(mine)

    @contextlib.contextmanager
    def _reserved(self, count: int) -> Iterator[bool]:
        """Make room for what is about to come, and tell whether there is."""
        with self._lock:
            self._coming += count
            free = self._coming <= self.most_bytes
            self._shrink()
        try:
            yield free
        finally:
            with self._lock:
                self._coming -= count

    def _written(self, file: BinaryIO, piece: memoryview) -> InputError | None:
        try:
            file.write(piece)
        except OSError as error:
            return self._unwritable(error)
        return None

    def _adopt(self, path: Path) -> None:
        made = frame_file.read_made(path) if path.suffix == _FRAME else None
        if made is not None and path == self._frame_path(made.key):
            self._made[made.key] = made
        elif path.suffix in (_FRAME, _PART):
            path.unlink()
            return
        elif path.suffix != _PIXELS:
            return  # Not ours.
        self._sizes[path] = path.stat().st_size

    def _enter(self, part: Path, path: Path) -> None:
        with self._lock:
            part.replace(path)
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
        self._made.pop(path.stem, None)
        with contextlib.suppress(OSError):  # Windows keeps a file that is mapped; the next start takes it over.
            path.unlink(missing_ok=True)

    def _part(self) -> Path:
        with self._lock:
            self._parts += 1
            return self._folder / f"{os.getpid()}-{self._parts}{_PART}"

    def _pixels_path(self, fingerprint: str) -> Path:
        return self._folder / f"{fingerprint}{_PIXELS}"

    def _frame_path(self, key: str) -> Path:
        return self._folder / f"{key}{_FRAME}"

    def _too_large(self, count: int) -> InputError:
        return InputError(f"a frame of {count} bytes does not fit the store, of {self.most_bytes} bytes")

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(f"the store in {self._folder} cannot be written to: {error.strerror}")
