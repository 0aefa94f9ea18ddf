"""Writing a file so that nobody ever sees half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relumix.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a hidden name beside `path` to write to; it becomes `path` at the end, or is removed where that fails.

    Makes the folder if it is not there. Raises InputError where the file cannot be written.
    """
    hidden = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield hidden
        hidden.replace(path)
    except OSError as e:
        raise InputError(f"{path}: cannot be written ({e.strerror or e}); choose another place or make room") from e
    finally:
        hidden.unlink(missing_ok=True)
