"""The job on files: a plate and its relit references in, the relit shot out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from os import PathLike

from relumix.engines.base import Engine
from relumix.engines.registry import engine_for
from relumix.errors import FrameError
from relumix.events import Done, Failed, OnEvent, Progress, Warned, ignore
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.check import Job, check
from relumix.pipeline.fingerprint import Fingerprints
from relumix.pipeline.propagate import Propagation
from relumix.pipeline.windows import refuse_chunks
from relumix.pipeline.write_frame import Frame, FrameWriter
from relumix.preview.previews import Previews
from relumix.settings import Settings
from relumix.shot.source import References
from relumix.util.ordered_pool import ordered

WRITERS = 2
"""Threads that make and write full-size frames while the engine works on the next."""


@dataclass(frozen=True)
class LocalJob:
    """A job whose input was found sound, and the engine that will do it here."""

    job: Job
    engine: Engine


def prepare(
    source: str | PathLike[str], references: References, output: str | PathLike[str], settings: Settings | None = None
) -> LocalJob:
    """Check what can be checked before the first frame is computed; raises InputError."""
    settings = settings or Settings()
    engine = engine_for(settings)
    job = check(source, references, output, settings)
    refuse_chunks(engine, job.source.frames, job.frames)
    return LocalJob(job, engine)


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


def run(prepared: LocalJob, on_event: OnEvent = ignore) -> Done:
    """Do a prepared job; as `relight`."""
    job, engine = prepared.job, prepared.engine
    began, settings = time.perf_counter(), job.source.settings
    on_event(job.start())
    for warning in job.warnings:
        on_event(Warned(warning))
    previews = Previews(settings, job.frames, job.source.references, job.source.plate.frames_per_second)
    counts = {"written": 0, "skipped": 0, "failed": 0}
    shot = DownsampledShot(job.source, settings.work_size)
    with Propagation(shot, engine, job.source.watch) as light, previews:
        keys = Fingerprints(job.source, engine, light.plan)
        finisher = FrameWriter(job.source, light.canvas, job.output, job.gain_output, keys.of, previews.wanted)
        for result in _frames(job, light, finisher, keys):
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


def _frames(job: Job, light: Propagation, finisher: FrameWriter, keys: Fingerprints) -> Iterator[Frame | FrameError]:
    """Yield every frame of the job, made or up to date, in order; while the engine works, frames are finished."""
    outputs = [pattern for pattern in (job.output, job.gain_output) if pattern]
    fresh = {
        frame
        for frame in job.frames
        if not job.source.settings.overwrite and keys.are_in(frame, [pattern.path(frame) for pattern in outputs])
    }
    gains = light.gains([frame for frame in job.frames if frame not in fresh])
    calls = (
        partial(finisher.fresh, frame) if frame in fresh else partial(finisher.finish, next(gains))
        for frame in job.frames
    )
    return ordered(calls, WRITERS, "relumix-write")
