"""Files that visitors send: written as they come, bounded in size and time, under names that are safe."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from relumix.shot.movie_frames import MOVIE_SUFFIXES
from relumix.shot.sequence import IMAGE_SUFFIXES
from relumix.web.errors import RefusedError

SILENCE_SECONDS = 30.0
"""How long a visitor may send nothing in the middle of a file."""

_ASKED_BYTES = 16 << 20
"""How much of a file comes before it is asked again whether there is room."""

_UNSAFE = re.compile(r"[^\w.()+-]", re.ASCII)
_LONGEST_NAME = 120


def safe_name(text: str) -> str:
    """Return the name of an image or movie as it is kept here. Raises RefusedError for a file of another kind."""
    name = _UNSAFE.sub("_", text.replace("\\", "/").rpartition("/")[2]).lstrip(".-")
    path = Path(name)
    if not path.stem or path.suffix.lower() not in IMAGE_SUFFIXES | MOVIE_SUFFIXES:
        raise RefusedError(
            422, f"{text[:80]!r} is no image or movie: expected a name in .exr, .png, .jpg, .tif, .dpx, .mov, .mp4, …"
        )
    # The end has the frame number.
    return f"{path.stem[-_LONGEST_NAME:]}{path.suffix}"


async def receive(
    chunks: AsyncIterator[bytes],
    path: Path,
    *,
    most_bytes: int,
    seconds: float,
    is_full: Callable[[], bool] = lambda: False,
) -> int:
    """Write what comes to a file; it is there when all of it has come, or not at all. Returns its size in bytes.

    most_bytes  of all of it; seconds: that it may take; is_full: whether no more may come, of several at once.
    Raises RefusedError where it is too large or takes too long, or nothing came.
    """
    unfinished = path.with_name(f".{secrets.token_hex(6)}.part")
    deadline, size = time.monotonic() + seconds, 0
    try:
        with unfinished.open("wb") as file:
            while (chunk := await _next(chunks, deadline, path.name)) is not None:
                size += len(chunk)
                if size > most_bytes:
                    raise RefusedError(413, f"{path.name} is larger than the {_megabytes(most_bytes)} that may come")
                if size // _ASKED_BYTES > (size - len(chunk)) // _ASKED_BYTES and await asyncio.to_thread(is_full):
                    raise RefusedError(413, f"there is no room for {path.name}: close another clip first")
                await asyncio.to_thread(file.write, chunk)
        if not size:
            raise RefusedError(422, f"{path.name} is empty")
        unfinished.replace(path)
        return size
    finally:
        unfinished.unlink(missing_ok=True)


async def _next(chunks: AsyncIterator[bytes], deadline: float, name: str) -> bytes | None:
    """Return the next piece, None at the end. Raises RefusedError where it does not come in time."""
    try:
        return await asyncio.wait_for(anext(chunks, None), max(0.0, min(SILENCE_SECONDS, deadline - time.monotonic())))
    except asyncio.TimeoutError:
        raise RefusedError(408, f"{name} took longer to come than it may") from None


def refuse_large(length: str | None, most_bytes: int, name: str) -> None:
    """Raise RefusedError where a request says that more comes than may."""
    if length is not None and length.isdecimal() and int(length) > most_bytes:
        raise RefusedError(413, f"{name} is larger than the {_megabytes(most_bytes)} that may come")


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count} bytes"
