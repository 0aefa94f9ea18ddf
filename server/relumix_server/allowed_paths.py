"""Which paths a request may name: those below the folders that the server was started with, and no others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from relumix.pipeline.fingerprint import stored_fingerprint
from relumix.shot.sequence import IMAGE_SUFFIXES
from relumix_server.status_errors import Code, StatusError

LONGEST_PATH = 4096


class AllowedPaths:
    """Folders, symbolic links and `..` resolved."""

    def __init__(self, roots: Iterable[str]) -> None:
        self._allowed = [Path(os.path.realpath(root)) for root in roots]

    def __bool__(self) -> bool:
        return bool(self._allowed)

    def refuse_none(self) -> None:
        """Raise StatusError where there is no folder at all."""
        if not self._allowed:
            raise StatusError(
                Code.PERMISSION_DENIED, "this server takes no frames by path: it was started without --root"
            )

    def resolve(self, text: str) -> Path:
        """Return the file that an absolute path means. Raises StatusError where it is not below a root."""
        if not text.startswith("/") or "\0" in text or len(text) > LONGEST_PATH:
            raise StatusError(Code.INVALID_ARGUMENT, f"{text[:200]!r} is no absolute path: expected one below a --root")
        path = Path(os.path.realpath(text))
        if not any(root in path.parents for root in self._allowed):
            raise StatusError(Code.PERMISSION_DENIED, f"{text} is not below a --root of this server")
        return path

    def input(self, text: str) -> Path:
        """Return a file to read. Raises StatusError also where its name is none of an image."""
        path = self.resolve(text)
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            expected = ", ".join(sorted(IMAGE_SUFFIXES))
            raise StatusError(Code.INVALID_ARGUMENT, f"{text} is no image: expected a name in one of {expected}")
        return path

    def outputs(self, texts: Mapping[int, str], inputs: Iterable[Path], *, overwrite: bool) -> dict[int, Path]:
        """Return files to write, by frame. Raises StatusError also where one is an input, or not of relumix."""
        taken = {(stat.st_dev, stat.st_ino) for stat in map(_stat, inputs) if stat}
        found: dict[int, Path] = {}
        for frame, text in texts.items():
            path = self.resolve(text)
            if path.suffix.lower() != ".exr":
                raise StatusError(Code.INVALID_ARGUMENT, f"{text}: results are written as EXR; expected a name in .exr")
            stat = _stat(path)
            if stat and (stat.st_dev, stat.st_ino) in taken:
                raise StatusError(Code.INVALID_ARGUMENT, f"frame {frame} would be written over the input {text}")
            if stat and not overwrite and stored_fingerprint(path) is None:
                raise StatusError(
                    Code.FAILED_PRECONDITION,
                    f"{text} exists and relumix did not write it: choose another output, or overwrite",
                )
            found[frame] = path
        if len(set(found.values())) < len(found):
            raise StatusError(Code.INVALID_ARGUMENT, "two frames would be written to one file: expected a file a frame")
        return found


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
