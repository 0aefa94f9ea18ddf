"""A visitor's clip: what it is, its references, and what was made of it."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relumix.web.errors import RefusedError
from relumix.web.jobs import Job
from relumix.web.tasks import Kind, Probed, Source

MOST_REFERENCES = 100


@dataclass(frozen=True)
class Reference:
    """A relit frame.

    path     its file.
    made     how: "graded", "uploaded", "matched" (to a picture), "lit" (by lamps), "worded" or "example".
    look     what made it, as JSON, to be changed later: a look; {"rig": …, "fov": …}; {"words": …, "seed": …}.
    name     of the file that was uploaded.
    version  changes with the picture.
    """

    path: Path
    made: str
    look: Mapping[str, Any] | None = None
    name: str = ""
    version: str = field(default_factory=lambda: secrets.token_hex(4))


@dataclass
class Measures:
    """Mean confidence and flicker (in stops) of frames, as far as they were measured."""

    confidence: dict[int, float] = field(default_factory=dict)
    flicker: dict[int, float] = field(default_factory=dict)


class Clip:
    """A clip. Thread-safe.

    shown_source  what the command line calls it: a path for who works on this machine, else the name it came under.
    """

    def __init__(
        self, title: str, source: Source, found: Probed, folder: Path, shown_source: str, uploaded: Path | None = None
    ) -> None:
        """folder: of its own, for references and results; uploaded: that of its frames, where they were sent."""
        self.name = secrets.token_hex(8)
        self.title, self.source, self.found, self.folder = title, source, found, folder
        self.shown_source, self._uploaded = shown_source, uploaded
        self.references: dict[int, Reference] = {}
        self.job: Job | None = None
        self.measures = Measures()
        self.lock = threading.RLock()

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

    def set_reference(self, frame: int, reference: Reference | None) -> None:
        """Put a reference at a frame, or take away the one there. Raises RefusedError while a job runs."""
        with self.lock:
            self.refuse_busy()
            old = self.references.pop(frame, None)
            if reference is not None:
                if len(self.references) >= MOST_REFERENCES:
                    raise RefusedError(409, f"a clip has {MOST_REFERENCES} references at most")
                self.references = dict(sorted({**self.references, frame: reference}.items()))
            if old is not None and self.folder in old.path.parents and (not reference or old.path != reference.path):
                old.path.unlink(missing_ok=True)

    def refuse_busy(self) -> None:
        """Raise RefusedError while a job runs."""
        if self.job is not None and self.job.running:
            raise RefusedError(409, "the shot is being relit: cancel that before you change references")

    def close(self) -> None:
        """End its job and remove its files."""
        if self.job is not None:
            self.job.close()
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
            "references": {
                frame: {"made": each.made, "look": each.look, "name": each.name, "version": each.version}
                for frame, each in self.references.items()
            },
            "job": self.job.snapshot() if self.job else None,
            "measures": vars(self.measures),
        }
