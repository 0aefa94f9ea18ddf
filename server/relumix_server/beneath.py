"""Files below a folder, found by descriptor, one folder after another, and never by a path that is looked up twice.

A path that was checked may lead elsewhere a moment later, when somebody puts a link in the place of a folder. Here no
link is followed on the way, and what was opened is what is read, or written to.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe without a writer does not hold us up


@dataclass(frozen=True)
class FileBeneath:
    """A file below a folder. relative: its parts, none of them a link when it was resolved."""

    folder: Path
    relative: PurePosixPath

    @property
    def path(self) -> Path:
        """How people call it; not to be opened."""
        return self.folder / self.relative

    @property
    def suffix(self) -> str:
        """Of its name."""
        return self.relative.suffix

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor to read it by. Raises OSError where it is not there, or is no regular file."""
        with _folder(self.folder, self.relative.parts[:-1]) as folder:
            descriptor = os.open(self.relative.name, FILE, dir_fd=folder)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileNotFoundError(f"{self.path} is no regular file")
            yield descriptor
        finally:
            os.close(descriptor)

    def put(self, made: Path) -> None:
        """Let a copy of `made` take its place, once that is whole; folders on the way are made. Raises OSError."""
        name = self.relative.name
        hidden = f".{self.relative.stem}.{os.getpid()}-{secrets.token_hex(4)}{self.suffix}"
        create = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with _folder(self.folder, self.relative.parts[:-1], make=True) as folder:
            try:
                with made.open("rb") as source, open(os.open(hidden, create, 0o666, dir_fd=folder), "wb") as copy:  # noqa: PTH123
                    shutil.copyfileobj(source, copy, 1 << 20)
                os.replace(hidden, name, src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(hidden, dir_fd=folder)


@contextmanager
def _folder(root: Path, parts: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """A descriptor of a folder below the root. Raises OSError, for a link on the way too."""
    descriptor = os.open(root, os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            below = os.open(part, FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)
