"""Finds the relit files of a shot, and the frame of each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path

from relumix.errors import InputError
from relumix.shot.movie_frames import MovieFrame, is_movie
from relumix.shot.pattern import Pattern
from relumix.shot.sequence import Sequence as Shot
from relumix.shot.sequence import images_in, number_at_end, refuse_glob

Files = str | PathLike[str]

References = Mapping[int | None, Files | Sequence[Files]] | Files | Sequence[Files]
"""Relit files by the frame they belong to. Under None, or without a mapping: files whose names say their frames,
patterns, and folders; a file whose name has no number belongs to the first frame of the shot."""

# Letters and the number behind them; a v before it makes it a version. What follows tells 1080p from a frame.
_WORD = re.compile(r"([^\W\d_]*)(?<!\d)(\d+)(?=([^\W\d_]?))")


def find_references(shot: Shot, references: References) -> dict[int, Path]:
    """Return the relit files of a shot by frame, ascending.

    A number in a file's name that is a frame of the shot is that frame. Raises InputError: no file there, a frame that
    the shot lacks, two files for one frame, and a name from which the frame cannot be told.
    """
    found: dict[int, Path] = {}
    for frame, path in _resolved(shot, references):
        if frame not in shot.frames:
            raise InputError(f"reference frame {frame} ({path}) is not in {shot.pattern}: it has {span(shot.frames)}")
        if frame in found:
            raise InputError(f"frame {frame} has two references, {found[frame]} and {path}: keep one of them")
        found[frame] = path
    if not found:
        raise InputError("no reference was given: expected at least one relit frame, like -r 1001=relit.1001.exr")
    return dict(sorted(found.items()))


def span(frames: Sequence[int]) -> str:
    """Return a range of frames in words."""
    return f"frames {frames[0]} to {frames[-1]}" if len(frames) > 1 else f"frame {frames[0]} alone"


def _resolved(shot: Shot, references: References) -> Iterator[tuple[int, Path]]:
    for frame, path in _given(references):
        if frame is None:
            yield from _by_name(shot, path)
        elif Path(path).is_file() or is_movie(Path(path)):
            yield frame, _frame_of(Path(path), frame)
        elif MovieFrame.at(Path(path)):
            yield frame, Path(path)
        else:
            refuse_glob(os.fspath(path))
            raise InputError(f"the reference for frame {frame} is not there: {path}")


def _frame_of(path: Path, frame: int) -> Path:
    """Return a file or, of a movie, its frame of that number: the only one where it has no other."""
    if not is_movie(path):
        return path
    relit = Shot.find(path)
    return relit.path(relit.frames[0] if len(relit.frames) == 1 else frame)


def _given(references: References) -> Iterator[tuple[int | None, Files]]:
    named = references if isinstance(references, Mapping) else {None: references}
    for frame, files in named.items():
        for path in [files] if isinstance(files, str | PathLike) else files:
            yield frame, path


def _by_name(shot: Shot, given: Files) -> Iterator[tuple[int, Path]]:
    """Yield the files of a file, pattern or folder, with their frames."""
    path = Path(given)
    if is_movie(path):
        relit = Shot.find(path)
        yield from ((frame, relit.path(frame)) for frame in relit.frames)
    elif path.is_file() or MovieFrame.at(path):
        frame = frame_in_name(path, shot)
        yield shot.frames[0] if frame is None else frame, path
    elif path.is_dir():
        images = images_in(path)
        if len(images) == 1 and is_movie(images[0]):
            yield from _by_name(shot, images[0])
            return
        for image in images:
            frame = frame_in_name(image, shot)
            if frame is None and len(images) > 1:
                raise InputError(f"the name of {image} does not say its frame: {_say(shot, image)}")
            yield shot.frames[0] if frame is None else frame, image
    elif Pattern.of(path):
        relit = Shot.find(given if isinstance(given, str) else path)
        yield from ((frame, relit.path(frame)) for frame in relit.frames)
    else:
        refuse_glob(os.fspath(given))
        raise InputError(f"the reference is not there: {path}")


def frame_in_name(path: Path, shot: Shot) -> int | None:
    """Return the frame of a shot that a file's name says, None where no number in it could be one.

    Raises InputError where it is ambiguous: several numbers are frames, or one looks like a frame but is none.
    """
    if len(shot.frames) == 1 and not shot.numbered:
        return shot.frames[0]
    frames, last = set(shot.frames), number_at_end(path)

    def number(word: re.Match[str]) -> int:
        return int(word[2]) if last is None or word.end() < len(path.stem) else last

    words = [word for word in _WORD.finditer(path.stem) if not _is_of_the_shot(word, shot, frames)]
    named = [word for word in words if number(word) in frames and (not word[3] or len(word[2]) >= shot.padding)]
    # sh010_relit.0050: a short number behind letters gives way to one that is written as a frame.
    named = [word for word in named if not word[1] or len(word[2]) >= shot.padding] or named
    numbers = list(dict.fromkeys(map(number, named)))
    # A number that stands alone and is as long as the shot's was meant as a frame, perhaps of another shot.
    strange = [number(w) for w in words if not w[1] and not w[3] and len(w[2]) >= shot.padding and w not in named]
    if len(numbers) == 1 and not strange and not any(word[3] for word in named):
        return numbers[0]
    alone = [number(w) for w in words if not w[3] and (not w[1] or w.end() == len(path.stem))]
    if doubtful := [*numbers, *strange] if numbers else alone:
        may = " or ".join(map(str, doubtful))
        lacks = "" if numbers else f", which {shot.pattern} lacks (it has {span(shot.frames)})"
        raise InputError(f"{path} may be frame {may}{lacks}: {_say(shot, path)}")
    return None


def _is_of_the_shot(word: re.Match[str], shot: Shot, frames: set[int]) -> bool:
    """Tell whether a number is a version or part of the shot's name, as in sh010_plate.####.exr, and so no frame."""
    if word[1].lower().endswith("v"):
        return True
    shared = {(each[1].lower(), each[2]) for each in _WORD.finditer(shot.head)}
    return (word[1].lower(), word[2]) in shared and bool(word[1] or int(word[2]) not in frames)


def _say(shot: Shot, path: Path) -> str:
    return f"say which frame it is, like -r {shot.frames[0]}={path}"
