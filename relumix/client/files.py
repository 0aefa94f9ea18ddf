"""A job on files, done by servers: plates are read and results written here, as the job in-process does it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from relumix.client.payload import Payload
from relumix.client.remote_job import Delivery, RemoteEngine
from relumix.client.remote_previews import Looks
from relumix.errors import FrameError, InputError
from relumix.events import AnyEvent, Done, Failed, FrameDone, Progress, Warned
from relumix.pipeline.check import Job
from relumix.pipeline.fingerprint import Fingerprints
from relumix.pipeline.windows import Plan
from relumix.settings import Settings
from relumix.shot.sequence import OutputPattern
from relumix.util.atomic_file import replacing
from relumix.v1.relight_pb2 import (
    MASKS_EACH,
    MASKS_ONE,
    MASKS_UNSPECIFIED,
    ROLE_GAIN,
    ROLE_MASK,
    ROLE_REFERENCE,
    ROLE_RESULT,
    ByPath,
    Masks,
    Open,
    Role,
)
from relumix.v1.relight_pb2 import Settings as SettingsMessage

Outcome = FrameDone | FrameError
Frames = Callable[["FileJob", Sequence[int]], Generator[Outcome | Warned, None, None]]
"""What makes frames of a shipment, in any order."""


@dataclass(frozen=True)
class FileJob:
    """A relumix.client.remote_job.Shipment of files.

    gain_output  where gain maps go, None where none are wanted.
    by_path      whether servers read and write the files themselves.
    """

    job: Job
    engine: RemoteEngine
    gain_output: OutputPattern | None
    by_path: bool
    plan: Plan
    keys: Fingerprints

    @classmethod
    def of(cls, job: Job, engine: RemoteEngine, gain_output: OutputPattern | None, by_path: bool) -> FileJob:
        """Plan it."""
        laid = engine.plan(job.source)
        return cls(job, engine, gain_output, by_path, laid, Fingerprints(job.source, engine, laid, engine.program))

    @property
    def roles(self) -> tuple[Role, ...]:
        """What a delivery holds."""
        if self.by_path:
            return ()
        return (ROLE_RESULT, ROLE_GAIN) if self.gain_output else (ROLE_RESULT,)

    def opening(self, frames: Sequence[int]) -> Open:
        """Return the message that asks for `frames`."""
        source = self.job.source
        return Open(
            settings=settings_message(source.settings),
            frames=source.frames,
            deliver=frames,
            references=source.references,
            masks=self._masks,
            gains=self.gain_output is not None,
            keys={frame: self.keys.of(frame) for frame in frames},
            by_path=self._paths(frames) if self.by_path else None,
        )

    def load(self, frame: int, role: Role) -> Payload:
        """Read a file. Raises FrameError or, for a reference, InputError where it cannot be read."""
        source = self.job.source
        path = source.reference_paths[frame] if role == ROLE_REFERENCE else source.shot.path(frame)
        if role == ROLE_MASK:
            path = source.mask_path(frame) or path
        try:
            with source.watch.stage("read"):
                data = path.read_bytes()
            reason = "" if data else "it is empty"
        except OSError as error:
            reason = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        if not reason:
            return Payload(str(path), data)
        if role == ROLE_REFERENCE:
            raise InputError(f"reference {path} cannot be read: {reason}")
        what = f"mask {path}" if role == ROLE_MASK else f"frame {frame}: {path}"
        raise FrameError(frame, f"{what} cannot be read: {reason}")

    def receive(self, delivery: Delivery) -> FrameDone:
        """Write a relit frame, after its gain map. Raises InputError where that cannot be done."""
        path = self.job.output.path(delivery.frame)
        with self.job.source.watch.stage("write"):
            if self.gain_output and ROLE_GAIN in delivery.payloads:
                store(self.gain_output.path(delivery.frame), delivery.payloads[ROLE_GAIN].parts)
            if ROLE_RESULT in delivery.payloads:
                store(path, delivery.payloads[ROLE_RESULT].parts)
        return FrameDone(delivery.frame, str(path), nonfinite_pixels=delivery.nonfinite_pixels)

    def account(self, stage_seconds: Mapping[str, float]) -> None:
        """Add what a server's work took to what was done here."""
        self.job.source.watch.add(stage_seconds)

    def is_fresh(self, frame: int) -> bool:
        """Tell whether a frame, and its gain map, are on disk and made from what they would be made from now."""
        wanted = [pattern.path(frame) for pattern in (self.job.output, self.job.gain_output) if pattern]
        return self.keys.are_in(frame, wanted)

    @property
    def _masks(self) -> Masks:
        masks = self.job.source.masks
        if masks is None:
            return MASKS_UNSPECIFIED
        return MASKS_ONE if len(masks.frames) == 1 else MASKS_EACH

    def _paths(self, frames: Sequence[int]) -> ByPath:
        source, first = self.job.source, self.job.source.references[0]
        inputs = {source.frames[0], *source.references, *(f for frame in frames for f in self.plan.inputs(frame))}
        masked = [first] if self._masks == MASKS_ONE else frames if self._masks == MASKS_EACH else []
        return ByPath(
            sources={frame: str(source.shot.path(frame).absolute()) for frame in inputs},
            references={frame: str(path.absolute()) for frame, path in source.reference_paths.items()},
            masks={frame: str(path.absolute()) for frame in masked if (path := source.mask_path(frame))},
            results={frame: str(self.job.output.path(frame).absolute()) for frame in frames},
            gains={frame: str(self.gain_output.path(frame).absolute()) for frame in frames} if self.gain_output else {},
            overwrite=source.settings.overwrite,
        )


def run(job: Job, engine: RemoteEngine, frames: Frames, *, by_path: bool = False) -> Iterator[AnyEvent]:
    """Do a job; yields the events of relumix.pipeline.job.run in the same order. Raises InputError."""
    began = time.perf_counter()
    yield job.start()
    yield from map(Warned, job.warnings)
    counts = {"written": 0, "skipped": 0, "failed": 0}
    with Looks(job, by_path=by_path) as looks:
        shipment = FileJob.of(job, engine, looks.gain_output, by_path)
        for made in _in_order(shipment, frames):
            if isinstance(made, Warned):
                yield made
                continue
            outcome = looks.look(made)
            if isinstance(outcome, FrameError):
                counts["failed"] += 1
                yield Failed(str(outcome), outcome.frame)
            else:
                counts["skipped" if outcome.skipped else "written"] += 1
                yield outcome
            yield Progress(sum(counts.values()), len(job.frames))
    yield Done(
        **counts,
        seconds=round(time.perf_counter() - began, 3),
        stage_seconds=job.source.watch.seconds(),
        outputs=[str(job.output), *([str(job.gain_output)] if job.gain_output else []), *looks.written],
    )


def _in_order(shipment: FileJob, frames: Frames) -> Iterator[Outcome | Warned]:
    """Yield every frame of the job in order, made or up to date, each when those before it are done."""
    job = shipment.job
    overwrite = job.source.settings.overwrite
    done: dict[int, Outcome] = {
        frame: FrameDone(frame, str(job.output.path(frame)), skipped=True)
        for frame in job.frames
        if not overwrite and shipment.is_fresh(frame)
    }
    waiting = iter(job.frames)
    at = next(waiting, None)
    with closing(frames(shipment, [frame for frame in job.frames if frame not in done])) as made:
        while at is not None:
            if at in done:
                yield done.pop(at)
                at = next(waiting, None)
            elif isinstance(outcome := next(made), Warned):
                yield outcome
            else:
                done[outcome.frame] = outcome
        yield from made  # no frame any more, but the servers' accounts come last


def settings_message(settings: Settings) -> SettingsMessage:
    """Return the settings that decide pixels as a server takes them."""
    names = SettingsMessage.DESCRIPTOR.fields_by_name
    return SettingsMessage(**{name: value for name, value in settings.asdict().items() if name in names})


def store(path: Path, parts: Sequence[bytes | memoryview]) -> None:
    """Write a file that came in pieces. Raises InputError."""
    with replacing(path) as name, name.open("wb") as file:
        file.writelines(parts)
