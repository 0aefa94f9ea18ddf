"""Errors of the system about a file, as errors for users."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relumix.errors import InputError


@contextmanager
def as_input_errors() -> Iterator[None]:
    """Turn an OSError about files into an InputError: a name too long, no permission to look, a stale mount, a working
    folder that is gone.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            _refuse_lost_folder()
            raise
        raise InputError(f"{os.fsdecode(error.filename)}: {error.strerror}") from error


def _refuse_lost_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise InputError("the working folder is not there any more: change to one that is") from None
