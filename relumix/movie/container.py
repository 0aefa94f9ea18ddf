"""Opens the files of movies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av


def opened(path: Path) -> Any:
    """Return a movie's av.InputContainer, to be used as a context manager, or closed. Raises av.error.FFmpegError.

    Words in it that are no UTF-8, as older programs wrote them, are read as far as they can be.
    """
    return av.open(str(path), metadata_errors="replace")
