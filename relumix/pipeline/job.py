"""The job on files in this process: a plate and its relit references in, the relit shot out."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from os import PathLike

from relumix.engines.base import Engine
from relumix.engines.registry import engine_for
from relumix.events import Done, OnEvent, Stage, ignore
from relumix.gain.proxy_shot import DownsampledShot, ReadReference
from relumix.pipeline.check import Job, check
from relumix.pipeline.estimate import Estimate
from relumix.pipeline.fingerprint import Fingerprints
from relumix.pipeline.guessed import Overlooked
from relumix.pipeline.propagate import Propagation, reference_gain
from relumix.pipeline.run import Notice, Outcome, stage_at
from relumix.pipeline.run import run as run_job
from relumix.pipeline.windows import Plan, plan, refuse_chunks
from relumix.pipeline.write_frame import FrameWriter
from relumix.settings import Settings
from relumix.shot.picture import Picture
from relumix.shot.source import References

_TELL_SECONDS = 0.5
"""Least time between two progress reports within a window."""


@dataclass(frozen=True)
class LocalJob:
    """A checked job, and the engine that does it in this process."""

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
    references  relit file by frame number. Under None, or without numbers: one or more files whose names say their
                frames (without a number it is the first frame), patterns, and folders.
    output      pattern, or a folder in which the source's names are kept.
    on_event    gets the job's events, on the calling thread (see relumix.events).

    A frame is complete on disk when its event arrives; one whose inputs and settings did not change is not made again.
    A failed frame does not stop the others. Raises InputError where the job as a whole cannot be done.
    """
    return run(prepare(source, references, output, settings), on_event)


def run(prepared: LocalJob, on_event: OnEvent = ignore) -> Done:
    """Do a prepared job; as `relight`."""
    with closing(run_job(prepared.job, LocalBackend(prepared, on_event))) as events:
        for event in events:
            on_event(event)
            if isinstance(event, Done):
                return event
    raise AssertionError("a job ends with Done")


class LocalBackend:
    """The Backend of a job in this process.

    The engine occupies the calling thread, so progress within a window goes to `tell` instead of being yielded.
    """

    def __init__(self, prepared: LocalJob, tell: OnEvent = ignore) -> None:
        self._job, self._engine, self._tell = prepared.job, prepared.engine, tell
        source = self._job.source
        self.plan = plan(source.frames, source.references, self._engine.windowing, source.cuts)
        self.fingerprints = Fingerprints(source, self._engine, self.plan)

    def frames(
        self, todo: Sequence[int], estimate: Estimate, wants_preview: Callable[[int], bool]
    ) -> Generator[Outcome | Notice, None, None]:
        """Make frames (see Backend)."""
        if not todo:
            return
        job, source = self._job, self._job.source
        writer = FrameWriter(
            source, job.output, job.gain_output, job.confidence_output, self.fingerprints.of, wants_preview
        )
        made: dict[int, Outcome] = {}
        overlooked = Overlooked(source.cuts)

        def on_reference(read: ReadReference[Picture]) -> None:
            # Written now, while the plate is in memory, so that it need not be read again.
            if read.frame in todo:
                made[read.frame] = writer.write(read.canvas, reference_gain(read.light), read)

        yield Stage("references", _reading_references(source.references))
        shot = DownsampledShot(source, source.settings.work_size, on_reference)
        with Propagation(
            shot,
            self._engine,
            source.watch,
            _WindowProgress(self.plan, todo, estimate, self._tell),
            cuts=source.cuts,
            on_light=overlooked.saw,
        ) as propagation:
            yield from made.values()
            rest = [frame for frame in todo if frame not in made]
            yield from propagation.each(rest, partial(writer.write, propagation.canvas))
            # Of a chunk, or a rerun of some frames, nothing can be said: others may be helped more.
            if len(todo) == len(source.frames) and (suggestion := overlooked.suggestion(propagation.lights)):
                yield suggestion


class _WindowProgress:
    """Reports the progress of a job's windows: when one begins, and now and then within it."""

    def __init__(self, plan: Plan, todo: Sequence[int], estimate: Estimate, tell: OnEvent) -> None:
        self._plan, self._order = plan, plan.windows_of(todo)
        self._estimate, self._tell, self._told = estimate, tell, 0.0

    def __call__(self, window: int, share: float) -> None:
        """Record that a share of a window's gain is known."""
        self._estimate.light(window, share)
        now = time.monotonic()
        if 0 < share < 1 and now - self._told < _TELL_SECONDS:
            return
        self._told = now
        self._tell(stage_at(self._estimate, Stage("light", self._plan.describe_window(window, self._order))))


def _reading_references(references: Sequence[int]) -> str:
    named = "reference" if len(references) == 1 else "references"
    return f"reading {named} {', '.join(map(str, references))}"
