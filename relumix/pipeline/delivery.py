"""Results that are no OpenEXR: movies, and images of whole numbers.

Frames are made as OpenEXR in a folder beside the result, `relit.mov.frames/` or `relit.png.frames/`, by whatever makes
them: this process, or servers. From there they are delivered: an image at once, a movie when all of its frames are
there, since none can be gone on with. So a job that dies loses no frame, and what has its name is whole. The folder
goes when the result is complete.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from relumix.errors import InputError
from relumix.events import Stage, Warned
from relumix.settings import Settings
from relumix.shot.movie_frames import MOVIE_SUFFIXES
from relumix.shot.sequence import OutputPattern
from relumix.shot.sequence import Sequence as Shot
from relumix.util.words import as_json, number_of

Fingerprint = Callable[[int], str]
"""The fingerprint of a frame, by its number (see relumix.pipeline.fingerprint)."""

FRAMES_SUFFIX = ".frames"
"""What the folder of a result's frames is called, behind the name of the result."""


class Delivery(Protocol):
    """What becomes of the frames of a job."""

    @property
    def made(self) -> OutputPattern:
        """Where frames are made, as OpenEXR."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """What the result will not hold, and what was assumed of it."""
        ...

    def path(self, frame: int) -> Path:
        """Return where a frame is when all is delivered."""
        ...

    def refuse(self, inputs: Sequence[Path], *, overwrite: bool) -> None:
        """Raise InputError where an input would be written over or, unless `overwrite`, what relumix did not write."""
        ...

    def has(self, frame: int, fingerprint: Fingerprint) -> bool:
        """Tell whether a frame is delivered, as it would be made now."""
        ...

    def holds(self, frame: int) -> bool:
        """Tell whether a frame is delivered in the form that settings ask for, whatever it was made from."""
        ...

    def add(self, frame: int, fingerprint: Fingerprint) -> None:
        """Deliver a frame that was made. Raises InputError where that cannot be done."""
        ...

    def finish(self, fingerprint: Fingerprint, lost: Sequence[int]) -> Iterator[Stage | Warned]:
        """Deliver what waits for all frames, and clear up; yields what is done, and what there is to tell.

        lost  frames that failed.

        Raises InputError where it cannot be written.
        """
        ...


def is_movie_name(output: str) -> bool:
    """Tell whether results go into a movie."""
    return Path(output).suffix.lower() in MOVIE_SUFFIXES


def made_pattern(output: Path) -> str:
    """Return the pattern of the frames of a result: in a folder beside it."""
    stem = output.stem.split("#")[0].split("%")[0].split("@")[0].rstrip("._-") or "relit"
    return str(output.with_name(f"{stem}{output.suffix}{FRAMES_SUFFIX}") / f"{stem}.#.exr")


def made_in(output: Path, source: Shot, frames: Sequence[int]) -> OutputPattern:
    """Return where frames are made: in a folder beside the result, each under a name of its own."""
    return OutputPattern(made_pattern(output), source, frames)


def clear(made: OutputPattern, frames: Sequence[int]) -> None:
    """Remove frames that are delivered, and their folder where nothing else is in it: when no more are being made."""
    for frame in frames:
        made.path(frame).unlink(missing_ok=True)
    with suppress(OSError):  # somebody's files are in it: they stay
        made.path(frames[0]).parent.rmdir()


def key_of(settings: Settings, made_from: Any) -> str:
    """Return the fingerprint of a delivered file: 64 hexadecimal digits.

    made_from  the fingerprints of its frames, and what else decides how they are coded.
    """
    return hashlib.sha256(as_json([_form(settings), made_from]).encode()).hexdigest()


def form_key(settings: Settings) -> str:
    """Return the fingerprint of the form in which settings ask for results: 12 hexadecimal digits."""
    return hashlib.sha256(as_json(_form(settings)).encode()).hexdigest()[:12]


def _form(settings: Settings) -> list[Any]:
    return [settings.codec, settings.output_colorspace, settings.roll_off]


def told_clipped(what: str, pixels: int, frames: int, *, roll_off: bool) -> str:
    """Return the line that says how many pixels were cut to the range of codes."""
    helps = "" if roll_off else "; --roll-off draws highlights in softly"
    counted = f"{number_of(pixels, 'pixel')} of {number_of(frames, 'frame')}"
    were = "were" if pixels > 1 else "was"
    return f"{what}: {counted} {were} beyond what its codes can say, and {were} cut{helps}"


def not_ours(path: Path) -> InputError:
    """Return the error to raise for a file in the way that relumix did not write."""
    return InputError(f"{path} exists and relumix did not write it: choose another output, or --overwrite")


def refuse_same(path: Path, inputs: Sequence[Path]) -> None:
    """Raise InputError where a result would replace an input. Files are compared, not names."""
    for given in inputs:
        if path.exists() and given.exists() and path.samefile(given):
            raise InputError(f"{path} would be written over the input {given}: choose another output")
