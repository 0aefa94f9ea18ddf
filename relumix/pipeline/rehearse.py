"""Looks at what a run looks at before it makes frames, and `check` does not: for who is told what a job would do."""

from __future__ import annotations

from collections.abc import Iterator

from relumix.errors import FrameError, InputError
from relumix.pipeline.check import Job
from relumix.shot.reference import inspect_mask
from relumix.shot.source import PlateSource


def rehearse(job: Job) -> tuple[FrameError, ...]:
    """Read all references and what is known of mattes: all pixels of a single one, the headers of others.

    Returns the errors of frames that would fail. Raises InputError where the run would end.
    """
    source = job.source
    broken: InputError | None = None
    for index, frame in enumerate(source.references):
        try:
            picture = source.read(frame)
        except FrameError as error:
            raise InputError(f"the plate of reference frame {frame} cannot be read: {error}") from error
        source.read_reference(frame, picture)
        if index == 0 and source.masks and len(source.masks.frames) == 1:
            try:
                source.read_mask(frame, picture)
            except FrameError as error:
                broken = InputError(str(error))
    if broken:
        return tuple(FrameError(frame, str(broken)) for frame in job.frames)
    return tuple(_mask_errors(source, job.frames))


def _mask_errors(source: PlateSource, frames: tuple[int, ...]) -> Iterator[FrameError]:
    for frame in frames:
        if path := source.mask_path(frame):
            try:
                inspect_mask(path, source.plate.windows(frame), frame)
            except FrameError as error:
                yield error
            except InputError as error:
                yield FrameError(frame, str(error))
