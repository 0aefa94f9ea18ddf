"""What `relumix relight` says about a reference that does not fit its plate's frame: one line, with what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from relumix.errors import FrameError, InputError
from relumix.shot.box import Box
from relumix.shot.content import changed_part, has_hard_edge, is_display_referred
from relumix.shot.enlarging import Background
from relumix.shot.fit import aligned, displacement, is_off, likeness, measure, part_shown
from relumix.shot.likeness import UNLIKE
from relumix.shot.picture import Picture
from relumix.shot.reference import Beside
from relumix.types import Float32

FRAMES_AROUND = 6
"""How many frames before and after its own a reference that fits badly is compared with."""

_FITS_PX, _FITS_SHARE = 0.4, 0.4
"""Least displacement from another frame that says the reference is of that one: in pixels, and of that from its own."""


@dataclass(frozen=True)
class Given:
    """A reference: its file, the frame that it was given for, and the two pictures.

    aligned  whether it will be moved to fit (--align).
    """

    path: Path
    frame: int
    read: Beside
    aligned: bool = False


def misfits(given: Given, near: Iterable[int], read: Callable[[int], Picture]) -> Iterator[str]:
    """Yield the warnings about one reference.

    near  other frames of the shot that it may be of; read returns one of them, and may raise FrameError.
    """
    plate, relit, known = given.read.plate, given.read.filled, given.read.known
    name = f"reference {given.path}"
    if given.read.place.words:
        yield f"{name} has another shape than frame {given.frame}: by what it shows it is {given.read.place.words}"
    if not given.read.painted and is_display_referred(plate, relit):
        yield (
            f"{name} looks display-referred, as sRGB is, where the plate is linear: say what it is with "
            "--reference-colorspace, like 'sRGB Encoded Rec.709 (sRGB)' (relumix colorspaces lists the names)"
        )
        return

    def beside(frame: int) -> Float32:
        return Background.of(read(frame), given.read.place).rgb

    if given.aligned and is_off(fit := measure(plate, relit)) and fit:
        relit, known = aligned(relit, known, fit)
        relit = np.where(known[..., None], relit, plate)
    elif not given.read.painted and (place := _place(name, given.frame, plate, relit, near, beside)):
        yield place
        return
    # A paint-over ends where its alpha says so, softly or not: that is the artist's choice.
    if not given.read.painted and has_hard_edge(plate, relit, known):
        yield f"the light of {name} ends at a hard edge where the plate has none: soften the edge of its matte"
    if box := changed_part(plate, relit):
        yield (
            f"{name} shows something else than frame {given.frame} in {described(box)}: that is carried as if it were "
            "light; paint it out, or leave it out with --reference-mask"
        )


def refuse_part(given: Given, plate: Float32) -> None:
    """Raise InputError where a relit frame of another size shows a part of the plate [h, w, 3] alone."""
    place = given.read.place
    if place.fitted is None or given.read.painted or measure(given.read.plate, given.read.filled) is not None:
        return
    if box := part_shown(plate, given.read.filled):
        size = f"{place.fitted.width}x{place.fitted.height}"
        raise InputError(
            f"reference {given.path} is {size} and shows about {described(box)} of frame {given.frame}, not all of it: "
            "give it with the plate's size, or take it for the whole frame with --fit"
        )


def described(box: Box) -> str:
    """Return a part of a picture in words."""
    return f"the {box.width}x{box.height} pixels from {box.x}, {box.y}"


def _place(
    name: str, frame: int, plate: Float32, relit: Float32, near: Iterable[int], read: Callable[[int], Float32]
) -> str | None:
    """Return the warning about a relit frame that does not lie on its plate's; None where it does."""
    fit = measure(plate, relit)
    if fit is not None and not is_off(fit):
        return None
    if fit is None and (box := part_shown(plate, relit)):
        return (
            f"{name} shows about {described(box)} of frame {frame}, scaled to all of it: give the whole frame, "
            "or that part where it lies"
        )
    # Of a plate that is not even found in itself, as a small or smooth one, nothing can be said.
    unlike = fit is None and likeness(plate, relit) < UNLIKE < likeness(plate, plate)
    if fit is None and not unlike:
        return None
    if (other := _frame_that_fits(plate, relit, near, read)) is not None:
        return f"{name} was given for frame {frame}, and fits frame {other} better: check the number"
    if fit is not None:
        return f"{name} is {fit} against frame {frame}: --align moves it back"
    return f"{name} shows nothing of frame {frame}: check the file and the number" if unlike else None


def _frame_that_fits(plate: Float32, relit: Float32, near: Iterable[int], read: Callable[[int], Float32]) -> int | None:
    """Return the frame near by that a relit frame lies on, None where none is much better than its own."""
    own = displacement(plate, relit)
    best, most = None, _FITS_PX if own is None else min(max(_FITS_PX, 0.1 * own), _FITS_SHARE * own)
    for frame in near:
        try:
            other = read(frame)
        except FrameError:
            continue
        apart = displacement(other, relit) if other.shape == relit.shape else None
        if apart is not None and apart < most:
            best, most = frame, apart
    return best
