"""Checks the paths in a request: only those below the server's --root folders are allowed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from relumix.pipeline.fingerprint import stored_fingerprint
from relumix.shot.sequence import IMAGE_SUFFIXES
from relumix_server import header_limits
from relumix_server.beneath import FileBeneath
from relumix_server.status_errors import Code, StatusError

LONGEST_PATH = 4096
DEEPEST_PATH = 100
MOST_FOLDERS = 400_000
"""That are looked at for one job, counted anew for each path: some seconds' work."""


class AllowedPaths:
    """The allowed folders, symbolic links and `..` resolved."""

    def __init__(self, roots: Iterable[str]) -> None:
        self._roots = [Path(os.path.realpath(root)) for root in roots]
        self._resolved: dict[str, str] = {}
        self._folders = 0
        self._go_on: Callable[[], None] = lambda: None

    def for_a_job(self, go_on: Callable[[], None] = lambda: None) -> AllowedPaths:
        """Return the same, for the paths of one job: what is found out about a folder holds for all of them.

        go_on  is called before each path is looked at, and may raise.
        """
        job = AllowedPaths(())
        job._roots, job._go_on = self._roots, go_on
        return job

    def __bool__(self) -> bool:
        return bool(self._roots)

    def refuse_none(self) -> None:
        """Raise StatusError where no folder is allowed."""
        if not self._roots:
            raise StatusError(
                Code.PERMISSION_DENIED, "this server takes no frames by path: it was started without --root"
            )

    def resolve(self, text: str) -> FileBeneath:
        """Return the file at an absolute path. Raises StatusError where it is not below a root."""
        self._go_on()
        if not text.startswith("/") or "\0" in text or len(text) > LONGEST_PATH:
            raise StatusError(Code.INVALID_ARGUMENT, f"{text[:200]!r} is no absolute path: expected one below a --root")
        if text.count("/") > DEEPEST_PATH:
            raise StatusError(
                Code.INVALID_ARGUMENT, f"{text[:200]!r} lies too deep: expected up to {DEEPEST_PATH} folders on the way"
            )
        try:
            path = Path(self._real(text))
        except (OSError, ValueError) as error:  # a name that no file system takes, or that is no text
            reason = getattr(error, "strerror", None) or "it cannot be written as bytes"
            raise StatusError(Code.INVALID_ARGUMENT, f"{text[:200]!r} is no path: {reason}") from None
        for root in self._roots:
            if root in path.parents:
                return FileBeneath(root, PurePosixPath(path.relative_to(root)))
        raise StatusError(Code.PERMISSION_DENIED, f"{text} is not below a --root of this server")

    def _real(self, text: str) -> str:
        """Return what os.path.realpath does. It looks at every folder of each path; here each folder is once."""
        folder, name = os.path.split(text)
        if name in ("", ".", ".."):
            return self._looked_up(text)
        if folder not in self._resolved:
            self._resolved[folder] = self._looked_up(folder)
        path = os.path.join(self._resolved[folder], name)  # noqa: PTH118  # a Path takes ten times as long
        return self._looked_up(path) if os.path.islink(path) else path  # noqa: PTH114

    def _looked_up(self, text: str) -> str:
        self._folders += text.count("/")
        if self._folders > MOST_FOLDERS:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                f"the paths of this job lead through more than {MOST_FOLDERS} folders: expected frames that share some",
            )
        return os.path.realpath(text)

    def input(self, text: str) -> FileBeneath:
        """Return a file to read. Raises StatusError also where it is not named like an image."""
        file = self.resolve(text)
        if file.suffix.lower() not in IMAGE_SUFFIXES:
            expected = ", ".join(sorted(IMAGE_SUFFIXES))
            raise StatusError(Code.INVALID_ARGUMENT, f"{text} is no image: expected a name in one of {expected}")
        return file

    def outputs(
        self, texts: Mapping[int, str], inputs: Iterable[FileBeneath], *, overwrite: bool
    ) -> dict[int, FileBeneath]:
        """Return files to write, by frame. Raises StatusError also where one is an input, or not of relumix."""
        taken = set()
        for file in inputs:
            self._go_on()
            taken.add(_identity(file))
        taken.discard(None)
        found: dict[int, FileBeneath] = {}
        for frame, text in texts.items():
            file = self.resolve(text)
            if file.suffix.lower() != ".exr":
                raise StatusError(Code.INVALID_ARGUMENT, f"{text}: results are written as EXR; expected a name in .exr")
            if _identity(file) in taken:
                raise StatusError(Code.INVALID_ARGUMENT, f"frame {frame} would be written over the input {text}")
            if not overwrite and _is_of_others(file):
                raise StatusError(
                    Code.FAILED_PRECONDITION,
                    f"{text} exists and relumix did not write it: choose another output, or overwrite",
                )
            found[frame] = file
        if len(set(found.values())) < len(found):
            raise StatusError(Code.INVALID_ARGUMENT, "two frames would be written to one file: expected a file a frame")
        return found


def is_there(file: FileBeneath) -> bool:
    """Tell whether there is a regular file that can be read."""
    return _identity(file) is not None


def _identity(file: FileBeneath) -> tuple[int, int] | None:
    try:
        with file.opened() as descriptor:
            found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_of_others(file: FileBeneath) -> bool:
    """Tell whether a file exists that relumix did not write."""
    try:
        with file.opened() as descriptor:
            opened = Path(f"/dev/fd/{descriptor}")
            # Counted first: what is read of a header is kept in memory, here and not in a worker.
            return header_limits.excess(opened) is not None or stored_fingerprint(opened) is None
    except OSError:
        return os.path.lexists(file.path)
