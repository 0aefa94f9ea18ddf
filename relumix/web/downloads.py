"""What can be taken home: frames in a ZIP, a movie, and the command that makes the same."""

from __future__ import annotations

import shlex
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Literal, cast

from relumix.movie.codecs import WRITTEN_SUFFIXES
from relumix.web.clips import Clip, Reference
from relumix.web.errors import RefusedError
from relumix.web.jobs import Order

Movie = Literal["movie", "before-after"]
MOVIES: tuple[Movie, ...] = ("movie", "before-after")

_PIECE_BYTES = 1 << 20
_MAPS = ("--position", "--normals", "--depth", "--albedo")
_PATHS = frozenset({"--to", "--lights", "--estimate", "--model", "--output", *_MAPS})
"""Options of `relumix reference` that name files or folders."""


def commands(clip: Clip, order: Order, *, local: bool) -> str:
    """Return what makes a clip's result, for a shell: each reference that a command made, then the shot.

    local  whether whoever reads it sees this machine's files; others, and those that go with the session, are called as
           in the ZIP.
    """

    def called(path: Path) -> Path:
        return path if local and clip.folder.parent not in path.parents else Path(path.name)

    def word(text: str) -> str:
        option, _, value = text.partition("=")
        return f"{option}={called(Path(value))}" if option in _PATHS else text

    pattern = clip.source.pattern
    stays = local and clip.folder.parent not in Path(pattern).parents
    source = pattern if stays else clip.shown_source
    lines = []
    for reference in clip.given.values():
        if reference.command:
            words = [source if each == pattern else word(each) for each in reference.command]
            lines += _made(reference, shlex.join(["relumix", *words]))
    files = {frame: called(path) for frame, path in order.references.items()}
    here = replace(order, source=source, references=files, folder=Path())
    return "\n".join([*lines, shlex.join(["relumix", *here.arguments()])])


def _made(reference: Reference, command: str) -> list[str]:
    """Return the lines of the command that made a reference; told alone where that had to be coded as the plate is."""
    if not reference.coded:
        return [command]
    lines = command.split("\n")  # what a visitor wrote may be of several
    what = "the next line" if len(lines) == 1 else f"the next {len(lines)} lines"
    return [f"# {line}" for line in (f"{reference.path.name} was made by {what}, and coded as the plate is", *lines)]


def archive(files: Sequence[tuple[str, Path]], texts: Sequence[tuple[str, str]]) -> Iterator[bytes]:
    """Yield a ZIP of files and texts, each by the name in it, piece by piece: it is nowhere as a whole."""
    sink = _Sink()
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_STORED) as made:
        for name, text in texts:
            made.writestr(name, text)
        for name, path in files:
            entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
            with path.open("rb") as source, made.open(entry, "w", force_zip64=True) as kept:
                while piece := source.read(_PIECE_BYTES):
                    kept.write(piece)
                    yield sink.take()
    yield sink.take()


@dataclass
class _Sink:
    """A file that is written to, and forgets what was taken of it."""

    held: bytes = b""

    def write(self, data: bytes) -> int:
        self.held += data
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        held, self.held = self.held, b""
        return held


def contents(clip: Clip, kind: str) -> list[tuple[str, Path]]:
    """Return the files of a ZIP of results ("result", with the references), gain or confidence, by name in it."""
    made = sorted(clip.made())
    if not made:
        raise RefusedError(409, "no frame is made yet")
    files = [clip.result(kind, frame) for frame in made]
    named = [(f"{path.parent.name}/{path.name}", path) for path in files if path.is_file()]
    if kind == "result":
        kept = [path for reference in clip.given.values() for path in (reference.path, *reference.files)]
        named += [(path.name, path) for path in kept]
    return named


def movie_order(clip: Clip, kind: Movie) -> Order:
    """Return what makes a movie of a clip's result.

    Plate and result side by side are made by the job's own command, which finds its frames made; the result alone is
    relit once more, straight into the movie. Raises RefusedError where the shot is not relit.
    """
    if clip.job is None or clip.job.told.state != "done":
        raise RefusedError(409, "the shot is not relit yet")
    path = _movie_path(clip, kind)
    path.parent.mkdir(exist_ok=True)
    order = clip.job.order
    if kind == "movie":
        return replace(order, movie=path)
    return replace(order, options=(*order.options, f"--preview={path}"))


def movie(clip: Clip, kind: Movie) -> Path:
    """Return the file of a movie that was made. Raises RefusedError where it was not."""
    path = _movie_path(clip, kind)
    if not path.is_file():
        raise RefusedError(409, "the movie is not made yet")
    return path


def movies(clip: Clip) -> list[Movie]:
    """Return which movies are there."""
    return [kind for kind in MOVIES if _movie_path(clip, kind).is_file()]


def remove_movies(clip: Clip) -> None:
    """Remove the movies of a result that is to be made anew."""
    shutil.rmtree(clip.results / "movies", ignore_errors=True)


def _movie_path(clip: Clip, kind: Movie) -> Path:
    """Return where a movie is: one of the result is of the clip's own kind, or ProRes."""
    own = Path(clip.source.pattern).suffix.lower()
    suffix = ".mp4" if kind == "before-after" else own if own in WRITTEN_SUFFIXES else ".mov"
    return clip.results / "movies" / f"{kind}{suffix}"
