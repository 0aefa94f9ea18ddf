"""The files of a shot and of its result: patterns, frame numbers, padding."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fileseq.exceptions import FileSeqException, MaxSizeException
from fileseq.frameset import FrameSet

from relumix.errors import InputError
from relumix.shot.movie_frames import MovieFrame, digits, file_of, frame_names, is_movie, movie_at
from relumix.shot.pattern import Pattern

IMAGE_SUFFIXES = frozenset({".exr", ".dpx", ".cin", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".hdr", ".tga", ".sgi"})
"""Extensions considered when a folder stands for the sequence in it."""

MOST_MISSING = 100_000
"""More missing frames than this are taken for a stray file, not for gaps in a shot."""

# The last digits of a name are its frame number, unless a v before them makes them a version (plate_v002.exr). A minus
# is a sign only behind a dot or an underscore: shot-1001.exr is frame 1001.
_FRAME_IN_STEM = re.compile(r"((?:^|(?<=[._]))-)?(?<![vV\d])\d+$")
_NUMBER = re.compile(r"-?\d+")


def parse_frames(text: str) -> tuple[int, ...]:
    """The frames that a text such as `1001-1100`, `1001-1100x2`, `1,5,9`, `-5-10` or `1001-1100,1200` names, ascending.

    Commas and spaces separate. Raises InputError, with the text, where it is anything else or names no frame.
    """
    words = re.sub(r"\s*,\s*|\s+", ",", re.sub(r"\s+-\s+|(?<=\d)\s*-\s*(?=\d)", "-", text.strip()))
    try:
        named = set(FrameSet(words))
    except (FileSeqException, MaxSizeException, ValueError):
        named = set()
    if not named or any(frame != int(frame) for frame in named):
        raise InputError(f"'{text}' names no frames: expected something like 1001-1100, 1001-1100x2 or 1,5,10-20")
    return tuple(sorted(int(frame) for frame in named))


@dataclass(frozen=True)
class Sequence:
    """The files of one shot.

    pattern  the canonical text of it: `plate.####.exr`, with as many # as the frame numbers have digits at least.
    frames   the frame numbers found on disk (within the range, where the pattern has one), ascending.
    missing  the frames that the pattern's range asks for and the disk does not have; without a range, those that are
             absent between the first and last at the shot's own step (1001, 1003, 1005 is a step, not gaps).
    padding  the least number of digits of a frame number.
    """

    pattern: str
    frames: tuple[int, ...]
    missing: tuple[int, ...]
    padding: int
    _template: tuple[Path, str, str] = field(repr=False)
    _paths: Mapping[int, Path] = field(repr=False, compare=False)

    @staticmethod
    def find(pattern: str | Path) -> Sequence:
        """Find the shot that a pattern stands for on disk.

        `plate.####.exr`, `plate.@@@@.exr` and `plate.%04d.exr` name a padding; a lone `#`, `@` or `%d` takes the one
        that the files have; `plate.1001-1016#.exr` names a range too (see relumix.shot.pattern). A folder stands for
        the one sequence in it (of EXR files; of other images, or a movie, where it holds none). A movie stands for its
        frames (see relumix.shot.movie_frames). Another file stands for itself: its frame is the number at the end of
        its name, or 1 where there is none.

        Raises InputError: nothing there, several sequences in the folder, or paddings that cannot be told apart.
        """
        path = Path(pattern)
        if path.is_dir():
            return _of_folder(path)
        if path.is_file() or is_movie(path):
            return _of_file(path)
        if MovieFrame.at(path):
            return Sequence.of({number_at_end(path) or 0: path})
        return _of_pattern(str(pattern))

    @staticmethod
    def of(paths: Mapping[int, Path]) -> Sequence:
        """The shot that files make, given by frame."""
        frames = tuple(sorted(paths))
        first = paths[frames[0]]
        return Sequence(str(first), frames, (), 0, (first.parent, first.stem, first.suffix), dict(paths))

    @staticmethod
    def pattern_of(files: Iterable[Path]) -> str:
        """Return the pattern of frames that stands for files of one sequence, and for no others beside them.

        Raises InputError where they are not of one.
        """
        split = {path: _split(path) for path in files}
        heads = {(path.parent, head, tail) for path, (head, _, tail) in split.items()}
        numbers = sorted(number for _, number, _ in split.values())
        if len(heads) > 1 or "" in numbers:
            names = ", ".join(
                sorted({f"{head}{'#' * bool(number)}{tail}" for head, number, tail in split.values()})[:4]
            )
            raise InputError(
                f"{len(split)} files were given, which are not one sequence ({names}): name one, in quotes, with # for "
                "the digits of the frame, like 'plate.####.exr'"
            )
        ((folder, head, tail),) = heads
        digits = {len(number.lstrip("-")) for number in numbers}
        signs = "#" * digits.pop() if len(digits) == 1 else "#"
        pattern = str(folder / f"{head}{signs}{tail}")
        frames = tuple(sorted(map(int, numbers)))
        if Sequence.find(pattern).frames == frames:
            return pattern
        return str(folder / f"{head}{FrameSet.framesToFrameRange(frames, sort=True)}{signs}{tail}")

    @property
    def movie(self) -> Path | None:
        """The movie whose frames these are; None for files."""
        found = MovieFrame.at(self.path(self.frames[0]))
        return found.movie if found else None

    def deinterlaced(self) -> Sequence:
        """Return the frames of this movie made whole from their fields. Raises InputError where it is no movie."""
        if self.movie is None:
            raise InputError(f"{self.pattern} is no movie: expected one to deinterlace")
        return _of_movie(self.movie, deinterlace=True)

    @property
    def head(self) -> str:
        """The part of the files' names before the frame number."""
        return self._template[1]

    @property
    def numbered(self) -> bool:
        """Whether the files' names have frame numbers."""
        return bool(self.padding)

    @property
    def step(self) -> int:
        """The distance between neighbouring frames, were none missing; 1 for a single frame."""
        return _step(sorted({*self.frames, *self.missing}))

    def path(self, frame: int) -> Path:
        """The file of a frame: as found on disk or, for a frame that is not there, as it would be called."""
        if frame in self._paths:
            return self._paths[frame]
        folder, head, tail = self._template
        return folder / f"{head}{frame:0{self.padding}d}{tail}" if self.padding else folder / f"{head}{tail}"


def _step(frames: Iterable[int]) -> int:
    ordered = tuple(frames)
    return math.gcd(*(after - before for before, after in itertools.pairwise(ordered))) or 1


def _split(path: Path) -> tuple[str, str, str]:
    """A file name as what comes before its frame number, that number ('' for none) and what comes after."""
    found = _FRAME_IN_STEM.search(path.stem)
    if not found:
        return path.stem, "", path.suffix
    return path.stem[: found.start()], found.group(), path.suffix


def number_at_end(path: Path) -> int | None:
    """Return the frame number at the end of a file's name, None where there is none."""
    _, number, _ = _split(path)
    return int(number) if number else None


def images_in(folder: Path) -> list[Path]:
    """Return the images in a folder: EXR files or, where it has none, others. Raises InputError where it has none."""
    # A link that leads nowhere is a frame too: it fails by name, and is not left out without a word.
    files = [path for path in sorted(folder.iterdir()) if not (path.name.startswith(".") or path.is_dir())]
    images = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    if not images and (movies := [path for path in files if is_movie(path)]):
        return movies
    if not images:
        raise InputError(f"{folder} holds no images: give a folder with one sequence, or a pattern like plate.####.exr")
    return [path for path in images if path.suffix.lower() == ".exr"] or images


def _of_file(path: Path) -> Sequence:
    if is_movie(path):
        return _of_movie(path)
    head, number, tail = _split(path)
    frame = int(number) if number else 1
    return Sequence(str(path), (frame,), (), len(number), (path.parent, head, tail), {frame: path})


def _of_movie(path: Path, *, deinterlace: bool = False) -> Sequence:
    numbers = movie_at(path).info.frames
    folder, head, tail = frame_names(path, deinterlace=deinterlace)
    padding = digits(numbers)
    paths = {number: folder / f"{head}{number:0{padding}d}{tail}" for number in numbers}
    return Sequence(str(path), tuple(numbers), (), padding, (folder, head, tail), paths)


def _of_folder(folder: Path) -> Sequence:
    groups: dict[tuple[str, str, bool], dict[str, Path]] = {}
    images = images_in(folder)
    if is_movie(images[0]):
        if len(images) > 1:
            raise InputError(f"{folder} holds several movies ({_some(images)}): name one of them")
        return _of_movie(images[0])
    for path in images:
        head, number, tail = _split(path)
        groups.setdefault((head, tail, bool(number)), {})[number] = path
    if len(groups) > 1:
        names = ", ".join(sorted(f"{head}{'#' * numbered}{tail}" for head, tail, numbered in groups)[:8])
        raise InputError(f"{folder} holds several sequences ({names}): name one of them")
    ((head, tail, numbered), files), *_ = groups.items()
    if not numbered:
        return _of_file(files[""])
    return _sequence(folder, head, tail, files, str(folder))


def _of_pattern(text: str) -> Sequence:
    pattern = Pattern.of(text)
    if pattern is None:
        refuse_glob(text)
        raise InputError(f"{text}: no such file or folder, and no frame number in it (like plate.####.exr)")
    folder, head, tail = pattern.folder, pattern.head, pattern.tail
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        number = path.name[len(head) : len(path.name) - len(tail)]
        if not (path.name.startswith(head) and path.name.endswith(tail) and _NUMBER.fullmatch(number)):
            continue
        if (pattern.width == 1 or _is_padded(number, pattern.width)) and not path.is_dir():
            files[number] = path
    asked = parse_frames(pattern.span) if pattern.span else None
    if not files:
        raise InputError(f"{text}: no such sequence, no file in {folder} fits it")
    return _sequence(folder, head, tail, files, text, asked)


def refuse_glob(text: str) -> None:
    """Raise InputError for a pattern of a shell, of which no shell made files."""
    path = Path(text)
    if re.search(r"[*?]", path.name):
        meant = path.parent if path.stem == "*" else path.with_name(re.sub(r"[*?]+", "####", path.name))
        raise InputError(f"{text}: no such file or folder; # stands for a digit of the frame number: try {meant}")


def _is_padded(number: str, width: int) -> bool:
    """Whether a frame number is written with at least so many digits; its sign may count as one, as in C's %04d."""
    value = int(number)
    return number in (f"{value:0{width}d}", f"{value:0{width + (value < 0)}d}")


def _sequence(
    folder: Path, head: str, tail: str, files: Mapping[str, Path], given: str, asked: tuple[int, ...] | None = None
) -> Sequence:
    paths: dict[int, Path] = {}
    for number, path in files.items():
        twin = paths.setdefault(int(number), path)
        if twin != path:
            raise InputError(
                f"{given}: {twin.name} and {path.name} are both frame {int(number)}; write the padding out"
            )
    padding = _padding(files, given)
    if asked is not None:
        paths = {frame: paths[frame] for frame in asked if frame in paths}
        if not paths:
            raise InputError(f"{given}: none of its frames is in {folder}")
    frames = tuple(sorted(paths))
    wanted: Iterable[int] = asked if asked is not None else range(frames[0], frames[-1] + 1, _step(frames))
    if asked is None and len(range(frames[0], frames[-1] + 1, _step(frames))) - len(frames) > MOST_MISSING:
        raise InputError(
            f"{given} runs from frame {frames[0]} to {frames[-1]} with few between: give a range of frames"
        )
    missing = tuple(frame for frame in wanted if frame not in paths)
    pattern = str(folder / f"{head}{'#' * padding}{tail}")
    return Sequence(pattern, frames, missing, padding, (folder, head, tail), paths)


def _some(paths: list[Path], most: int = 8) -> str:
    return ", ".join(path.name for path in paths[:most])


def _padding(numbers: Iterable[str], given: str) -> int:
    digits = [number for number in numbers if not number.startswith("-")]
    digits = digits or [number.lstrip("-") for number in numbers]
    zero_led = {len(number) for number in digits if number.startswith("0") and len(number) > 1}
    shortest = min(map(len, digits))
    if len(zero_led) > 1 or (zero_led and shortest < min(zero_led)):
        raise InputError(
            f"{given} fits frame numbers of different paddings: write the padding out, like plate.####.exr"
        )
    return shortest


class OutputPattern:
    """The files that a result is written to."""

    def __init__(
        self, output: str | Path, source: Sequence, frames: Iterable[int] | None = None, *, kind: str = "EXR"
    ) -> None:
        """Take a pattern (`relit.####.exr`, `relit.%04d.exr`; a lone # takes the source's padding), or a folder.

        In a folder the source's file names are kept; a path that neither exists nor has a suffix is one. `frames` are
        those that will be written (all of the source's by default). Raises InputError where the pattern has no place
        for the frame number and there are several, where it names a range, or where it is not .exr.

        kind  EXR, or the suffix of other images, which are written in no folder that is not named with a pattern.
        """
        self._source, self._output = source, str(output)
        self._frames = tuple(source.frames if frames is None else frames)
        self._folder: Path | None = None
        path = Path(output)
        if path.is_dir() or not path.suffix or str(output).endswith(("/", "\\")):
            self._folder = path
            return
        pattern = Pattern.of(str(output))
        if kind == "EXR" and path.suffix.lower() != ".exr":
            raise InputError(f"{output}: expected a name that ends in .exr, or a folder")
        if pattern and pattern.span:
            raise InputError(f"{output}: an output pattern names no range; use --frames to choose frames")
        if pattern is None and len(self._frames) > 1:
            raise InputError(
                f"{output} has no place for the frame number and {len(self._frames)} frames go there: "
                "expected a name like relit.####.exr, or a folder"
            )
        self._pattern = pattern

    def __str__(self) -> str:
        """The pattern or folder, as it was given."""
        return self._output

    def path(self, frame: int) -> Path:
        """The file that a frame is written to."""
        if self._folder is not None:
            return self._folder / self._source.path(frame).with_suffix(".exr").name
        if self._pattern is None:
            return Path(self._output)
        return self._pattern.path(frame, self._source.padding)

    def refuse_overwriting(self, inputs: Iterable[Path] = ()) -> None:
        """Raise InputError if a result would replace a frame of the source or one of the given inputs.

        Files are compared, not names: a symbolic or hard link to an input is that input.
        """
        taken = {}
        given = (*inputs, *(self._source.path(frame) for frame in self._source.frames))
        for path in dict.fromkeys(map(file_of, given)):
            if path.exists():
                stat = path.stat()
                taken[stat.st_dev, stat.st_ino] = path
        for frame in self._frames:
            path = self.path(frame)
            if path.exists() and (found := taken.get((path.stat().st_dev, path.stat().st_ino))):
                raise InputError(f"frame {frame} would be written over the input {found}: choose another output")
