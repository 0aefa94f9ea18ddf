"""The tasks of the page's worker processes that write references, or look whether a file can be one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from relumix.errors import InputError
from relumix.shot.images import ImageError, data_window, opened
from relumix.shot.picture import Picture
from relumix.shot.plate import Plate
from relumix.shot.reference import read_reference
from relumix.shot.sequence import Sequence as Shot
from relumix.shot.writing import Bits, write
from relumix.types import Float32
from relumix.version import __version__
from relumix.web.grade import Look
from relumix.web.tasks import Limits, Source, plate_of
from relumix_server.worker_tasks import Task, TaskResult


@dataclass(frozen=True, kw_only=True)
class Made(TaskResult):
    """A file was written, or found good."""


@dataclass(frozen=True, kw_only=True)
class Coded(TaskResult):
    """Whether a file had to be written again."""

    changed: bool


@dataclass(frozen=True)
class Relight(Task[Made]):
    """Write a reference: a frame under a look, at full size, with everything else of the plate's file."""

    source: Source
    frame: int
    look: Look
    shot_exposure: float
    path: Path
    result_type: ClassVar[type[Made]] = Made

    def run(self) -> Made:
        """Write it. Raises FrameError and InputError."""
        picture = plate_of(self.source).read(self.frame)
        with np.errstate(all="ignore"):  # Pixels may hold anything.
            lit = [level.rgb * self.look.gain(level.rgb, self.shot_exposure) for level in picture.levels]
        _write_coded(self.path, plate_of(self.source), picture, lit)
        return Made()


@dataclass(frozen=True)
class Code(Task[Coded]):
    """Code a reference that was made scene-linear as one of the plate's is taken (see _write_coded)."""

    source: Source
    frame: int
    path: Path
    result_type: ClassVar[type[Coded]] = Coded

    def run(self) -> Coded:
        """Write it again where it has to be. Raises InputError and FrameError."""
        plate = plate_of(self.source)
        changes = bool(plate.space.converts and not plate.is_coded)
        if changes:
            made = Plate(Shot.find(self.path))
            picture = made.read(made.frames[0])
            _write_coded(self.path, plate, picture, [level.rgb for level in picture.levels])
        return Coded(changed=changes)


@dataclass(frozen=True)
class CheckReference(Task[Made]):
    """Look whether a file can be the relit version of a frame."""

    source: Source
    frame: int
    path: Path
    limits: Limits
    result_type: ClassVar[type[Made]] = Made

    def run(self) -> Made:
        """Look. Raises InputError where it cannot, and FrameError."""
        _refuse_huge(self.path, self.limits)
        plate = plate_of(self.source)
        read_reference(self.path, plate.read(self.frame), plate=plate)
        return Made()


def _write_coded(path: Path, plate: Plate, picture: Picture, lit: list[Float32]) -> None:
    """Write scene-linear pixels as a reference. Beside coded EXR, floats are taken to be coded too."""
    bits: Bits | None = None
    if plate.space.converts and not plate.is_coded:
        alphas = [level.alpha for level in picture.levels]
        lit, bits = [plate.space.to_coded(rgb, alpha) for rgb, alpha in zip(lit, alphas, strict=True)], "float"
    write(path, picture, lit, attributes={"relumix:version": __version__}, bits=bits)


def _refuse_huge(path: Path, limits: Limits) -> None:
    try:
        with opened(path) as image:
            window = data_window(image.spec())
    except ImageError as error:
        raise InputError(f"{path.name} cannot be read: {error}") from None
    if window.width * window.height > limits.pixels:
        raise InputError(f"{path.name} is {window.width}x{window.height}: this page takes up to {limits.pixels} pixels")
