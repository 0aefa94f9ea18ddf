"""A shot on disk with its references and mattes: what a job reads from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relumix.errors import FrameError, InputError
from relumix.settings import Settings
from relumix.shot.picture import Level, Picture
from relumix.shot.plate import Plate
from relumix.shot.reference import read_mask, read_reference
from relumix.shot.sequence import Sequence as Shot
from relumix.shot.sequence import parse_frames
from relumix.types import Float32
from relumix.util.stopwatch import Stopwatch

References = Mapping[int | None, str | PathLike[str]] | str | PathLike[str]
"""Relit files by the frame they belong to, None for the first frame of the shot; a file alone belongs to that one."""


@dataclass(frozen=True)
class PlateSource:
    """A relumix.gain.proxy_shot.Source of files.

    shot             the plate's files.
    reference_paths  relit file by frame, ascending.
    masks            the mattes' files, None without; a single file serves all frames.
    use_alpha        False where the plate's alpha says nothing (see `judged`).
    warnings         what was noticed on the way.
    """

    shot: Shot
    plate: Plate
    reference_paths: dict[int, Path]
    masks: Shot | None
    settings: Settings
    watch: Stopwatch
    use_alpha: bool = True
    warnings: tuple[str, ...] = ()

    @classmethod
    def find(cls, source: str | PathLike[str], references: References, settings: Settings) -> PlateSource:
        """Find the files of a job. Raises InputError where they do not make one."""
        shot = Shot.find(Path(source))
        plate = Plate(shot, layer=settings.layer, view=settings.view, colorspace=settings.colorspace)
        paths = _references(shot, references)
        masks = Shot.find(settings.mask) if settings.mask else None
        return cls(shot, plate, paths, masks, settings, Stopwatch()).judged()

    def judged(self) -> PlateSource:
        """Return this source, or one that does not use the plate's alpha, with a warning, where it says nothing.

        Raises InputError where the plate of the first reference cannot be read.
        """
        # Camera plates often carry an alpha of zeros: unpremultiplying by it would leave nothing of the picture.
        alpha = self._first().levels[0].alpha
        if alpha is None or np.any(alpha > 0):
            return self
        ignored = f"the alpha of {self.plate.path} is 0 everywhere: it is passed through, and not used"
        return replace(self, use_alpha=False, warnings=(ignored,))

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
        """What the references are called, by frame."""
        return {frame: path.name for frame, path in self.reference_paths.items()}

    def choose(self, frames: str | None, missing: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Return the frames to deliver and warnings about those that are not there. Raises InputError."""
        asked = parse_frames(frames) if frames else (*self.shot.frames, *self.shot.missing)
        here = tuple(sorted(set(asked) & set(self.shot.frames)))
        gone = sorted(set(asked) - set(here))
        if not here:
            raise InputError(f"{self.shot.pattern} has none of the frames {frames}: it has {_span(self.shot.frames)}")
        if gone and missing == "error":
            raise InputError(
                f"{self.shot.pattern} lacks {_listed(gone)}: render what is missing, choose --frames, or --missing skip"
            )
        if self.masks and len(self.masks.frames) > 1 and (bare := sorted(set(here) - set(self.masks.frames))):
            raise InputError(f"the mask {self.masks.pattern} lacks {_listed(bare)} that are to be relit")
        return here, (f"{self.shot.pattern} lacks {_listed(gone)}: skipped",) if gone else ()

    def other_inputs(self) -> list[Path]:
        """Return every input file but the plate's."""
        masks = [self.masks.path(f) for f in self.masks.frames] if self.masks else []
        return [*self.reference_paths.values(), *masks]

    def mask_path(self, frame: int) -> Path | None:
        """Return the matte's file for a frame, None without mattes."""
        if self.masks is None:
            return None
        return self.masks.path(self.masks.frames[0] if len(self.masks.frames) == 1 else frame)

    def read(self, frame: int) -> Picture:
        """Return a plate frame. Raises FrameError."""
        with self.watch.stage("read"):
            picture = self.plate.read(frame)
        if self.use_alpha:
            return picture
        return replace(picture, levels=tuple(Level(level.rgb, None) for level in picture.levels))

    def result(self, path: Path, frame: int) -> Float32:
        """Return the light of a frame that was written before, [h, w, 3] at full size. Raises FrameError."""
        try:
            written = Plate(Shot.find(path), layer=self.settings.layer, view=self.settings.view)
        except InputError as error:
            raise FrameError(frame, str(error)) from error
        return written.read(written.frames[0]).rgb

    def read_reference(self, frame: int, picture: Picture) -> tuple[Float32, NDArray[np.bool_]]:
        """Return the relit version of a frame and where it is known (see relumix.shot.read_reference)."""
        with self.watch.stage("read"):
            return read_reference(
                self.reference_paths[frame],
                picture,
                plate=self.plate,
                colorspace=self.settings.reference_colorspace,
            )

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

    def _first(self) -> Picture:
        frame = self.references[0]
        try:
            return self.plate.read(frame)
        except FrameError as error:
            raise InputError(f"the plate of reference frame {frame} cannot be read: {error}") from error


def _references(shot: Shot, references: References) -> dict[int, Path]:
    if isinstance(references, str | PathLike):
        references = {None: references}
    if not references:
        raise InputError("no reference was given: expected at least one relit frame, like -r 1001=relit.1001.exr")
    paths: dict[int, Path] = {}
    for frame, path in references.items():
        at = shot.frames[0] if frame is None else frame
        if at not in shot.frames:
            raise InputError(f"reference frame {at} ({path}) is not in {shot.pattern}: it has {_span(shot.frames)}")
        if at in paths:
            raise InputError(f"frame {at} has two references, {paths[at]} and {path}: keep one of them")
        if not Path(path).is_file():
            raise InputError(f"the reference for frame {at} is not there: {path}")
        paths[at] = Path(path)
    return dict(sorted(paths.items()))


def _span(frames: Sequence[int]) -> str:
    return f"frames {frames[0]} to {frames[-1]}" if len(frames) > 1 else f"frame {frames[0]} alone"


def _listed(frames: Sequence[int], most: int = 5) -> str:
    more = f" and {len(frames) - most} more" if len(frames) > most else ""
    return f"frame{'s' if len(frames) > 1 else ''} {', '.join(map(str, frames[:most]))}{more}"
