"""Errors of the system about a file, as errors for users."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from relumix.errors import InputError


@contextmanager
def as_input_errors() -> Iterator[None]:
    """Turn an OSError that names a file into an InputError: a name too long, no permission to look, a stale mount."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise
        raise InputError(f"{os.fsdecode(error.filename)}: {error.strerror}") from error
