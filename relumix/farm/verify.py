"""The last step of a farm job: checks every frame, and makes previews and a report."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from relumix.errors import FrameError, InputError
from relumix.evaluate import evaluate, write_html
from relumix.farm.review import Review
from relumix.pipeline.check import Job
from relumix.pipeline.fingerprint import stored_fingerprint
from relumix.preview.previews import Previews, Shown
from relumix.shot.picture import Picture
from relumix.shot.plate import Plate
from relumix.shot.sequence import OutputPattern
from relumix.shot.sequence import Sequence as Shot
from relumix.types import Float32
from relumix.util.ordered_pool import ordered

OnFrame = Callable[[int, int], None]
"""Is told (frames done, frames in all)."""

READERS = 4
"""Threads that read frames while the previews are drawn."""


def check_frames(job: Job, review: Review, on_frame: OnFrame, gone: Container[int] = ()) -> list[FrameError]:
    """Read every frame of a finished job beside its plate; returns what is wrong, a FrameError a frame.

    gone  frames that were delivered before, as a movie or images, and are read there.

    A frame has to be there, written by relumix, with the plate's windows, and finite wherever the plate is; so has its
    light maps, where there are some. The movie and the contact sheet show those that are as they should be.
    """
    settings = dataclasses.replace(
        job.source.settings, preview=str(review.preview), contact_sheet=str(review.contact_sheet)
    )
    faults: list[FrameError] = []
    with Previews(job.source, job.frames, settings) as previews:
        looked = ordered((partial(_look, job, frame, frame in gone) for frame in job.frames), READERS, "relumix-verify")
        for done, shown in enumerate(looked, 1):
            if isinstance(shown, FrameError):
                faults.append(shown)
            else:
                previews.add(shown)
            on_frame(done, len(job.frames))
    return faults


def write_report(job: Job, path: Path, on_frame: OnFrame) -> None:
    """Measure how steady the light of a finished job is, and write the report, an HTML file.

    Raises InputError where nothing can be measured, as where every frame is a reference.
    """
    source, settings = job.source, job.source.settings
    report = evaluate(
        result_pattern(job),
        source=source.shot.pattern,
        frames=job.frames,
        references=source.references,
        layer=settings.layer,
        view=settings.view,
        colorspace=settings.colorspace,
        on_frame=on_frame,
    )
    write_html(report, path)


def result_pattern(job: Job) -> Path:
    """Return the pattern of a finished job's frames, which may lie in a folder among others."""
    output = Path(str(job.output))
    return output / Path(job.source.shot.pattern).with_suffix(".exr").name if output.is_dir() else output


def _look(job: Job, frame: int, is_gone: bool) -> Shown | FrameError:
    """Check a frame; returns it, small, or what is wrong with it."""
    source, settings = job.source, job.source.settings
    try:
        plate = source.read(frame)
        if is_gone:
            light = source.result(job.path(frame), frame)
        else:
            light = _checked(job.output, frame, plate, settings.layer, settings.view)
        if job.gain_output:
            _checked(job.gain_output, frame, plate)
        own = _present(job.confidence_output, frame)
        confidence = None if is_gone and own is None else source.confidence(plate, job.output.path(frame), own)
        reference = source.read_reference(frame, plate)[0] if frame in source.references else None
    except FrameError as fault:
        return fault
    return Shown.of(plate, light, reference=reference, confidence=confidence)


def _checked(
    output: OutputPattern, frame: int, plate: Picture, layer: str | None = None, view: str | None = None
) -> Float32:
    """Return what was written of a frame, [h, w, 3]. Raises FrameError unless it is as it should be."""
    path = _present(output, frame)
    assert path is not None
    try:
        found = Plate(Shot.find(path), layer=layer, view=view)
    except InputError as error:
        raise FrameError(frame, str(error)) from error
    picture = found.read(found.frames[0])
    for what, mine, theirs in _windows(picture, plate):
        if mine != theirs:
            raise FrameError(frame, f"frame {frame}: {path} has the {what} {mine}: expected the plate's, {theirs}")
    if bad := int(np.count_nonzero((np.isfinite(plate.rgb) & ~np.isfinite(picture.rgb)).any(-1))):
        raise FrameError(frame, f"frame {frame}: {path} has {bad} pixels of NaN or infinity that the plate has not")
    return picture.rgb


def _present(output: OutputPattern | None, frame: int) -> Path | None:
    """Return the file of a frame, None where there is to be none. Raises FrameError where relumix did not write it."""
    if output is None:
        return None
    path = output.path(frame)
    if not path.exists():
        raise FrameError(frame, f"frame {frame}: {path} is not there: relight it again")
    if stored_fingerprint(path) is None:
        raise FrameError(frame, f"frame {frame}: {path} was not written by relumix: remove it, and relight it")
    return path


def _windows(result: Picture, plate: Picture) -> Iterator[tuple[str, object, object]]:
    yield "data window", result.data_window, plate.data_window
    yield "display window", result.display_window, plate.display_window
    yield "pixel aspect", result.pixel_aspect, plate.pixel_aspect
