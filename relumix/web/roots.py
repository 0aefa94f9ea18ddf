"""The folders whose clips may be named, and what lies in them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from relumix.errors import InputError
from relumix.shot.movie_frames import MOVIE_SUFFIXES, file_of, stream_of
from relumix.shot.sequence import IMAGE_SUFFIXES, number_at_end
from relumix.shot.sequence import Sequence as Shot
from relumix.web.errors import RefusedError

MOST_ENTRIES = 20_000
MOST_LISTED = 500


@dataclass(frozen=True)
class Roots:
    """Folders below which clips may be named."""

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, roots: Iterable[str]) -> Roots:
        """Take them as they were given; links are resolved."""
        return cls(tuple(Path(os.path.realpath(root)) for root in roots))

    def clip(self, text: str) -> str:
        """Return the pattern, file or folder of a clip that was named, links resolved. Raises RefusedError."""
        path = Path(text)
        # A stream lies below its movie. Path.is_dir raises for a name too long.
        folder = path if os.path.isdir(path) else stream_of(path)[0].parent  # noqa: PTH112
        pattern = self._inside(folder, text) / path.relative_to(folder)
        try:
            shot = Shot.find(pattern)
        except InputError as error:
            raise RefusedError(422, str(error)) from None
        except OSError as error:
            raise RefusedError(422, f"{text[:200]!r} cannot be read: {error.strerror}") from None
        for path in {file_of(shot.path(frame)) for frame in shot.frames}:
            self._inside_file(path)
        return str(pattern)

    def listed(self, text: str) -> dict[str, object]:
        """Return what lies in a folder, or the roots themselves where none is named. Raises RefusedError.

        {"folder", "above" (None at the top), "folders": names, "clips": patterns and movies}
        """
        if not text:
            return {"folder": "", "above": None, "folders": [str(root) for root in self.folders], "clips": []}
        folder = self._inside(Path(text), text)
        above = "" if folder in self.folders else str(folder.parent)
        folders: list[str] = []
        files: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in islice(entries, MOST_ENTRIES):
                    if not entry.name.startswith("."):
                        (folders if entry.is_dir() else files).append(entry.name)
        except OSError as error:
            raise RefusedError(403, f"{folder} cannot be read: {error.strerror}") from None
        return {
            "folder": str(folder),
            "above": above,
            "folders": sorted(folders)[:MOST_LISTED],
            "clips": _clips_of(files)[:MOST_LISTED],
        }

    def _inside(self, folder: Path, named: str) -> Path:
        """Return a folder, links resolved, if it is below a root or one. Raises RefusedError.

        named  what the visitor said: all that he is told of a place outside, lest he learn what is there.
        """
        if "\0" in str(folder) or not folder.is_absolute():
            raise RefusedError(400, f"{str(folder)[:200]!r} is no absolute path")
        real = Path(os.path.realpath(folder))
        if not any(root == real or root in real.parents for root in self.folders):
            raise RefusedError(403, f"{named[:200]} is not below a --root of this page")
        if not os.path.isdir(real):  # noqa: PTH112
            raise RefusedError(404, f"{named[:200]} is no folder that is there")
        return real

    def _inside_file(self, path: Path) -> None:
        real = Path(os.path.realpath(path))
        if not any(root in real.parents for root in self.folders):
            raise RefusedError(403, f"{path} leads out of the --root of this page")


def _clips_of(names: Iterable[str]) -> list[str]:
    """Return sequences as patterns with #, and other images and movies by name."""
    found: set[str] = set()
    for name in names:
        path = Path(name)
        suffix = path.suffix.lower()
        if suffix in MOVIE_SUFFIXES:
            found.add(name)
        elif suffix in IMAGE_SUFFIXES:
            frame = number_at_end(path)
            digits = len(path.stem) - len(path.stem.rstrip("0123456789"))
            found.add(name if frame is None else f"{path.stem[: len(path.stem) - digits]}{'#' * digits}{path.suffix}")
    return sorted(found)
