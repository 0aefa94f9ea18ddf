"""The job on files: a plate and its relit references in, the relit shot out."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from relumix import __version__
from relumix.engines import load_engine
from relumix.errors import FrameError, InputError
from relumix.events import Done, Failed, OnEvent, Progress, Start, Warned, ignore
from relumix.finish import Finisher, Frame
from relumix.keys import Keys, stored_key
from relumix.preview.previews import Previews
from relumix.propagate import Propagation
from relumix.settings import Settings
from relumix.shot.picture import Picture
from relumix.shot.sequence import OutputPattern
from relumix.shot.writing import check_compression
from relumix.source import PlateSource, References

WRITERS = 2
"""Threads that make and write full-size frames while the engine works on the next."""


@dataclass(frozen=True)
class Job:
    """A job whose input was found sound: what `--dry-run` shows.

    frames    to deliver, ascending.
    warnings  what was noticed on the way.
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


def prepare(
    source: str | PathLike[str], references: References, output: str | PathLike[str], settings: Settings | None = None
) -> Job:
    """Check what can be checked before the first frame is computed; raises InputError."""
    settings = settings or Settings()
    load_engine(settings.engine, model=settings.model, device=settings.device)
    if settings.compression:
        check_compression(settings.compression)
    plates = PlateSource.find(source, references, settings)
    frames, warnings = plates.choose(settings.frames, settings.missing)
    outputs = OutputPattern(os.fspath(output), plates.shot, frames)
    gains = OutputPattern(settings.gain_out, plates.shot, frames) if settings.gain_out else None
    for pattern in (outputs, *([gains] if gains else [])):
        pattern.refuse_overwriting(plates.other_inputs())
        _refuse_unwritable(pattern.path(frames[0]).parent)
        for path in map(pattern.path, frames):
            if not settings.overwrite and path.exists() and stored_key(path) is None:
                raise InputError(f"{path} exists and relumix did not write it: choose another output, or --overwrite")
    if gains and any(gains.path(frame) == outputs.path(frame) for frame in frames):
        raise InputError(f"gain maps and relit frames would share {gains.path(frames[0])}: choose another --gain-out")
    return Job(plates, outputs, gains, frames, (*plates.warnings, *warnings))


def _refuse_unwritable(folder: Path) -> None:
    """Raise InputError where frames could not be written to a folder, which need not exist yet."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"{folder} cannot be written to: {there} is a file, not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{folder} cannot be written to: no permission in {there}; choose another output")


def relight(
    source: str | PathLike[str],
    references: References,
    output: str | PathLike[str],
    settings: Settings | None = None,
    *,
    on_event: OnEvent = ignore,
) -> Done:
    """Relight a shot on disk.

    source      pattern of the plate: `plate.####.exr`, `plate.%04d.exr`, one file, or a folder with one sequence.
    references  relit file by frame number; None as a number, or a file alone, means the first frame.
    output      pattern, or a folder in which the source's names are kept.
    on_event    is told what happens, on the calling thread (see relumix.events).

    A frame is on disk, whole, as soon as its event says so; one that is there already and whose inputs and settings did
    not change is not made again. A frame that fails costs that frame alone. Raises InputError where the job as a whole
    cannot be done.
    """
    return run(prepare(source, references, output, settings), on_event)


def run(job: Job, on_event: OnEvent = ignore) -> Done:
    """Do a prepared job; as `relight`."""
    began, settings = time.perf_counter(), job.source.settings
    on_event(job.start())
    for warning in job.warnings:
        on_event(Warned(warning))
    engine = load_engine(settings.engine, model=settings.model, device=settings.device)
    previews = Previews(settings, job.frames, job.source.references, job.source.plate.frames_per_second)
    counts = {"written": 0, "skipped": 0, "failed": 0}
    with Propagation(job.source, engine, settings.work_size, job.source.watch) as light, previews:
        finisher = Finisher(
            job.source, light.canvas, job.output, job.gain_output, Keys(job.source, engine, light.plan), previews.wanted
        )
        for result in _frames(job, light, finisher):
            if isinstance(result, FrameError):
                counts["failed"] += 1
                on_event(Failed(str(result), result.frame))
            else:
                counts["skipped" if result.event.skipped else "written"] += 1
                on_event(result.event)
                if result.shown:
                    previews.add(result.shown)
            on_event(Progress(sum(counts.values()), len(job.frames)))
    end = Done(
        **counts,
        seconds=round(time.perf_counter() - began, 3),
        stage_seconds=job.source.watch.seconds(),
        outputs=[str(job.output), *([str(job.gain_output)] if job.gain_output else []), *previews.written],
    )
    on_event(end)
    return end


def _frames(job: Job, light: Propagation[Picture], finisher: Finisher) -> Iterator[Frame | FrameError]:
    """Yield every frame of the job, made or up to date, in order; while the engine works, frames are finished."""
    fresh = set() if job.source.settings.overwrite else {frame for frame in job.frames if finisher.is_fresh(frame)}
    gains = light.gains([frame for frame in job.frames if frame not in fresh])
    pending: deque[Future[Frame | FrameError]] = deque()
    pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="relumix-write")
    try:
        for frame in job.frames:
            if frame in fresh:
                pending.append(pool.submit(finisher.fresh, frame))
            else:
                pending.append(pool.submit(finisher.finish, next(gains)))
            if len(pending) > WRITERS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
