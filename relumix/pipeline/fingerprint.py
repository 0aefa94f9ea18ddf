"""A digest of what a relit frame was made from: a rerun skips frames whose fingerprint still matches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from relumix.engines.base import Traits
from relumix.pipeline.windows import Plan
from relumix.shot.exr_header import HeaderError, read_headers
from relumix.shot.movie_frames import file_of
from relumix.shot.source import PlateSource
from relumix.version import __version__

FINGERPRINT_ATTRIBUTE = "relumix:key"
"""Header attribute that holds the fingerprint. `key` for history's sake: released files have it so."""

REFERENCES_ATTRIBUTE = "relumix:references"


class Fingerprints:
    """The fingerprints of a job's frames.

    It covers the version of program and engine, the settings, how alpha is read, and name, size and modification time
    of every input that the frame depends on, neighbours included. Folders do not count, so a shot may be moved.
    """

    def __init__(self, source: PlateSource, engine: Traits, plan: Plan, program: str = __version__) -> None:
        """`program` is the version of relumix that makes the frames."""
        self._source, self._plan = source, plan
        self._stats: dict[Path, list[str | int]] = {}
        model = source.settings.model
        self._common = {
            "program": program,
            "engine": [engine.name, engine.windowing.version],
            "settings": source.settings.pixels(),
            **({"matte": True} if source.plate.matte else {}),
            "model": self._stat(_files(Path(model))) if model else [],
            "references": {frame: self._stat(self._reference(frame)) for frame in source.references},
        }
        if weights := {frame: part.weight for frame, part in source.parts.items() if part.weight != 1}:
            self._common["reference_weights"] = weights

    def _reference(self, frame: int) -> list[Path]:
        """Return the files of a reference: the relit frame, and its matte where it has one."""
        part = self._source.parts.get(frame)
        return [self._source.reference_paths[frame], *([part.mask] if part and part.mask else [])]

    def of(self, frame: int) -> str:
        """Return the fingerprint of a frame, 64 hexadecimal digits."""
        mask = self._source.mask_path(frame)
        plates = [self._source.shot.path(f) for f in self._plan.inputs(frame)]
        made_from = [self._common, frame, self._stat(plates), self._stat([mask] if mask else [])]
        scene = self._plan.scenes.around(frame)
        text = json.dumps([*made_from, *([scene] if scene else [])], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def are_in(self, frame: int, paths: Sequence[Path]) -> bool:
        """Tell whether all files of a frame exist and have the fingerprint that they would get now."""
        if not all(path.exists() for path in paths):
            return False
        fingerprint = self.of(frame)
        return all(stored_fingerprint(path) == fingerprint for path in paths)

    def _stat(self, paths: Iterable[Path]) -> list[list[str | int]]:
        found = []
        for path in paths:
            if path not in self._stats:
                self._stats[path] = [path.name, *size_and_time(path)]
            found.append(self._stats[path])
        return found


def stored_fingerprint(path: Path) -> str | None:
    """Return the fingerprint that a file was written with; None where relumix did not write it, or it is unreadable."""
    return _stored(path, FINGERPRINT_ATTRIBUTE)


def stored_references(path: Path) -> dict[int, str]:
    """Return the references that a file was made from, frame to file name; none where relumix did not write it."""
    try:
        return {
            int(frame): str(name) for frame, name in json.loads(_stored(path, REFERENCES_ATTRIBUTE) or "{}").items()
        }
    except (ValueError, AttributeError):  # something else writes an attribute of that name
        return {}


def _stored(path: Path, attribute: str) -> str | None:
    try:
        _, headers = read_headers(path)
    except (HeaderError, OSError):
        return None
    values = [header[attribute].value.decode("utf-8", "replace") for header in headers if attribute in header]
    return values[0] if values else None


def size_and_time(path: Path) -> tuple[int, int]:
    """Return the size in bytes of the file of an image and when it was written, in ns; 0, 0 where it is not there."""
    try:
        stat = file_of(path).stat()
    except OSError:  # It vanished: reading it will fail later, for the frames concerned.
        return 0, 0
    return stat.st_size, stat.st_mtime_ns


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
