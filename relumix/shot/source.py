"""A shot on disk with its references and mattes: the input of a job on files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relumix.errors import FrameError, InputError
from relumix.settings import Settings
from relumix.shot.alpha import looked_at
from relumix.shot.assumed import told_assumed
from relumix.shot.confidence_layer import MAP_CHANNEL, read_confidence
from relumix.shot.cuts import LOOK_PX, Look, find_cuts, given_cuts, look_at, told_cuts
from relumix.shot.movie_frames import deinterlaced, file_of, sent_name, told_of_movie
from relumix.shot.paint import Alpha
from relumix.shot.picture import Picture
from relumix.shot.plate import Plate
from relumix.shot.reference import ReferenceSummary, inspect_reference, read_beside, read_mask, read_reference
from relumix.shot.reference_checks import FRAMES_AROUND, Given, misfits, refuse_part
from relumix.shot.reference_files import References as References  # noqa: PLC0414  whoever names a source names these
from relumix.shot.reference_files import find_references, span
from relumix.shot.reference_parts import Part, given_parts, part_of
from relumix.shot.sequence import Sequence as Shot
from relumix.shot.sequence import parse_frames
from relumix.types import Float32
from relumix.util.ordered_pool import ordered
from relumix.util.stopwatch import Stopwatch
from relumix.util.words import first_of

MOST_COMPARED = 12
"""References that are compared with their plate's frames before a job begins."""

READERS = 2
"""Threads that look for cuts."""


@dataclass(frozen=True)
class PlateSource:
    """A relumix.gain.proxy_shot.Source of files.

    shot             the plate's files.
    reference_paths  relit file by frame, ascending.
    masks            the mattes' files, None without; a single file serves all frames.
    cuts             the first frame of each scene but the first, ascending (see `with_cuts`).
    parts            how much of a reference counts, by frame; all of those that are not in it.
    warnings         found while looking at the input.
    """

    shot: Shot
    plate: Plate
    reference_paths: dict[int, Path]
    masks: Shot | None
    settings: Settings
    watch: Stopwatch
    cuts: tuple[int, ...] = ()
    parts: Mapping[int, Part] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    _kept: dict[int, Picture] = field(default_factory=dict, repr=False)

    @classmethod
    def find(cls, source: str | PathLike[str], references: References, settings: Settings) -> PlateSource:
        """Find the files of a job. Raises InputError where they do not make one."""
        shot = Shot.find(Path(source))
        paths = find_references(shot, references)
        if settings.deinterlace:
            shot, paths = shot.deinterlaced(), {frame: deinterlaced(path) for frame, path in paths.items()}
        asked = set(parse_frames(settings.frames) if settings.frames else shot.frames)
        plate = Plate(
            shot,
            layer=settings.layer,
            view=settings.view,
            colorspace=settings.colorspace,
            premult=settings.premult,
            references=tuple(paths),
            asked=[frame for frame in shot.frames if frame in asked],
        )
        masks = Shot.find(settings.mask) if settings.mask else None
        parts = given_parts(settings.reference_masks, settings.reference_weights, paths)
        if plate.is_assumed:
            settings = replace(settings, colorspace=plate.colorspace)
        told = tuple(told_of_footage(shot, plate, settings))
        found = cls(shot, plate, paths, masks, settings, Stopwatch(), parts=parts, warnings=told)
        return found.with_alpha_read()._with_reference_warnings()

    def with_alpha_read(self) -> PlateSource:
        """Return this source; with a warning and without alpha where the plate of a reference says it is no coverage.

        The first reference's plate is kept until it is read, so that it is decoded once. Raises InputError where one
        cannot be read.
        """
        first, *others = looked_at(self.references)
        picture = self._kept[first] = self._reference_plate(first)
        if self.plate.premult != "auto" or picture.contents.choice.alpha is None:
            return self
        if picture.matte is None:
            picture = next(filter(lambda other: other.matte is not None, map(self._reference_plate, others)), picture)
            if picture.matte is None:
                return self
            self._kept.clear()
        warnings = (*self.warnings, told_matte(picture.path))
        return replace(self, plate=self.plate.of(self.shot, matte=True), warnings=warnings)

    def reads_as_matte(self, picture: Picture) -> bool:
        """Tell whether a frame's alpha is no coverage by its own pixels alone, which was not said of the shot."""
        return self.plate.premult == "auto" and not self.plate.matte and picture.matte is not None

    def _reference_plate(self, frame: int) -> Picture:
        try:
            return self.plate.read(frame)
        except FrameError as error:
            raise InputError(f"the plate of reference frame {frame} cannot be read: {error}") from error

    def with_cuts(self) -> PlateSource:
        """Return this source with its cuts: those of the settings, or found, which reads every frame, small.

        Raises InputError for cuts that are none of the shot's frames.
        """
        given = given_cuts(self.settings.cuts, self.frames)
        if given is not None:
            return replace(self, cuts=given)
        with self.watch.stage("read"):
            cuts = find_cuts(ordered((partial(self._look, frame) for frame in self.frames), READERS, "relumix-cuts"))
        return replace(self, cuts=cuts, warnings=(*self.warnings, *([told_cuts(cuts)] if cuts else [])))

    def _look(self, frame: int) -> tuple[int, Look | None]:
        try:
            return frame, look_at(self.plate.read_small(frame, LOOK_PX))
        except FrameError:
            return frame, None  # told when it is this frame's turn

    def _with_reference_warnings(self) -> PlateSource:
        """Return this source with warnings about its references. Raises InputError where one is unusable."""
        summaries = {path: self._summary(frame, path) for frame, path in self.reference_paths.items()}
        told = [*self.warnings, *_reference_warnings(summaries, quiet=self.settings.fit, matte=self.plate.matte)]
        paths = list(self.reference_paths.items())
        # References by the dozen are made alike: some tell what is wrong with all.
        for frame, path in paths[:: -(-len(paths) // MOST_COMPARED)]:
            told += self._misfits(frame, path)
        return replace(self, warnings=tuple(told))

    def _misfits(self, frame: int, path: Path) -> list[str]:
        """Return the warnings about one reference. Raises InputError where one of another size is a part alone."""
        try:
            picture = self._plate_of(frame)
        except FrameError as error:
            raise InputError(f"the plate of reference frame {frame} cannot be read: {error}") from error
        read = read_beside(path, picture, plate=self.plate, colorspace=self.settings.reference_colorspace)
        given = Given(path, frame, read, self.settings.align)
        at = self.frames.index(frame)
        around = self.frames[max(0, at - FRAMES_AROUND) : at + FRAMES_AROUND + 1]
        near = sorted((each for each in around if each != frame), key=lambda each: abs(each - frame))
        with np.errstate(all="ignore"):  # Pixels may hold anything.
            if not self.settings.fit:
                refuse_part(given, picture.rgb)
            return list(misfits(given, near, self.plate.read))

    def _summary(self, frame: int, path: Path) -> ReferenceSummary:
        try:
            return inspect_reference(
                path,
                self.plate.windows(frame),
                frame,
                plate=self.plate,
                colorspace=self.settings.reference_colorspace,
                read=partial(self._plate_of, frame),
            )
        except FrameError as error:
            raise InputError(f"the plate of reference frame {frame} cannot be read: {error}") from error

    def _plate_of(self, frame: int) -> Picture:
        """Return the plate of a reference; the first one's stays kept for the next reader."""
        picture = self._kept.get(frame)
        return self.read(frame) if picture is None else picture

    @property
    def frames(self) -> Sequence[int]:
        """All frames on disk, ascending."""
        return self.shot.frames

    @property
    def references(self) -> Sequence[int]:
        """Frames that have a relit version, ascending."""
        return tuple(self.reference_paths)

    @property
    def reference_names(self) -> dict[int, str]:
        """File names of the references, by frame."""
        return {frame: sent_name(path) for frame, path in self.reference_paths.items()}

    @property
    def output_space(self) -> str | None:
        """The OCIO name of the colour space of results that are no OpenEXR; None: what their kind is taken for."""
        return self.settings.output_colorspace or (self.plate.colorspace if self.plate.is_coded else None)

    def choose(self, frames: str | None, missing: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Return the frames to deliver and warnings about missing ones. Raises InputError."""
        asked = parse_frames(frames) if frames else (*self.shot.frames, *self.shot.missing)
        here = tuple(sorted(set(asked) & set(self.shot.frames)))
        gone = sorted(set(asked) - set(here))
        if not here:
            raise InputError(f"{self.shot.pattern} has none of the frames {frames}: it has {span(self.shot.frames)}")
        if gone and missing == "error":
            raise InputError(
                f"{self.shot.pattern} lacks {_listed(gone)}: render what is missing, choose --frames, or --missing skip"
            )
        if self.masks and len(self.masks.frames) > 1 and (unmasked := sorted(set(here) - set(self.masks.frames))):
            raise InputError(f"the mask {self.masks.pattern} lacks {_listed(unmasked)} that are to be relit")
        return here, (f"{self.shot.pattern} lacks {_listed(gone)}: skipped",) if gone else ()

    def other_inputs(self) -> list[Path]:
        """Return every input file but the plate's."""
        masks = [self.masks.path(f) for f in self.masks.frames] if self.masks else []
        return [*self.reference_paths.values(), *masks, *(part.mask for part in self.parts.values() if part.mask)]

    def inputs(self) -> list[Path]:
        """Return every input file: a movie is one."""
        plates = map(self.shot.path, self.shot.frames)
        return list(dict.fromkeys(map(file_of, (*self.other_inputs(), *plates))))

    def mask_path(self, frame: int) -> Path | None:
        """Return the matte's file for a frame, None without mattes."""
        if self.masks is None:
            return None
        return self.masks.path(self.masks.frames[0] if len(self.masks.frames) == 1 else frame)

    def read(self, frame: int) -> Picture:
        """Return a plate frame. Raises FrameError."""
        with self.watch.stage("read"):
            return self._kept.pop(frame, None) or self.plate.read(frame)

    def forget(self) -> None:
        """Drop the kept plate, where servers will read the plates and this process will not."""
        self._kept.clear()

    def result(self, path: Path, frame: int) -> Float32:
        """Return the light of a frame that was written before, [h, w, 3] at full size. Raises FrameError."""
        try:
            space = None if path.suffix.lower() == ".exr" else self.output_space
            written = Plate(Shot.find(path), layer=self.settings.layer, view=self.settings.view, colorspace=space)
        except InputError as error:
            raise FrameError(frame, str(error)) from error
        return written.read(written.frames[0]).rgb

    def confidence(self, picture: Picture, result: Path, own: Path | None) -> Float32 | None:
        """Return the confidence that was written of a frame, [h, w] at full size; None where it was not asked for.

        result, own  the files of the frame and, where there is one, of its confidence.

        Raises FrameError.
        """
        if own is None and not self.settings.confidence_layer:
            return None
        path, channel = (own, MAP_CHANNEL) if own else (result, self.plate.confidence_channel)
        try:
            return read_confidence(path, channel, picture)
        except InputError as error:
            raise FrameError(picture.frame, f"frame {picture.frame}: {error}") from error

    def read_reference(self, frame: int, picture: Picture) -> tuple[Float32, NDArray[np.bool_]]:
        """Return the relit version of a frame and where it is known (see relumix.shot.read_reference)."""
        with self.watch.stage("read"):
            rgb, known = read_reference(
                self.reference_paths[frame],
                picture,
                plate=self.plate,
                colorspace=self.settings.reference_colorspace,
                align=self.settings.align,
            )
            if (part := self.parts.get(frame)) is None:
                return rgb, known
            share = part.weight if part.mask is None else part.weight * read_mask(part.mask, picture)
        return part_of(picture.rgb, rgb, known, share)

    def read_mask(self, frame: int, picture: Picture) -> Float32 | None:
        """Return the matte of a frame, None without mattes. Raises FrameError."""
        path = self.mask_path(frame)
        if path is None:
            return None
        with self.watch.stage("read"):
            try:
                return read_mask(path, picture)
            except InputError as error:
                raise FrameError(frame, str(error)) from error


def told_of_footage(shot: Shot, plate: Plate, settings: Settings) -> Iterator[str]:
    """Yield warnings about a plate that is a movie, or does not say what colour it is."""
    if shot.movie:
        yield from told_of_movie(shot.movie, deinterlace=settings.deinterlace)
    if plate.is_assumed:
        yield told_assumed(shot.pattern, plate.colorspace)


def told_matte(path: Path) -> str:
    """Return the warning that a plate's alpha is no coverage."""
    return (
        f"the alpha of {path} is no coverage of its light: it is passed through, and not used "
        "(--premult yes or no decides)"
    )


def _reference_warnings(summaries: dict[Path, ReferenceSummary], *, quiet: bool, matte: bool) -> Iterator[str]:
    """Yield warnings about references: fitted ones unless `quiet` (--fit), and what their alpha was taken for.

    matte  whether the plate's alpha was said to be no coverage: then the same is not said again of references.
    """
    fitted = {path: summary.place for path, summary in summaries.items() if summary.place.fitted}
    if fitted and not quiet:
        sizes = [
            f"{path} ({place.fitted.width}x{place.fitted.height})" for path, place in fitted.items() if place.fitted
        ]
        window = next(iter(fitted.values())).window
        yield f"fitted to the plate's {window.width}x{window.height}: {first_of(sizes, 3)} (--fit leaves this line out)"
    for role, meaning in _MEANINGS.items():
        if matte and role is not Alpha.PAINTED:
            continue
        if paths := [str(path) for path, summary in summaries.items() if summary.alpha is role]:
            yield f"the alpha of {first_of(paths, 3)} {meaning}"


_MEANINGS = {
    Alpha.PAINTED: "says where it is painted: where it is 0 the plate keeps its light",
    Alpha.EMPTY: "is 0 everywhere: it is not used",
    Alpha.MATTE: "is 0 where there is light: it is taken for a matte, and not used (--premult yes or no decides)",
}


def _listed(frames: Sequence[int]) -> str:
    return f"frame{'s' if len(frames) > 1 else ''} {first_of(frames, 5)}"
