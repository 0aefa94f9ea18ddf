"""Names of files between texts in UTF-8, the locale, and libraries that take UTF-8 alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relumix.util.words import is_utf8


def local_name(name: str) -> str:
    """Return a file's name that a text says as Python has it here: where the locale lacks its letters, as UTF-8."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return os.fsdecode(name.encode("utf-8")) if is_utf8(name) else name
    return name


@contextmanager
def native_name(path: Path) -> Iterator[str]:
    """Yield a name whose UTF-8 leads to a file: its own, or that of a link to it, where its own is not UTF-8.

    A file that is to be written has to exist. Raises OSError where a link is needed and cannot be made.
    """
    try:
        # The bytes of the name count, whatever the locale made of them.
        name = os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        with tempfile.TemporaryDirectory(prefix="relumix-") as folder:
            link = Path(folder, "image" + (path.suffix if path.suffix.isascii() else ""))
            link.symlink_to(path.absolute())
            yield str(link)
    else:
        yield name
