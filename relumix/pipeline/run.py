"""The run of a job on files, whichever backend makes its frames: skips those up to date, yields events in frame order,
and writes previews.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from relumix.errors import FrameError
from relumix.events import AnyEvent, Done, Failed, FrameDone, Progress, Stage, Suggested, Warned
from relumix.pipeline.check import Job
from relumix.pipeline.estimate import Estimate
from relumix.pipeline.fingerprint import Fingerprints
from relumix.pipeline.windows import Plan
from relumix.settings import Settings
from relumix.shot.source import told_matte
from relumix.util.ordered_pool import WRITERS

if TYPE_CHECKING:
    from relumix.preview.previews import Previews, Shown


@dataclass(frozen=True)
class Made:
    """A frame that is on disk, and its preview where the writer had the pixels in memory.

    matte  whether the plate's alpha was found to be no coverage, which no check had said.
    """

    event: FrameDone
    shown: Shown | None = None
    matte: bool = False


Outcome = Made | FrameError
Notice = Warned | Stage | Suggested


class Backend(Protocol):
    """Where frames are made: in this process (relumix.pipeline.job), or on servers (relumix.client.files)."""

    @property
    def plan(self) -> Plan:
        """The windows of the shot."""
        ...

    @property
    def fingerprints(self) -> Fingerprints:
        """The fingerprints that frames get."""
        ...

    def frames(
        self, todo: Sequence[int], estimate: Estimate, wants_preview: Callable[[int], bool]
    ) -> Generator[Outcome | Notice, None, None]:
        """Make frames (ascending); yield each once, in any order, as soon as it is on disk, or its error.

        estimate       may be told of progress within windows.
        wants_preview  whether a frame is needed for previews, by its number.

        Closing the generator ends the work. Raises InputError where no frame can be made.
        """
        ...


@dataclass
class Tally:
    """Counts of a job's frames, and its start time."""

    written: int = 0
    skipped: int = 0
    failed: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> int:
        """How many frames are finished, failed, or were up to date."""
        return self.written + self.skipped + self.failed

    @property
    def seconds(self) -> float:
        """How long it has taken, rounded to a millisecond."""
        return round(time.monotonic() - self.began, 3)

    def count(self, *, failed: bool, skipped: bool = False) -> None:
        """Count a frame."""
        self.failed += failed
        self.skipped += skipped
        self.written += not (failed or skipped)


def run(job: Job, backend: Backend) -> Generator[AnyEvent, None, None]:
    """Do a job; yields its events, the last of them a Done (docs/events.md). Raises InputError.

    Closing the generator cancels the job; finished frames are kept.
    """
    tally = Tally()
    yield job.start()
    yield from map(Warned, job.warnings)
    matte, lost = False, list[int]()
    with previews_of(job) as previews:
        todo = [frame for frame in job.frames if not job.is_fresh(frame, backend.fingerprints)]
        estimate = Estimate.of(backend.plan, todo, lambda: _seconds_a_frame(job, tally))
        wants_preview = previews.wants if previews else _none
        for outcome in _in_order(job, backend.plan, estimate, todo, backend.frames(todo, estimate, wants_preview)):
            if isinstance(outcome, Warned | Stage | Suggested):
                yield outcome
                continue
            if isinstance(outcome, Made) and outcome.matte and not matte:
                matte = True
                yield Warned(told_matte(job.source.shot.path(outcome.event.frame)), outcome.event.frame)
            event = _event(_deliver(job, backend, _show(job, previews, outcome)))
            if isinstance(event, Failed) and event.frame is not None:
                lost.append(event.frame)
            tally.count(failed=isinstance(event, Failed), skipped=isinstance(event, FrameDone) and event.skipped)
            yield event
            # Where all frames are up to date only the previews take time.
            share = estimate.share if todo else round(tally.done / len(job.frames), 4)
            yield Progress(tally.done, len(job.frames), share, _rounded(estimate.remaining_seconds))
    if job.delivery:
        with job.source.watch.stage("write"):
            for told in job.delivery.finish(backend.fingerprints.of, lost):
                yield stage_at(estimate, told) if isinstance(told, Stage) else told
    yield Done(
        tally.written,
        tally.skipped,
        tally.failed,
        tally.seconds,
        job.source.watch.seconds(),
        [*job.written, *(previews.written if previews else [])],
    )


def _event(outcome: Outcome) -> FrameDone | Failed:
    return Failed(str(outcome), outcome.frame) if isinstance(outcome, FrameError) else outcome.event


def _deliver(job: Job, backend: Backend, outcome: Outcome) -> Outcome:
    """Hand a frame to the job's delivery, where there is one and it has not got it."""
    if job.delivery is None or isinstance(outcome, FrameError):
        return outcome
    frame, prints = outcome.event.frame, backend.fingerprints.of
    if outcome.event.skipped and job.delivery.has(frame, prints):
        return outcome
    with job.source.watch.stage("write"):
        job.delivery.add(frame, prints)
    return replace(outcome, event=replace(outcome.event, path=str(job.delivery.path(frame))))


def stage_at(estimate: Estimate, stage: Stage) -> Stage:
    """Return a stage with the estimate filled in."""
    return replace(stage, share=estimate.share, remaining_seconds=_rounded(estimate.remaining_seconds))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _seconds_a_frame(job: Job, tally: Tally) -> float:
    """How long a frame takes from gain to disk, WRITERS of them in parallel."""
    seconds = job.source.watch.seconds()
    made = max(tally.written, len(job.source.references))  # The references' frames are made first.
    return (seconds.get("transfer", 0.0) + seconds.get("write", 0.0)) / made / WRITERS


def _in_order(
    job: Job, plan: Plan, estimate: Estimate, todo: Sequence[int], made: Generator[Outcome | Notice, None, None]
) -> Iterator[Outcome | Notice]:
    """Yield every frame of the job in order, made or skipped: one that is done early waits for those before it."""
    done: dict[int, Outcome] = {
        frame: Made(FrameDone(frame, str(job.path(frame)), skipped=True)) for frame in set(job.frames) - set(todo)
    }
    waiting = iter(job.frames)
    at = next(waiting, None)
    with closing(made):
        while at is not None:
            if at in done:
                yield done.pop(at)
                at = next(waiting, None)
                continue
            outcome = next(made)
            if isinstance(outcome, Stage):
                yield stage_at(estimate, outcome)
            elif isinstance(outcome, Warned | Suggested):
                yield outcome
            else:
                frame = outcome.frame if isinstance(outcome, FrameError) else outcome.event.frame
                for share in plan.shares.get(frame, ()):
                    estimate.light(share.window)
                estimate.frame()
                done[frame] = outcome
        yield from made  # no more frames, but servers report their totals last


# Previews.


def wants_previews(settings: Settings) -> bool:
    """Tell whether previews are asked for. Raises MissingPackageError where what they need is not installed."""
    if not (settings.preview or settings.contact_sheet):
        return False
    import relumix.preview.previews  # noqa: F401, PLC0415  its packages are optional

    return True


def previews_of(job: Job) -> AbstractContextManager[Previews | None]:
    """Return the previews that a job asks for, which are written on leaving the context without an error.

    Raises MissingPackageError where what they need is not installed.
    """
    settings = job.source.settings
    if not wants_previews(settings):
        return nullcontext()
    from relumix.preview.previews import Previews  # noqa: PLC0415

    return Previews(job.source, job.frames, settings)


def _show(job: Job, previews: Previews | None, made: Outcome) -> Outcome:
    """Add a frame to the previews, in ascending order. Returns it, or the error of reading it."""
    if previews is None or isinstance(made, FrameError) or not previews.wants(made.event.frame):
        return made
    from relumix.preview.previews import Shown  # noqa: PLC0415

    try:
        frame, confidences = made.event.frame, job.confidence_output
        own = confidences.path(frame) if confidences else None
        previews.add(made.shown or Shown.written(job.source, frame, Path(made.event.path), own))
    except FrameError as error:
        return error
    return made


def _none(frame: int) -> bool:
    return False
