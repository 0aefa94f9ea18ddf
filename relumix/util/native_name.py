"""Names of files for libraries that take UTF-8 alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
