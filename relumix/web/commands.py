"""Runs `relumix` commands to their end, each in a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from relumix.util.child import decoder_environment, last_words, relumix_command
from relumix.web.errors import RefusedError, without_folders

WENT_TO_THE_END = (0, 3)
"""Exit codes of `relumix relight` where it made all frames, or all but some that failed."""


def run(arguments: Sequence[str], folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run `relumix` with arguments in a folder; returns its exit code and what it said.

    Raises RefusedError where it takes longer than so many seconds, and is ended then, or where the folder is gone: the
    clip was closed.
    """
    try:
        return subprocess.run(
            [*relumix_command(), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=decoder_environment(),
            cwd=folder,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RefusedError(422, f"it took longer than {seconds:g} s") from None
    except FileNotFoundError:
        raise RefusedError(404, "the clip was closed") from None


def complaint(said: str, code: int) -> str:
    """Return why a command failed, by what it said on stderr and its exit code, without the folders of this server."""
    return without_folders(last_words(said, f"it ended with exit code {code}"))
