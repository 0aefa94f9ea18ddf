"""Atomic writing: a file appears complete under its name, or not at all. All files that relumix keeps use it."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relumix.errors import InputError

_SHORTEST_LIMIT_BYTES = 48
"""A temporary name may be this long even where the file's own name is shorter: every file system takes it."""

_LONGEST_SUFFIX_BYTES = 16


def temporary_name(path: Path) -> Path:
    """Return a hidden name beside `path`, with its suffix where that says a format; no other process, thread or call
    has it.

    It is never longer than 48 bytes or the name of `path`: whatever name a file may have, it can be written.
    """
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= _LONGEST_SUFFIX_BYTES else ""
    end = f".{os.getpid():x}-{secrets.token_hex(4)}{suffix}"
    available = max(len(os.fsencode(path.name)), _SHORTEST_LIMIT_BYTES) - len(os.fsencode(f".{end}"))
    # Cut between letters, and spelt as the locale has them: one of ASCII alone has none but surrogates.
    start = os.fsdecode(os.fsencode(path.stem)[: max(available, 0)].decode("utf-8", "ignore").encode())
    return path.with_name(f".{start}{end}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of writing a file into InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}; choose another place or make room"
        ) from error


def refuse_unwritable(folder: Path, advice: str = "choose another output") -> None:
    """Raise InputError where files could not be written to a folder, which need not exist yet, by trying.

    What the system says of permissions is no answer: networks and containers have rules of their own.
    """
    try:
        # The folder is made later: its nearest existing parent decides.
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not existing.is_dir():
            raise InputError(f"{folder} cannot be written to: {existing} is a file, not a folder")
        with tempfile.TemporaryFile(dir=existing, prefix=".relumix-"):
            pass
    except OSError as error:
        raise InputError(f"{folder} cannot be written to: {error.strerror or error}; {advice}") from None


class Unfinished:
    """A file that is being written, at `name`. Either `finish` makes it `path`, or `discard` removes it."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        """Make the folder if it is not there. Raises InputError where that cannot be done.

        durable  whether the file, once it has its name, must survive a power failure. What can be made again in a
                 moment need not.
        """
        self._path, self._durable, self.name = path, durable, temporary_name(path)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)

    def finish(self) -> None:
        """Give the file its name, in place of what had it. Raises InputError where that cannot be done."""
        with writing(self._path):
            if self._durable:  # else after a crash the name may be on disk without the bytes
                _sync(self.name, os.O_RDWR)
            self.name.replace(self._path)
            if self._durable and os.name != "nt":
                _sync(self._path.parent, os.O_RDONLY)

    def discard(self) -> None:
        """Remove what was written, if there is any."""
        self.name.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a hidden name beside `path` to write to; it becomes `path` at the end, or is removed where that fails.

    Makes the folder if it is not there. durable: see Unfinished. Raises InputError where the file cannot be written.
    """
    unfinished = Unfinished(path, durable=durable)
    try:
        with writing(path):
            yield unfinished.name
        unfinished.finish()
    except BaseException:
        unfinished.discard()
        raise


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield a new, empty folder beside `folder` to write to; it takes the place of `folder` at the end, whole.

    Where that fails it is removed, and what was there stays. Raises InputError where it cannot be written.
    """
    name = temporary_name(folder)
    try:
        with writing(folder):
            name.mkdir(parents=True)
            yield name
            shutil.rmtree(folder, ignore_errors=True)
            name.rename(folder)
    finally:
        shutil.rmtree(name, ignore_errors=True)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
