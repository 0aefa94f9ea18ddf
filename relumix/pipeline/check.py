"""Checks a job on files before anything is computed. Needs no engine."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from relumix.errors import InputError
from relumix.events import Start
from relumix.pipeline.delivery import Delivery, is_movie_name, not_ours, refuse_same
from relumix.pipeline.fingerprint import Fingerprints, stored_fingerprint
from relumix.pipeline.image_delivery import ImageDelivery
from relumix.settings import Settings
from relumix.shot.confidence_layer import refuse_taken
from relumix.shot.scenes import Scenes, refuse_unlit
from relumix.shot.sequence import OutputPattern
from relumix.shot.source import PlateSource, References
from relumix.shot.writing import check_compression
from relumix.util.atomic_file import refuse_unwritable, writing
from relumix.util.extras import needed
from relumix.util.system_errors import as_input_errors
from relumix.version import __version__


@dataclass(frozen=True)
class Job:
    """A checked job: what `--dry-run` shows.

    gain_output, confidence_output  where light maps go, None without.
    output    where frames are written, as OpenEXR.
    frames    to deliver, ascending.
    warnings  found by the checks.
    delivery  what becomes of them where results are a movie, or images of another kind; None: they are the results.
    asked     where results go, as it was given.
    """

    source: PlateSource
    output: OutputPattern
    gain_output: OutputPattern | None
    confidence_output: OutputPattern | None
    frames: tuple[int, ...]
    warnings: tuple[str, ...]
    delivery: Delivery | None = None
    asked: str = ""

    @property
    def outputs(self) -> tuple[OutputPattern, ...]:
        """Where all of its files go: the results first."""
        maps = (self.gain_output, self.confidence_output)
        return (self.output, *(pattern for pattern in maps if pattern))

    def paths(self, frame: int) -> list[Path]:
        """Return all files of a frame, its result first."""
        return [pattern.path(frame) for pattern in self.outputs]

    @property
    def written(self) -> list[str]:
        """Where results go, in words: the frames, then the light maps."""
        return [self.asked or str(self.output), *map(str, self.outputs[1:])]

    def path(self, frame: int) -> Path:
        """Return where the result of a frame is, or will be."""
        return self.delivery.path(frame) if self.delivery else self.output.path(frame)

    def is_fresh(self, frame: int, prints: Fingerprints) -> bool:
        """Tell whether nothing of a frame is to be made: all of its files are up to date."""
        if self.source.settings.overwrite:
            return False
        made = self.paths(frame)
        if self.delivery and self.delivery.has(frame, prints.of):
            made = made[1:]
        return prints.are_in(frame, made)

    def start(self) -> Start:
        """Return the event that says what will be done."""
        return Start(
            version=__version__,
            source=self.source.shot.pattern,
            output=self.asked or str(self.output),
            frames=list(self.frames),
            references={frame: str(path) for frame, path in self.source.reference_paths.items()},
            cuts=list(self.source.cuts),
            settings=self.source.settings.asdict(),
        )


@as_input_errors()
def check(
    source: str | PathLike[str], references: References, output: str | PathLike[str], settings: Settings | None = None
) -> Job:
    """Check what can be checked without an engine; raises InputError."""
    settings = settings or Settings()
    if settings.compression:
        check_compression(settings.compression)
    if Path(output).suffix.lower() not in ("", ".exr"):
        settings = replace(settings, bits="float")  # codes of 10 bits and more are not all in half
    plates = PlateSource.find(source, references, settings).with_cuts()
    frames, warnings = plates.choose(settings.frames, settings.missing)
    scenes = Scenes(tuple(plates.references), plates.cuts)
    warnings += refuse_unlit(plates.frames, scenes, frames, settings.unlit)
    if settings.confidence_layer:
        refuse_taken(plates.plate.confidence_channel, plates.plate.relit_part.channels, plates.plate.path)
    asked = os.fspath(output)
    delivery = _delivery(asked, plates, frames)
    results = delivery.made if delivery else OutputPattern(asked, plates.shot, frames)
    gains, confidences = (
        OutputPattern(where, plates.shot, frames) if where else None
        for where in (settings.gain_out, settings.confidence_out)
    )
    told = (*plates.warnings, *warnings, *(delivery.warnings if delivery else ()))
    job = Job(plates, results, gains, confidences, frames, told, delivery, asked)
    _check_outputs(job)
    return job


def _delivery(output: str, source: PlateSource, frames: tuple[int, ...]) -> Delivery | None:
    """Return what becomes of frames; None where they are the results. Raises InputError."""
    path = Path(output)
    if path.is_dir() or output.endswith(("/", "\\")) or path.suffix.lower() in ("", ".exr"):
        for name in ("codec", "roll_off", "output_colorspace"):
            if getattr(source.settings, name):
                raise InputError(f"--{name.replace('_', '-')} goes with a movie or images of whole numbers as output")
        return None
    if is_movie_name(output):
        with needed("a movie", "local"):
            from relumix.pipeline.movie_delivery import MovieDelivery  # noqa: PLC0415  its package is optional
        return MovieDelivery(output, source, frames)
    if source.settings.codec:
        raise InputError(f"--codec goes with a movie as output: {output} is none")
    return ImageDelivery(output, source, frames)


def _check_outputs(job: Job) -> None:
    """Raise InputError where something would be overwritten, or could not be written at all."""
    settings = job.source.settings
    if job.delivery:
        asked = Path(job.asked)
        refuse_unwritable(asked.parent)
        job.delivery.refuse(job.source.other_inputs(), overwrite=settings.overwrite)
    for pattern in job.outputs:
        refuse_unwritable(pattern.path(job.frames[0]).parent)
        with writing(pattern.path(job.frames[-1])):
            pattern.refuse_overwriting(job.source.other_inputs())
            for path in map(pattern.path, job.frames):
                if not settings.overwrite and path.exists() and stored_fingerprint(path) is None:
                    raise not_ours(path)
    _refuse_shared(job)
    for preview in map(Path, filter(None, (settings.preview, settings.contact_sheet))):
        refuse_unwritable(preview.parent)
        with writing(preview):  # a name that is too long is told as one that cannot be written
            if preview.is_dir():
                raise InputError(f"{preview} is a folder: expected the name of a file")
            refuse_same(preview, job.source.inputs())
            refuse_foreign_preview(preview, overwrite=settings.overwrite)
    if settings.preview:
        with needed("a preview", "local"):
            from relumix.movie.codecs import refuse_encoder  # noqa: PLC0415  its packages are optional
            from relumix.preview.movie import ENCODER  # noqa: PLC0415
        refuse_encoder(ENCODER, settings.preview)
    _refuse_previews_over_results(job)


def refuse_foreign_preview(path: Path, *, overwrite: bool) -> None:
    """Raise InputError where a preview or a contact sheet would replace a file that is none, unless `overwrite`."""
    if overwrite or not path.exists():
        return
    with needed("a preview", "local"):
        from relumix.preview.marks import is_foreign  # noqa: PLC0415  its packages are optional
    if is_foreign(path):
        raise not_ours(path)


def _refuse_previews_over_results(job: Job) -> None:
    """Raise InputError where the preview or the contact sheet would have the name of a result."""
    settings = job.source.settings
    results = {path.absolute() for frame in job.frames for path in job.paths(frame)} | {Path(job.asked).absolute()}
    if job.delivery and not is_movie_name(job.asked):
        results |= {job.delivery.path(frame).absolute() for frame in job.frames}
    for option, name in (("--preview", settings.preview), ("--contact-sheet", settings.contact_sheet)):
        if name and Path(name).absolute() in results:
            raise InputError(f"{name} is the name of a result too: choose another {option}")


def _refuse_shared(job: Job) -> None:
    """Raise InputError where two kinds of files would have one name."""
    kinds = [("relit frames", "--output", job.output)]
    for words, option, pattern in (
        ("gain maps", "--gain-out", job.gain_output),
        ("confidence", "--confidence-out", job.confidence_output),
    ):
        if pattern is None:
            continue
        own = {pattern.path(frame) for frame in job.frames}
        for others, _, other in kinds:
            if shared := own & {other.path(frame) for frame in job.frames}:
                raise InputError(f"{words} and {others} would share {min(shared)}: choose another {option}")
        kinds.append((words, option, pattern))
