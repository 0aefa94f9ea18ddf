"""A visitor's clip: what it is, its references, and what was made of it."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relumix.web.errors import RefusedError
from relumix.web.jobs import Job, Making, Order
from relumix.web.tasks import Kind, Probed, Source

MOST_REFERENCES = 100

_WAITS_SECONDS = 30.0
"""After which somebody who has not looked at a clip waits for nothing of it."""


@dataclass(frozen=True)
class Reference:
    """A relit frame.

    path     its file, in a folder of its own where it was made or sent here.
    made     how: "graded", "uploaded", "matched" (to a picture), "lit" (by lamps), "worded" or "example".
    look     what made it, as JSON, to be changed later: a look; {"rig": …, "fov": …}; {"words": …, "seed": …}.
    name     of the file that was uploaded.
    command  that made it, and is written down with the result: the words after `relumix`; none where none did.
    files    that the command reads and that are here alone.
    coded    whether what it made had to be coded as the plate is.
    version  changes with the picture.
    """

    path: Path
    made: str
    look: Mapping[str, Any] | None = None
    name: str = ""
    command: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    coded: bool = False
    version: str = field(default_factory=lambda: secrets.token_hex(4))

    def described(self) -> dict[str, Any]:
        """Return what a page shows of it, fit for JSON."""
        return {"made": self.made, "look": self.look, "name": self.name, "version": self.version}


@dataclass(frozen=True)
class Shapes:
    """Geometry of a clip in files beside it, as `relumix reference lights` takes it.

    files   by the option that names them: "position", "normals", "depth", "albedo".
    frames  that they are of; None: all, as where the clip's own channels say it.
    rig     lamps to begin with, as JSON.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    frames: tuple[int, ...] | None = None
    rig: Mapping[str, Any] | None = None

    def covers(self, frame: int) -> bool:
        """Tell whether a frame's geometry is there."""
        return bool(self.files) and (self.frames is None or frame in self.frames)

    def told(self) -> str:
        """Return which frames those are, for people."""
        return ", ".join(map(str, self.frames or ()))


@dataclass
class Measures:
    """Mean confidence and flicker (in stops) of frames, as far as they were measured."""

    confidence: dict[int, float] = field(default_factory=dict)
    flicker: dict[int, float] = field(default_factory=dict)


class Clip:
    """A clip. Thread-safe.

    shown_source  what the command line calls it: a path for who works on this machine, else the name it came under.
    shapes        geometry that lies beside it (see Shapes), where there is any.
    """

    def __init__(
        self, title: str, source: Source, found: Probed, folder: Path, shown_source: str, uploaded: Path | None = None
    ) -> None:
        """folder: of its own, for references and results; uploaded: that of its frames, where they were sent."""
        self.name = secrets.token_hex(8)
        self.title, self.source, self.found, self.folder = title, source, found, folder
        self.shown_source, self._uploaded = shown_source, uploaded
        self.shapes = Shapes()
        self.references: dict[int, Reference] = {}
        self._given: dict[int, Reference] = {}
        self.job: Job[Order] | None = None
        self.making: Making | None = None
        self.measures = Measures()
        self.lock = threading.RLock()
        self._changes, self._looked_at = 0, time.monotonic()

    @property
    def results(self) -> Path:
        """The folder of results."""
        return self.folder / "results"

    def frame(self, number: int) -> int:
        """Return a frame's number if it is one of the clip's. Raises RefusedError."""
        if number not in self.found.frames:
            frames = self.found.frames
            raise RefusedError(404, f"the clip has no frame {number}: it has {frames[0]} to {frames[-1]}")
        return number

    def before(self, frame: int) -> int | None:
        """Return the frame before one, None for the first."""
        at = self.found.frames.index(frame)
        return self.found.frames[at - 1] if at else None

    def made(self) -> dict[int, str]:
        """Return the version of each frame that is made, by number."""
        return dict(self.job.told.frames) if self.job else {}

    def file(self, kind: Kind, frame: int) -> Path | None:
        """Return the file of what is shown of a frame, None for the plate. Raises RefusedError where there is none."""
        if kind == "plate":
            return None
        if kind == "reference":
            if frame not in self.references:
                raise RefusedError(404, f"frame {frame} has no reference")
            return self.references[frame].path
        if frame not in self.made():
            raise RefusedError(404, f"frame {frame} is not made yet")
        return self.result(kind, frame)

    def result(self, kind: str, frame: int) -> Path:
        """Return where a result of a frame is written: of result, gain or confidence."""
        name = "relit" if kind == "result" else kind
        return self.results / name / f"{name}.{self.number(frame)}.exr"

    def number(self, frame: int) -> str:
        """Return a frame's number as results' names have it."""
        return f"{frame:04d}"

    @property
    def has_shapes(self) -> bool:
        """Whether geometry is known of some of its frames."""
        return self.found.geometry or bool(self.shapes.files)

    @property
    def busy(self) -> bool:
        """Whether something is being made of it."""
        return any(job.running for job in self._jobs())

    @property
    def untouched(self) -> bool:
        """Whether nothing was made of it that a click does not bring back."""
        own = any(reference.made != "example" for reference in self.references.values())
        return not (own or self.job or self.making or self._uploaded)

    def looked(self) -> None:
        """Note that somebody looks at it."""
        self._looked_at = time.monotonic()

    @property
    def waited_for(self) -> bool:
        """Whether somebody looks at it, or did so just now."""
        return time.monotonic() - self._looked_at < _WAITS_SECONDS

    def set_reference(self, frame: int, reference: Reference | None) -> None:
        """Put a reference at a frame, or take away the one there. Raises RefusedError while a job runs."""
        with self.lock:
            self.refuse_busy()
            self._put(frame, reference)

    def take_made(self, frame: int, reference: Reference) -> None:
        """Put the reference at a frame that was being made. Raises RefusedError."""
        with self.lock:
            self._put(frame, reference)

    def _put(self, frame: int, reference: Reference | None) -> None:
        others = {each: known for each, known in self.references.items() if each != frame}
        if reference is not None and len(others) >= MOST_REFERENCES:
            raise RefusedError(409, f"a clip has {MOST_REFERENCES} references at most")
        old = self.references.get(frame)
        self.references = dict(sorted({**others, **({frame: reference} if reference else {})}.items()))
        self._changes += 1
        if old is not None and old not in self._given.values():
            self._remove(old)

    def give_references(self) -> None:
        """Note that a result is made from the references as they are now: they are kept as long as it is."""
        old, self._given = self._given, dict(self.references)
        for reference in old.values():
            if reference not in self.references.values():
                self._remove(reference)

    @property
    def given(self) -> dict[int, Reference]:
        """The references that the result was made from; without one, those that there are."""
        return self._given if self.job else self.references

    def _remove(self, reference: Reference) -> None:
        if self.folder in reference.path.parents:
            shutil.rmtree(reference.path.parent, ignore_errors=True)

    def reference_folder(self) -> Path:
        """Return a new folder for a reference and what it is made of."""
        folder = self.folder / "references" / secrets.token_hex(8)
        folder.mkdir(parents=True)
        return folder

    def refuse_busy(self) -> None:
        """Raise RefusedError while something is being made of it."""
        if self.job is not None and self.job.running:
            raise RefusedError(409, "the shot is being relit: cancel that before you change references")
        if self.making is not None and self.making.job.running:
            what = "a movie" if self.making.frame is None else f"the reference of frame {self.making.frame}"
            raise RefusedError(409, f"{what} is being made: wait for it, or cancel it")

    def close(self) -> None:
        """End its jobs and remove its files."""
        for job in self._jobs():
            job.close()
        for folder in filter(None, (self.folder, self._uploaded)):
            shutil.rmtree(folder, ignore_errors=True)

    def described(self) -> dict[str, Any]:
        """Return all that a page shows of it, fit for JSON."""
        found = self.found
        return {
            "name": self.name,
            "title": self.title,
            "frames": found.frames,
            "missing": found.missing[:100],
            "width": found.width,
            "height": found.height,
            "aspect": found.aspect,
            "rate": found.rate,
            "notes": found.notes,
            **self.changing(),
        }

    def changing(self) -> dict[str, Any]:
        """Return what of that changes while a page shows it."""
        return {
            "references": {frame: each.described() for frame, each in self.references.items()},
            "job": self.job.snapshot() if self.job else None,
            "making": self.making.described() if self.making else None,
            "measures": vars(self.measures),
        }

    def state(self) -> object:
        """Return something that differs whenever `changing` does."""
        return self._changes, self.making is None, *((id(job), job.version) for job in self._jobs())

    def _jobs(self) -> list[Job[Any]]:
        return [*([self.job] if self.job else []), *([self.making.job] if self.making else [])]
