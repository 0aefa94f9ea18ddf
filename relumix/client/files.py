"""A job on files, done by servers: plates are read here and results written, or by the servers themselves."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from relumix.client.payload import Payload
from relumix.client.remote_job import Delivery, RemoteEngine
from relumix.errors import FrameError, InputError
from relumix.events import FrameDone
from relumix.pipeline.check import Job
from relumix.pipeline.estimate import Estimate
from relumix.pipeline.fingerprint import Fingerprints
from relumix.pipeline.run import Made, Notice, Outcome
from relumix.pipeline.windows import Plan
from relumix.settings import Settings
from relumix.shot.movie_frames import MovieFrame, file_of, sent_name
from relumix.shot.sequence import OutputPattern
from relumix.shot.source import PlateSource
from relumix.shot.streamed import as_exr
from relumix.util.atomic_file import replacing
from relumix.util.words import is_utf8, one_line
from relumix.v1.relight_pb2 import (
    MASKS_EACH,
    MASKS_ONE,
    MASKS_UNSPECIFIED,
    ROLE_CONFIDENCE,
    ROLE_GAIN,
    ROLE_MASK,
    ROLE_REFERENCE,
    ROLE_REFERENCE_MASK,
    ROLE_RESULT,
    ROLE_SOURCE,
    ByPath,
    Masks,
    Open,
    Role,
)
from relumix.v1.relight_pb2 import Settings as SettingsMessage

Make = Callable[["FileJob", Sequence[int]], Generator[Outcome | Notice, None, None]]
"""Makes frames of a job on servers, in any order."""


@dataclass(frozen=True)
class FileJob:
    """A RemoteJob of files.

    by_path  whether servers read and write the files themselves.
    """

    job: Job
    engine: RemoteEngine
    by_path: bool
    plan: Plan
    fingerprints: Fingerprints

    @classmethod
    def of(cls, job: Job, engine: RemoteEngine, by_path: bool) -> FileJob:
        """Plan a checked job."""
        planned = engine.plan(job.source)
        return cls(job, engine, by_path, planned, Fingerprints(job.source, engine, planned, engine.program))

    @property
    def roles(self) -> tuple[Role, ...]:
        """Roles of a delivery's payloads."""
        return () if self.by_path else tuple(self._outputs)

    @property
    def _outputs(self) -> dict[Role, OutputPattern]:
        """Where the files of a frame go, its result last."""
        maps = {ROLE_GAIN: self.job.gain_output, ROLE_CONFIDENCE: self.job.confidence_output}
        return {**{role: pattern for role, pattern in maps.items() if pattern}, ROLE_RESULT: self.job.output}

    def opening(self, frames: Sequence[int]) -> Open:
        """Return the message that asks for `frames`."""
        source = self.job.source
        return Open(
            settings=settings_message(source.settings),
            frames=source.frames,
            deliver=frames,
            references=source.references,
            cuts=source.cuts,
            reference_weights={frame: part.weight for frame, part in source.parts.items() if part.weight != 1},
            reference_masks=[frame for frame, part in source.parts.items() if part.mask],
            masks=self._masks,
            gains=self.job.gain_output is not None,
            confidence=self.job.confidence_output is not None,
            keys={frame: self.fingerprints.of(frame) for frame in frames},
            by_path=self._paths(frames) if self.by_path else None,
        )

    def load(self, frame: int, role: Role) -> Payload:
        """Read a file; of a movie a frame, as OpenEXR. Raises FrameError or, for a reference, InputError where it
        cannot be read.
        """
        source = self.job.source
        path = source.reference_paths[frame] if role == ROLE_REFERENCE else source.shot.path(frame)
        if role == ROLE_REFERENCE_MASK:
            path = source.parts[frame].mask or path
        if role == ROLE_MASK:
            path = source.mask_path(frame) or path
        name = str(path)
        try:
            with source.watch.stage("read"):
                if MovieFrame.at(path):
                    data, name = as_exr(path, frame), str(path.with_name(sent_name(path)))
                else:
                    data = path.read_bytes()
            reason = "" if data else "it is empty"
        except FrameError as error:
            if role == ROLE_SOURCE:
                raise
            reason = str(error)
        except OSError as error:
            reason = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        if not reason:
            return Payload(name, data)
        if role in (ROLE_REFERENCE, ROLE_REFERENCE_MASK):
            kind = "reference" if role == ROLE_REFERENCE else "mask"
            raise InputError(f"{kind} {path} cannot be read: {reason}")
        what = f"mask {path}" if role == ROLE_MASK else f"frame {frame}: {path}"
        raise FrameError(frame, f"{what} cannot be read: {reason}")

    def receive(self, delivery: Delivery) -> Made:
        """Write a relit frame, after its light maps. Raises InputError where that cannot be done."""
        path = self.job.output.path(delivery.frame)
        with self.job.source.watch.stage("write"):
            for role, pattern in self._outputs.items():
                if role in delivery.payloads:
                    store(pattern.path(delivery.frame), delivery.payloads[role].parts)
        event = FrameDone(delivery.frame, str(path), nonfinite_pixels=delivery.nonfinite_pixels)
        return Made(event, matte=delivery.matte)

    def account(self, stage_seconds: Mapping[str, float]) -> None:
        """Add a server's stage times to those of this process."""
        self.job.source.watch.add(stage_seconds)

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
        written = {
            role: {frame: str(pattern.path(frame).absolute()) for frame in frames}
            for role, pattern in self._outputs.items()
        }
        return ByPath(
            sources={frame: str(source.shot.path(frame).absolute()) for frame in inputs},
            references={frame: str(path.absolute()) for frame, path in source.reference_paths.items()},
            masks={frame: str(path.absolute()) for frame in masked if (path := source.mask_path(frame))},
            reference_masks={frame: str(part.mask.absolute()) for frame, part in source.parts.items() if part.mask},
            results=written[ROLE_RESULT],
            gains=written.get(ROLE_GAIN),
            confidence=written.get(ROLE_CONFIDENCE),
            overwrite=source.settings.overwrite,
        )


@dataclass(frozen=True)
class RemoteBackend:
    """The Backend of a job on servers (see relumix.pipeline.run)."""

    job: FileJob
    make: Make

    @property
    def plan(self) -> Plan:
        """The windows of the shot."""
        return self.job.plan

    @property
    def fingerprints(self) -> Fingerprints:
        """The fingerprints that frames get."""
        return self.job.fingerprints

    def frames(
        self, todo: Sequence[int], estimate: Estimate, wants_preview: Callable[[int], bool]
    ) -> Generator[Outcome | Notice, None, None]:
        """Make frames (see Backend). `estimate` and `wants_preview` are unused: previews are read from disk."""
        yield from self.make(self.job, todo)


def _inputs(source: PlateSource) -> Iterator[Path]:
    yield from map(source.shot.path, source.frames)
    yield from source.other_inputs()


def refuse_movies_by_path(job: Job) -> None:
    """Raise InputError where an input is a movie, which servers do not open."""
    if movie := next(filter(MovieFrame.at, _inputs(job.source)), None):
        raise InputError(
            f"servers open no movies: {file_of(movie)} is decoded here and sent frame by frame; leave out --by-path"
        )


def refuse_names_of_bytes(job: Job, *, by_path: bool) -> None:
    """Raise InputError where a name that is sent is no UTF-8, which messages cannot hold."""
    source, settings = job.source, job.source.settings.asdict()
    paths = [*_inputs(source)]
    paths += [path for frame in job.frames for path in job.paths(frame)] if by_path else []
    for text in (*map(str, paths), *filter(None, map(settings.get, ("layer", "view", "colorspace")))):
        if not is_utf8(text):
            raise InputError(f"{one_line(text)} is no UTF-8 and cannot be sent to a server: rename it or relight here")


def settings_message(settings: Settings) -> SettingsMessage:
    """Return the settings that decide pixels as a server takes them."""
    names = SettingsMessage.DESCRIPTOR.fields_by_name
    return SettingsMessage(**{name: value for name, value in settings.asdict().items() if name in names})


def store(path: Path, parts: Sequence[bytes | memoryview]) -> None:
    """Write a file that came in pieces. Raises InputError."""
    with replacing(path) as name, name.open("wb") as file:
        file.writelines(parts)
