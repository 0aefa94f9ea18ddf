"""What can be taken home: frames in a ZIP, a movie, and the command that makes the same."""

from __future__ import annotations

import shlex
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

from relumix.movie.codecs import WRITTEN_SUFFIXES
from relumix.web.clips import Clip
from relumix.web.commands import WENT_TO_THE_END, complaint, run
from relumix.web.errors import RefusedError
from relumix.web.jobs import Order

MOVIE_SECONDS = 1800.0
_PIECE_BYTES = 1 << 20


def command_line(clip: Clip, order: Order, *, local: bool) -> str:
    """Return the command that makes a clip's result, for a shell.

    local  whether whoever reads it sees this machine's files; others, and those that go with the session, are called as
           in the ZIP.
    """

    def stays(path: Path) -> bool:
        return local and clip.folder.parent not in path.parents

    pattern = clip.source.pattern
    source = pattern if stays(Path(pattern)) else clip.shown_source
    files = {frame: path if stays(path) else Path(path.name) for frame, path in order.references.items()}
    here = replace(order, source=source, references=files, folder=Path())
    return shlex.join(["relumix", *here.arguments()])


def archive(files: Sequence[tuple[str, Path]], texts: Sequence[tuple[str, str]]) -> Iterator[bytes]:
    """Yield a ZIP of files and texts, each by the name in it, piece by piece: it is nowhere as a whole."""
    sink = _Sink()
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_STORED) as made:
        for name, text in texts:
            made.writestr(name, text)
        for name, path in files:
            with (
                path.open("rb") as source,
                made.open(zipfile.ZipInfo.from_file(path, name), "w", force_zip64=True) as kept,
            ):
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
        named += [(reference.path.name, reference.path) for reference in clip.references.values()]
    return named


def before_after(clip: Clip) -> Path:
    """Return a movie of plate and result side by side: made by the job's own command, which finds its frames made."""
    return _movie(clip, "before_after", ".mp4", lambda order, path: [*order.arguments(), f"--preview={path}"])


def movie(clip: Clip) -> Path:
    """Return the result as a movie: of the clip's own kind, or ProRes; it is relit once more, straight into that."""
    suffix = Path(clip.source.pattern).suffix.lower()
    suffix = suffix if suffix in WRITTEN_SUFFIXES else ".mov"
    return _movie(clip, "relit", suffix, lambda order, path: [*order.inputs(), f"--output={path}"])


def _movie(clip: Clip, name: str, suffix: str, arguments: Callable[[Order, Path], Sequence[str]]) -> Path:
    """Return a movie that `relumix relight` with these arguments makes; once made it is kept as long as the result.

    Raises RefusedError.
    """
    if clip.job is None or clip.job.told.state != "done":
        raise RefusedError(409, "the shot is not relit yet")
    path = clip.results / f"{name}.{clip.job.told.seconds:.3f}{suffix}"
    with clip.lock:
        if not path.is_file():
            words = [*arguments(clip.job.order, path), *clip.job.server_arguments(), "--progress=none"]
            done = run(words, clip.job.order.folder, MOVIE_SECONDS)
            if done.returncode not in WENT_TO_THE_END:
                raise RefusedError(422, complaint(done.stderr, done.returncode))
    return path
