"""What the page answers where it cannot do what it was asked."""

from __future__ import annotations

import re

_FOLDERS = re.compile(r"(^|[\s\"'(=])/(?:[^\s\"'/]+/)*(?=[^\s/])")
"""Folders of an absolute path in a text, and what is before it."""


class RefusedError(Exception):
    """A request that is refused. Its text is told to the visitor.

    status  of the HTTP response: 400 for what makes no sense, 404 for what is not there, 409 for what cannot be now,
            413 for what is too large, 422 for files that cannot be used, 429 and 503 for too much at once.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def without_folders(text: str) -> str:
    """Return a text without the folders of this server: they are nothing to a visitor."""
    return _FOLDERS.sub(r"\1", text)
