"""Writing a file so that nobody ever sees half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relumix.errors import InputError


def hidden(path: Path) -> Path:
    """Return a name beside `path`, of this process alone, for a file that is not finished."""
    return path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what goes wrong with a file's writing into InputError."""
    try:
        yield
    except OSError as e:
        raise InputError(f"{path}: cannot be written ({e.strerror or e}); choose another place or make room") from e


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a hidden name beside `path` to write to; it becomes `path` at the end, or is removed where that fails.

    Makes the folder if it is not there. Raises InputError where the file cannot be written.
    """
    name = hidden(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield name
            name.replace(path)
        except BaseException:
            name.unlink(missing_ok=True)
            raise
