"""A file system that refuses what Windows does: a file that somebody has open is neither replaced nor deleted."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from .files import Read
from .group import Group

if TYPE_CHECKING:
    from .session import Session


@contextlib.contextmanager
def violations(session: Session) -> Iterator[None]:
    """Inside, a file that a Read of the session has looked at is held: under each of its names, as links share it."""
    real = {name: getattr(os, name) for name in ("replace", "rename", "unlink", "remove")}

    def guarded(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            for path in args[:2] if name in ("replace", "rename") else args[:1]:
                if _inode(path, kwargs.get("dir_fd")) in _held(session):
                    raise PermissionError(13, "The process cannot access the file because it is being used", str(path))
            return real[name](*args, **kwargs)

        return call

    # Before Python 3.11, Path keeps functions of its own that it took from os when it was loaded.
    holders = [os, *filter(None, [getattr(pathlib, "_NormalAccessor", None)])]
    with contextlib.ExitStack() as patched:
        for holder, name in itertools.product(holders, real):
            if hasattr(holder, name):
                patched.enter_context(patch.object(holder, name, staticmethod(guarded(name))))
        yield


def _inode(path: Any, folder: int | None) -> tuple[int, int] | None:
    try:
        found = os.stat(path, dir_fd=folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _held(session: Session) -> set[tuple[int, int] | None]:
    return {_inode(path, None) for read in _reads(session.root) for path in read._holds()} - {None}


def _reads(group: Group) -> Iterator[Read]:
    for node in group._children:
        if isinstance(node, Read):
            yield node
        elif isinstance(node, Group):
            yield from _reads(node)
