"""How the frames of a shot are laid out: what they agree on, so that no single file decides for the others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from relumix.errors import InputError
from relumix.shot.images import ImageError, opened
from relumix.shot.layout import FileLayout, explain, layout_of, outline
from relumix.shot.sequence import Sequence

MOST_ASKED = 3
"""How many of the frames to be relit are looked at, where these agree."""


def agreed_layout(sequence: Sequence, sure: Iterable[int], asked: Iterable[int]) -> tuple[int, FileLayout]:
    """Return how the frames of a shot are laid out, and the first frame that is.

    sure   frames that have to be readable: those of references.
    asked  frames to be relit.

    Where the first, middle and last of those asked for are laid out as the sure ones, no other file is opened: a job
    looks at no frame that it does not need, and a long shot costs no more than a short one. Otherwise all of the shot
    vote, so that every part of it that is relit on its own decides alike; of equals the sure one wins. Files that
    cannot be read have no vote. Raises InputError where none can be read.
    """
    sure, asked = tuple(sure), tuple(asked)
    some = dict.fromkeys((*sure, *(asked[at] for at in sorted({0, len(asked) // 2, len(asked) - 1}) if asked)))
    found = _layouts(sequence, some)
    if len({_key(layout) for layout in found.values()}) != 1:
        found |= _layouts(sequence, (frame for frame in sequence.frames if frame not in some))
    if not found:
        raise InputError(_reason(sequence.path(next(iter(some)))))
    votes: dict[tuple[str, ...], list[int]] = {}
    for frame, layout in found.items():
        votes.setdefault(_key(layout), []).append(frame)
    frame = max(votes.values(), key=len)[0]  # Of equals the first: sure frames come first.
    return frame, found[frame]


def _layouts(sequence: Sequence, frames: Iterable[int]) -> dict[int, FileLayout]:
    """The layout of each frame that can be read."""
    found = {}
    for frame in frames:
        path = sequence.path(frame)
        try:
            with opened(path) as image:
                found[frame] = layout_of(image, path)
        except ImageError:
            continue  # It is reported where it is its turn to be relit.
    return found


def _key(layout: FileLayout) -> tuple[str, ...]:
    return tuple(outline(layout).values())


def _reason(path: Path) -> str:
    """Why a file cannot be read."""
    try:
        with opened(path) as image:
            layout_of(image, path)
    except ImageError as error:
        return f"{path} cannot be read: {explain(path, error)}"
    return f"{path} could not be read a moment ago: try again"
