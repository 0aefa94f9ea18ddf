"""Checks a job on files before anything is computed. Needs no engine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from os import PathLike

from relumix.errors import InputError
from relumix.events import Start
from relumix.pipeline.fingerprint import stored_fingerprint
from relumix.settings import Settings
from relumix.shot.sequence import OutputPattern
from relumix.shot.source import PlateSource, References
from relumix.shot.writing import check_compression
from relumix.util.atomic_file import refuse_unwritable
from relumix.version import __version__


@dataclass(frozen=True)
class Job:
    """A checked job: what `--dry-run` shows.

    frames    to deliver, ascending.
    warnings  found by the checks.
    """

    source: PlateSource
    output: OutputPattern
    gain_output: OutputPattern | None
    frames: tuple[int, ...]
    warnings: tuple[str, ...]

    def start(self) -> Start:
        """Return the event that says what will be done."""
        return Start(
            version=__version__,
            source=self.source.shot.pattern,
            output=str(self.output),
            frames=list(self.frames),
            references={frame: str(path) for frame, path in self.source.reference_paths.items()},
            settings=self.source.settings.asdict(),
        )


def check(
    source: str | PathLike[str], references: References, output: str | PathLike[str], settings: Settings | None = None
) -> Job:
    """Check what can be checked without an engine; raises InputError."""
    settings = settings or Settings()
    if settings.compression:
        check_compression(settings.compression)
    plates = PlateSource.find(source, references, settings)
    frames, warnings = plates.choose(settings.frames, settings.missing)
    outputs = OutputPattern(os.fspath(output), plates.shot, frames)
    gains = OutputPattern(settings.gain_out, plates.shot, frames) if settings.gain_out else None
    for pattern in (outputs, *([gains] if gains else [])):
        pattern.refuse_overwriting(plates.other_inputs())
        refuse_unwritable(pattern.path(frames[0]).parent)
        for path in map(pattern.path, frames):
            if not settings.overwrite and path.exists() and stored_fingerprint(path) is None:
                raise InputError(f"{path} exists and relumix did not write it: choose another output, or --overwrite")
    if gains and any(gains.path(frame) == outputs.path(frame) for frame in frames):
        raise InputError(f"gain maps and relit frames would share {gains.path(frames[0])}: choose another --gain-out")
    return Job(plates, outputs, gains, frames, (*plates.warnings, *warnings))
