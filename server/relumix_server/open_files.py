"""How many files, connections among them, the system lets this process open."""

from __future__ import annotations

import resource


def allow_open_files() -> int:
    """Raise the limit to the most that may be had without rights, and return it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most
