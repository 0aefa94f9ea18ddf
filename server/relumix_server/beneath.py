"""Files below a folder, opened by descriptor, one folder after another, never by a path that is looked up twice.

A checked path may lead elsewhere a moment later, if somebody swaps a folder for a link. Here no
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
FILE = (
    os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
)  # O_NONBLOCK: opening a pipe without a writer must not block


@dataclass(frozen=True)
class FileBeneath:
    """A file below a folder. relative: its parts, none of them a link when it was resolved."""

    folder: Path
    relative: PurePosixPath

    @property
    def path(self) -> Path:
        """Its path, for messages; never open it."""
        return self.folder / self.relative

    @property
    def suffix(self) -> str:
        """The suffix of its name."""
        return self.relative.suffix

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor for reading. Raises OSError where it is not there, or is no regular file."""
        with _folder(self.folder, self.relative.parts[:-1]) as folder:
            descriptor = os.open(self.relative.name, FILE, dir_fd=folder)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileNotFoundError(f"{self.path} is no regular file")
            yield descriptor
        finally:
            os.close(descriptor)

    def put(self, made: Path) -> None:
        """Replace it by a complete copy of `made`; missing folders are made. Raises OSError."""
        name = self.relative.name
        hidden = f".{secrets.token_hex(8)}{self.suffix}"  # short: a name may be as long as the file system takes
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
    """A descriptor of a folder below the root. Raises OSError, also for a link in the path."""
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
