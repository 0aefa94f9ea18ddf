"""Movies and images of whole numbers as results of a farm: tasks make OpenEXR frames, and the last step the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from relumix.pipeline.check import Job
from relumix.pipeline.delivery import made_pattern
from relumix.pipeline.fingerprint import stored_fingerprint


def made_for_delivery(output: str) -> dict[str, str]:
    """Return the options with which a task makes the frames of such a result; none where frames are the result.

    output  of the job.
    """
    if output.endswith(("/", "\\")) or Path(output).is_dir() or Path(output).suffix.lower() in ("", ".exr"):
        return {}
    later = dict.fromkeys(("codec", "output_colorspace", "roll_off"), "")
    return {"output": made_pattern(Path(output)), "bits": "float", **later}


def delivered(job: Job) -> set[int]:
    """Return the frames that an earlier try of the last step has delivered, and cleared away."""
    delivery = job.delivery
    if delivery is None:
        return set()
    return {frame for frame in job.frames if not job.output.path(frame).exists() and delivery.holds(frame)}


def deliver(job: Job) -> Iterator[str]:
    """Make a job's movie, or its images, of the frames that are there; yields what to tell. Raises InputError.

    It can be tried again whenever it died: frames that are gone are delivered (see `delivered`).
    """
    if job.delivery is None:
        return
    prints = {frame: stored_fingerprint(job.output.path(frame)) or "" for frame in job.frames}
    for frame in job.frames:
        if job.output.path(frame).exists():
            job.delivery.add(frame, prints.__getitem__)
    for told in job.delivery.finish(prints.__getitem__, ()):
        yield told.message
