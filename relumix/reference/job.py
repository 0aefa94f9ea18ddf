"""The job of making references: checks, then one frame after another, with the events of `relumix relight`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from relumix.errors import FrameError, InputError
from relumix.events import AnyEvent, Done, Failed, FrameDone, OnEvent, Progress, Stage, Start, Warned, ignore
from relumix.pipeline.check import refuse_foreign_preview
from relumix.pipeline.delivery import not_ours, refuse_same
from relumix.pipeline.fingerprint import FINGERPRINT_ATTRIBUTE, size_and_time, stored_fingerprint
from relumix.pipeline.run import Tally
from relumix.preview.contact_sheet import ContactSheet
from relumix.reference.deliver import Candidate, shown
from relumix.reference.maker import Light, Maker, PlateFrame, Tell, matte_of
from relumix.settings import Settings
from relumix.shot.movie_frames import file_of
from relumix.shot.picture import Picture, nonfinite
from relumix.shot.plate import Plate
from relumix.shot.sequence import OutputPattern, parse_frames
from relumix.shot.sequence import Sequence as Shot
from relumix.shot.source import told_matte, told_of_footage
from relumix.shot.writing import check_compression
from relumix.types import Float32
from relumix.util.atomic_file import refuse_unwritable, writing
from relumix.util.stopwatch import Stopwatch
from relumix.util.system_errors import as_input_errors
from relumix.util.words import as_json, number_of
from relumix.version import __version__


@dataclass(frozen=True)
class ReferenceJob:
    """A checked job.

    frames      that get a reference, ascending.
    candidates  where each one goes, by its label.
    """

    shot: Shot
    plate: Plate
    masks: Shot | None
    maker: Maker
    settings: Settings
    frames: tuple[int, ...]
    output: str
    candidates: dict[str, Candidate]
    watch: Stopwatch = field(default_factory=Stopwatch)

    def paths(self, frame: int) -> dict[str, Path]:
        """Return the file of each candidate of a frame, by its label."""
        return {label: candidate.output.path(frame) for label, candidate in self.candidates.items()}

    def patterns(self) -> list[OutputPattern]:
        """Return where all of its files go: the references first."""
        gains = [each.gain_output for each in self.candidates.values() if each.gain_output]
        return [*(each.output for each in self.candidates.values()), *gains]

    def start(self) -> Start:
        """Return the event that says what will be done."""
        made = {**self.settings.asdict(), "engine": self.maker.name, self.maker.name: self.maker.settings()}
        return Start(__version__, self.shot.pattern, self.output, list(self.frames), {}, made)

    @property
    def warnings(self) -> list[str]:
        """What was found while looking at the plate."""
        return list(told_of_footage(self.shot, self.plate, self.settings))

    def mask_path(self, frame: int) -> Path | None:
        """Return the matte's file for a frame, None without mattes."""
        if self.masks is None:
            return None
        return self.masks.path(self.masks.frames[0] if len(self.masks.frames) == 1 else frame)

    def maker_inputs(self) -> list[Path]:
        """Return the files that the maker reads for all frames. Raises InputError."""
        return list(dict.fromkeys(path for frame in self.frames for path in self.maker.inputs(frame)))

    def fingerprint(self, frame: int, label: str) -> str:
        """Return a digest of what a candidate is made from, 64 hexadecimal digits."""
        mask = self.mask_path(frame)
        files = [self.shot.path(frame), *self.maker.inputs(frame), *([mask] if mask else [])]
        stats = [[path.name, *size_and_time(path)] for path in files]
        made_from = [__version__, self.maker.name, self.maker.settings(), self.settings.pixels(), frame, label, stats]
        return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()

    def up_to_date(self) -> tuple[int, ...]:
        """Return the frames that need not be made again; with a contact sheet, which shows all of them, all or none."""
        if self.settings.overwrite:
            return ()
        fresh, sheet = tuple(filter(self._is_fresh, self.frames)), self.settings.contact_sheet
        if sheet and not (len(fresh) == len(self.frames) and Path(sheet).exists()):
            return ()
        return fresh

    def _is_fresh(self, frame: int) -> bool:
        """Tell whether all files of a frame are on disk and made from what there is now."""
        for label, candidate in self.candidates.items():
            patterns = [candidate.output, *([candidate.gain_output] if candidate.gain_output else [])]
            if any(stored_fingerprint(p.path(frame)) != self.fingerprint(frame, label) for p in patterns):
                return False
        return True

    def attributes(self, frame: int, label: str) -> dict[str, str | int | float]:
        """Return what the header of a candidate says of it."""
        return {
            "relumix:version": __version__,
            "relumix:reference": self.maker.name,
            "relumix:settings": as_json({**self.settings.pixels(), "engine": self.maker.name}),
            f"relumix:{self.maker.name}": as_json({**self.maker.settings(), **({"label": label} if label else {})}),
            FINGERPRINT_ATTRIBUTE: self.fingerprint(frame, label),
        }


# Checks.


def open_plate(source: str | PathLike[str], settings: Settings) -> Plate:
    """Return the plate of a job, of the frames that `settings.frames` names or, without, its first.

    Raises InputError.
    """
    shot = Shot.find(Path(source))
    if settings.deinterlace:
        shot = shot.deinterlaced()
    asked = parse_frames(settings.frames) if settings.frames else shot.frames[:1]
    if gone := sorted(set(asked) - set(shot.frames)):
        raise InputError(f"{shot.pattern} has no frame {gone[0]}: it has {shot.frames[0]} to {shot.frames[-1]}")
    chosen = {"layer": settings.layer, "view": settings.view, "colorspace": settings.colorspace}
    return Plate(shot, **chosen, premult=settings.premult, references=asked, asked=asked)


@as_input_errors()
def prepare(plate: Plate, maker: Maker, output: str | PathLike[str], settings: Settings) -> ReferenceJob:
    """Check what can be checked before light is made; raises InputError.

    plate   as `open_plate` returns it.
    output  a pattern, a file, or a folder. Where there are several candidates, each file's name has its label.
    """
    if not str(output):
        raise InputError("the output is '': expected a name like relit.1001.exr, a pattern, or a folder")
    if settings.compression:
        check_compression(settings.compression)
    shot = plate.sequence
    frames = parse_frames(settings.frames) if settings.frames else shot.frames[:1]
    masks = Shot.find(settings.mask) if settings.mask else None
    if masks and len(masks.frames) > 1 and (unmasked := sorted(set(frames) - set(masks.frames))):
        raise InputError(f"the mask {masks.pattern} lacks frame {unmasked[0]}, which is to be relit")
    several = len(maker.labels) > 1

    def pattern(where: str | PathLike[str] | None, label: str) -> OutputPattern | None:
        return OutputPattern(labelled(where, label, frames) if several else str(where), shot, frames) if where else None

    candidates = {}
    for label in maker.labels:
        made = pattern(output, label)
        assert made is not None
        # In a folder gains have a name of their own: that of the plate's file says neither what they are nor whose.
        gain_out = settings.gain_out
        gain_out = str(Path(gain_out, "gain.#.exr")) if gain_out and several and _is_folder(gain_out) else gain_out
        candidates[label] = Candidate(made, pattern(gain_out, label))
    job = ReferenceJob(shot, plate, masks, maker, settings, frames, str(output), candidates)
    _check_outputs(job)
    return job


def labelled(where: str | PathLike[str], label: str, frames: Sequence[int]) -> str:
    """Return where a candidate goes: its label before the number of the frame, as in relit_seed7.1001.exr.

    A folder gets one of the label in it. A name without a number gets the frame's, so that the label's own digits are
    not taken for it.
    """
    path = Path(where)
    if _is_folder(where):
        return str(path / label)
    head, dot, number = path.stem.rpartition(".")
    if not dot or not any(letter.isdigit() or letter in "#@%" for letter in number):
        head, number = path.stem, str(frames[0]) if len(frames) == 1 else "#"
    return str(path.with_name(f"{head}_{label}.{number}{path.suffix}"))


def _is_folder(where: str | PathLike[str]) -> bool:
    """Tell whether a name is that of a folder, there or not (see OutputPattern)."""
    return Path(where).is_dir() or not Path(where).suffix or str(where).endswith(("/", "\\"))


def _check_outputs(job: ReferenceJob) -> None:
    """Raise InputError where something would be overwritten, or could not be written at all."""
    inputs = [*job.maker_inputs(), *(path for frame in job.frames if (path := job.mask_path(frame)))]
    seen: set[Path] = set()
    for pattern in job.patterns():
        refuse_unwritable(pattern.path(job.frames[0]).parent)
        with writing(pattern.path(job.frames[-1])):
            pattern.refuse_overwriting(inputs)
            for path in map(pattern.path, job.frames):
                if not job.settings.overwrite and path.exists() and stored_fingerprint(path) is None:
                    raise not_ours(path)
                if path in seen:
                    raise InputError(f"two files would be {path}: choose another --gain-out")
                seen.add(path)
    if job.settings.contact_sheet:
        sheet = Path(job.settings.contact_sheet)
        refuse_unwritable(sheet.parent)
        if sheet.is_dir():
            raise InputError(f"{sheet} is a folder: expected the name of a file")
        refuse_same(sheet, list(dict.fromkeys([*inputs, *(file_of(job.shot.path(f)) for f in job.shot.frames)])))
        refuse_foreign_preview(sheet, overwrite=job.settings.overwrite)


def refuse_all_of_it(job: ReferenceJob, output: str, *, skips_gaps: bool = False) -> None:
    """Raise InputError where the shot could not be relit from what this job makes, as far as can be told before."""
    if job.shot.missing and not skips_gaps:
        raise InputError(
            f"{job.shot.pattern} lacks frame {job.shot.missing[0]}, so that the shot cannot be relit: render what is "
            "missing, or --missing skip"
        )
    if len(job.candidates) > 1:
        raise InputError(f"--all-of-it takes one reference a frame: got {len(job.candidates)} candidates, choose one")
    if Path(output).suffix.lower() not in ("", ".exr"):  # a movie, or images of another kind
        refuse_unwritable(Path(output).parent)
        return
    results = OutputPattern(output, job.shot)
    refuse_unwritable(results.path(job.frames[0]).parent)
    inputs = [*job.maker_inputs(), *(path for frame in job.frames for path in job.paths(frame).values())]
    results.refuse_overwriting(inputs)
    if {results.path(frame) for frame in job.shot.frames} & {p.path(f) for p in job.patterns() for f in job.frames}:
        raise InputError(f"references and relit frames would share names: choose another --all-of-it than {output}")


# The run.


def run(job: ReferenceJob, tell: OnEvent = ignore) -> Generator[AnyEvent, None, None]:
    """Do a job; yields its events, the last of them a Done. Raises InputError.

    tell  gets the stages within a frame, on the calling thread.

    A reference is complete on disk when its event arrives; one whose inputs and settings did not change is not made
    again.
    """
    tally, sheet = Tally(), job.settings.contact_sheet
    yield job.start()
    yield from map(Warned, job.warnings)
    skipped = job.up_to_date()
    with ExitStack() as stack:
        pages = stack.enter_context(_Sheet(job)) if sheet and not skipped else None
        for at, frame in enumerate(job.frames):
            fresh = frame in skipped
            try:
                yield from _skipped(job, frame) if fresh else _made(job, frame, at, tell, pages)
                tally.count(failed=False, skipped=fresh)
            except FrameError as error:
                tally.count(failed=True)
                yield Failed(str(error), error.frame)
            yield Progress(tally.done, len(job.frames), round(tally.done / len(job.frames), 4))
    outputs = [*map(str, job.patterns()), *([sheet] if sheet else [])]
    yield Done(tally.written, tally.skipped, tally.failed, tally.seconds, job.watch.seconds(), outputs)


def _skipped(job: ReferenceJob, frame: int) -> Iterator[AnyEvent]:
    for path in job.paths(frame).values():
        yield FrameDone(frame, str(path), skipped=True)


def _made(job: ReferenceJob, frame: int, at: int, tell: OnEvent, pages: _Sheet | None) -> Iterator[AnyEvent]:
    """Make a frame's candidates and write each as soon as it is there. Raises FrameError and InputError."""
    plate, mask = _read(job, frame)
    if job.settings.premult == "auto" and plate.picture.matte is not None:
        yield Warned(told_matte(plate.picture.path), frame)
    lights = _lights(job, plate, _teller(job, frame, at, tell))
    for label, light in zip(job.candidates, lights, strict=True):
        yield from (Warned(f"{label}: {text}" if label else text, frame) for text in light.warnings)
        candidate = job.candidates[label]
        with job.watch.stage("write"):
            pixels = candidate.write(plate, light, mask, job.settings, job.attributes(frame, label))
        if pages:
            pages.add(plate, label, light, pixels)
        yield FrameDone(frame, str(candidate.output.path(frame)), nonfinite_pixels=nonfinite(plate.picture))


def _read(job: ReferenceJob, frame: int) -> tuple[PlateFrame, Float32 | None]:
    """Return a frame as makers get it, and its mask. Raises FrameError."""
    with job.watch.stage("read"):
        picture = job.plate.read(frame)
        mask = _mask(job, picture)
    plate = PlateFrame.of(picture, job.settings.work_size)
    if plate.proxy.black:
        raise FrameError(frame, f"frame {frame}: {picture.path} is black: there is nothing that light could be seen on")
    return plate, mask


def _lights(job: ReferenceJob, plate: PlateFrame, tell: Tell) -> Iterator[Light]:
    made = job.maker.make(plate, tell)
    while True:
        with job.watch.stage("engine"):
            light = next(made, None)
        if light is None:
            return
        if not np.isfinite(light.gain_stops).all():
            raise FrameError(plate.number, f"frame {plate.number}: {job.maker.name} made light that is not finite")
        yield light


def _teller(job: ReferenceJob, frame: int, at: int, tell: OnEvent) -> Tell:
    def say(share: float, words: str) -> None:
        message = words if len(job.frames) == 1 else f"frame {frame}: {words}"
        tell(Stage("light", message, round((at + share) / len(job.frames), 4)))

    return say


def _mask(job: ReferenceJob, picture: Picture) -> Float32 | None:
    path = job.mask_path(picture.frame)
    return None if path is None else matte_of(picture, path)


class _Sheet:
    """The contact sheet: a column for each candidate of each frame."""

    def __init__(self, job: ReferenceJob) -> None:
        assert job.settings.contact_sheet
        several = len(job.frames) > 1
        names = [(frame, label) for frame in job.frames for label in job.candidates]
        self._columns = {name: i for i, name in enumerate(names)}
        titles = {
            i: " ".join([*([str(frame)] if several or not label else []), *([label] if label else [])])
            for (frame, label), i in self._columns.items()
        }
        self._sheet = ContactSheet(
            Path(job.settings.contact_sheet),
            range(len(names)),
            columns=max(5, len(job.candidates)),
            pixel_aspect=job.plate.pixel_aspect,
            titles=titles,
            given="made",
        )

    def __enter__(self) -> _Sheet:
        self._sheet.__enter__()
        return self

    def __exit__(self, *how: Any) -> None:
        self._sheet.__exit__(*how)

    def add(self, plate: PlateFrame, label: str, light: Light, pixels: Float32) -> None:
        """Take a candidate."""
        column = self._columns[plate.number, label]
        if self._sheet.wants(column):
            seen = shown(plate, light, pixels)
            self._sheet.add(column, seen.plate, seen.result, reference=seen.reference)


def describe(job: ReferenceJob) -> dict[str, Any]:
    """Return what a job would do, for `--dry-run`: fit for JSON. All is looked at that light would be made from.

    Raises InputError where a run would end.
    """
    start = job.start()
    fresh = list(job.up_to_date())
    warnings, errors = _rehearsed(job)
    return {
        **{name: getattr(start, name) for name in ("version", "source", "output", "frames", "settings")},
        "files": [str(path) for frame in job.frames for path in job.paths(frame).values()],
        "up_to_date": fresh,
        "to_make": [frame for frame in job.frames if frame not in fresh],
        "warnings": [*job.warnings, *warnings],
        "errors": [{"frame": error.frame, "message": str(error)} for error in errors],
    }


def _rehearsed(job: ReferenceJob) -> tuple[list[str], list[FrameError]]:
    """Return what is told of frames before their light is made, each line once, and the errors of those that fail."""
    told: list[str] = []
    errors = []
    for frame in job.frames:
        try:
            plate, _ = _read(job, frame)
            told += job.maker.look(plate)
        except FrameError as error:
            errors.append(error)
    return list(dict.fromkeys(told)), errors


def do(job: ReferenceJob, on_event: OnEvent = ignore) -> Done:
    """Do a job; every event goes to on_event."""
    with closing(run(job, on_event)) as events:
        for event in events:
            on_event(event)
            if isinstance(event, Done):
                return event
    raise AssertionError(f"a job over {number_of(len(job.frames), 'frame')} ends with Done")
