"""A movie as a shot: its frames have paths, like files in a folder, and open like images.

The path of a frame lies below that of its movie: frame 1001 of clip.mov is clip.mov/clip.1001.mov, and, made whole from
its two fields, clip.mov/deinterlaced/clip.1001.mov. So whatever takes the files of a shot by number takes a movie, and
`images.opened` opens its frames. Where a file itself is asked for, as for its date, `file_of` names it. A further video
stream is a movie of its own: the second of clip.mov is clip.mov/stream2, and its frames lie below that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from relumix.errors import InputError, LostFrameError
from relumix.shot.image_error import ImageError
from relumix.types import Float32
from relumix.util.extras import MissingPackageError, needed

if TYPE_CHECKING:
    from relumix.movie import Movie

MOVIE_SUFFIXES = frozenset(
    {".mov", ".mp4", ".m4v", ".3gp", ".mkv", ".webm", ".avi", ".mxf", ".mts", ".m2ts", ".ts", ".mpg", ".mpeg"}
)
"""Movies that are read."""

RAW_SUFFIXES = frozenset({".r3d", ".braw", ".ari", ".crm", ".wmv"})
"""Movies that no free decoder reads."""

FORMAT = "movie"
"""What a frame of a movie says as the name of its format."""

SPACE_ATTRIBUTE = "relumix:colorspace"
"""What a frame's spec, or its header on the way to a server, calls the colour space that its values are in."""

UNKNOWN_SPACE = "unknown"
"""What that says where the movie does not tell."""

_FIELDS = {"tff": "upper", "bff": "lower"}

_DEINTERLACED = "deinterlaced"
_STREAM = re.compile(r"stream([1-9]\d?)")
_LEAST_DIGITS = 4
_MOST_OPEN = 4
"""Movies that are kept open: a plate, a relit version, mattes, and one more."""


@dataclass(frozen=True)
class MovieFrame:
    """Frame `frame` of the movie `movie`; deinterlace: whether it is made whole from its fields."""

    movie: Path
    frame: int
    deinterlace: bool = False

    @classmethod
    def at(cls, path: Path) -> MovieFrame | None:
        """Return the frame that a path names, None where it names none of a movie that is there."""
        if path.suffix.lower() not in MOVIE_SUFFIXES or path.parent == path:
            return None
        deinterlace = path.parent.name == _DEINTERLACED
        movie = path.parent.parent if deinterlace else path.parent
        number = path.stem.rpartition(".")[2]
        if not number.isdecimal() or not is_movie(movie):
            return None
        return cls(movie, int(number), deinterlace)

    @property
    def opened(self) -> Movie:
        """The movie, open. Raises InputError."""
        return movie_at(self.movie, deinterlace=self.deinterlace)


def stream_of(movie: Path) -> tuple[Path, int]:
    """Return the file of a movie, and which of its video streams is meant, from 1 on."""
    match = _STREAM.fullmatch(movie.name)
    return (movie.parent, int(match[1])) if match and movie.parent.suffix.lower() in MOVIE_SUFFIXES else (movie, 1)


def is_movie(path: Path) -> bool:
    """Tell whether a path is that of a movie that is read. Raises InputError for one of a kind that is not."""
    path, _ = stream_of(path)
    suffix = path.suffix.lower()
    if suffix in RAW_SUFFIXES and path.is_file():
        raise InputError(
            f"{path} is of a kind that only its maker's programs decode: export it as ProRes, or as OpenEXR frames"
        )
    return suffix in MOVIE_SUFFIXES and path.is_file()


def frame_names(movie: Path, *, deinterlace: bool) -> tuple[Path, str, str]:
    """Return what the paths of a movie's frames are made of: their folder, and what is before and behind the number."""
    file, _ = stream_of(movie)
    return movie / _DEINTERLACED if deinterlace else movie, f"{file.stem}.", file.suffix


def frame_path(movie: Path, frame: int, frames: range) -> Path:
    """Return the path of a frame of a movie that has the frames `frames`."""
    folder, head, tail = frame_names(movie, deinterlace=False)
    return folder / f"{head}{frame:0{digits(frames)}d}{tail}"


def deinterlaced(path: Path) -> Path:
    """Return an image or, of a movie, the same frame made whole from its fields."""
    found = MovieFrame.at(path)
    return frame_names(found.movie, deinterlace=True)[0] / path.name if found else path


def digits(frames: range) -> int:
    """Return the least number of digits of a frame number."""
    return max(_LEAST_DIGITS, len(str(frames[0])))


def file_of(path: Path) -> Path:
    """Return the file that holds an image: itself or, for a frame of a movie, that."""
    found = MovieFrame.at(path)
    return stream_of(found.movie if found else path)[0]


def sent_name(path: Path) -> str:
    """Return the name of an image, without folders, as servers get it: frames of movies reach them as OpenEXR."""
    return path.with_suffix(".exr").name if MovieFrame.at(path) else path.name


def movie_at(path: Path, *, deinterlace: bool = False) -> Movie:
    """Return a movie, open. It stays open for who asks next, as long as few others are asked for.

    Raises InputError where it cannot be opened, MissingPackageError without the package that reads movies.
    """
    file, stream = stream_of(path)
    try:
        stat = file.stat()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    try:
        return _opened(file.absolute(), deinterlace, stream, stat.st_size, stat.st_mtime_ns)
    except MissingPackageError:
        raise
    except InputError as error:
        raise InputError(str(error).replace(str(file.absolute()), str(file))) from error


def told_of_movie(path: Path, *, deinterlace: bool) -> Iterator[str]:
    """Yield what is unusual about a movie, a line each. Raises InputError where it cannot be opened."""
    movie = movie_at(path, deinterlace=deinterlace)
    info, order = movie.info, movie.field_order
    if order and not info.interlaced:
        done = "they are made whole" if deinterlace else "they are relit as they are (--deinterlace makes them whole)"
        yield f"{path} says that its frames are whole, and they look interlaced: {done}"
    elif info.interlaced and not deinterlace:
        yield f"{path} is interlaced: frames are relit with both fields in them (--deinterlace makes them whole)"
    elif deinterlace and not info.interlaced:
        yield f"{path} is not interlaced: there is nothing to deinterlace"
    said = movie.said_order if deinterlace and info.interlaced and order else order
    if said and said != order:
        yield f"{path} says that the {_FIELDS[said]} field comes first, and it is the other: deinterlaced so"
    if info.turning:
        yield f"{path} is shown {info.turning}: its frames are read, and written, upright"
    for part in info.unread:
        yield f"{path} holds {part}"
    for words in info.odd:
        yield f"{path} {words}"
    if info.uneven:
        yield f"{path} shows its frames at uneven times: they are numbered in the order in which they are shown"


@lru_cache(maxsize=_MOST_OPEN)
def _opened(path: Path, deinterlace: bool, stream: int, size_bytes: int, changed_ns: int) -> Movie:
    with needed("a movie", "local"):
        from relumix.movie import Movie  # noqa: PLC0415  a client of image files need not have the package
    return Movie(path, deinterlace=deinterlace, stream=stream)


class MovieImage:
    """A frame of a movie as an open image: what is used here of an oiio.ImageInput, for one part of one level.

    Its pixels are float, as coded in the movie's colour space, which `SPACE_ATTRIBUTE` of its spec names; alpha is as
    stored.
    """

    has_error = False

    def __init__(self, at: MovieFrame) -> None:
        """Open it. Raises ImageError where the movie cannot be opened, or has no such frame."""
        try:
            self._movie, self._frame = at.opened, at.frame
        except InputError as error:
            raise ImageError(str(error)) from error
        if self._frame not in self._movie.info.frames:
            raise ImageError("the movie has no such frame")

    def format_name(self) -> str:
        """Say what it is."""
        return FORMAT

    def seek_subimage(self, part: int, level: int) -> bool:
        """Tell whether it has a part and level."""
        return part == 0 and level == 0

    def spec(self) -> Any:
        """Return its oiio.ImageSpec."""
        info = self._movie.info
        spec = oiio.ImageSpec(info.width, info.height, info.channels, "float")
        spec.channelnames = tuple("RGBA"[: info.channels])
        spec.attribute("PixelAspectRatio", float(info.pixel_aspect))
        spec.attribute("FramesPerSecond", oiio.TypeDesc("rational"), info.rate.as_integer_ratio())
        spec.attribute(SPACE_ATTRIBUTE, info.colour.space or UNKNOWN_SPACE)
        if words := info.timecode_words(self._frame):
            spec.attribute("smpte:TimeCode", oiio.TypeDesc("timecode"), words)
        return spec

    def read_image(self, part: int, level: int, first: int, last: int, kind: str) -> NDArray[Any]:
        """Return channels [h, w, last - first] as floats, whatever `kind` asks for. Raises ImageError."""
        try:
            pixels: Float32 = self._movie.read(self._frame)
        except LostFrameError as error:
            raise ImageError(error.reason) from error
        return np.ascontiguousarray(pixels[..., first:last])

    def geterror(self) -> str:
        """Return no error: they are raised."""
        return ""

    def close(self) -> None:
        """Leave the movie open for its other frames."""
