"""What the plugin raises: one sentence for the artist."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class RelumixError(Exception):
    """Relighting cannot go on; the text says what was got, what was expected and what to do."""


class CancelledError(RelumixError):
    """The artist asked to stop. What is finished is kept."""


@contextmanager
def named(name: str) -> Iterator[None]:
    """Name the input in what Nuke says about it: raises RelumixError for its RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        raise RelumixError(f"{name} has an error: {error}") from error


@contextmanager
def writing(path: Path, what: str = "cache folder") -> Iterator[None]:
    """Name what is being written, into the cache or elsewhere, where that fails: raises RelumixError for an OSError."""
    try:
        yield
    except OSError as error:
        raise RelumixError(
            f"{what} {path} cannot be written ({error.strerror}): make room, or choose another one"
        ) from error
