"""Image files through OpenImageIO: opening them, and errors that can be read."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from relumix.shot.box import Box
from relumix.shot.image_error import ImageError as ImageError  # noqa: PLC0414  whoever opens images names it
from relumix.shot.movie_frames import MovieFrame, MovieImage
from relumix.util.native_name import native_name

NUMPY_TYPES = {"half": np.float16, "float": np.float32, "uint": np.uint32, "uint8": np.uint8, "uint16": np.uint16}

DPX_RATES = ("dpx:FrameRate", "dpx:TemporalFrameRate")
"""What OpenImageIO calls the frame rate in DPX files."""

_MOST_FRAMES_PER_SECOND = 2000
_VIDEO_RATES = tuple(nominal * 1000 / 1001 for nominal in (24, 30, 48, 60, 120))
_ROUNDED = 0.006
"""How far a decimal with two digits behind the point is from what it is short for, and a little."""

# OpenEXR starts its messages with the path and the names of its error codes.
_EXR_WORDS = re.compile(r"^EXR Error \(.*?\): |\(?\bEXR_ERR_\w+\)? ", re.MULTILINE)


def what_went_wrong(source: Any = oiio) -> str:
    """The pending error of OpenImageIO (or of one of its inputs and outputs) as one line; clears it."""
    try:
        text = _EXR_WORDS.sub("", source.geterror())
    except UnicodeDecodeError:  # A damaged file's own bytes are quoted in the message.
        text = "its header is damaged"
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return words or "OpenImageIO gives no reason"


@contextmanager
def opened(path: Path, *, unassociated: bool = False) -> Iterator[Any]:
    """An open oiio.ImageInput or, for a frame of a movie, a movie_frames.MovieImage. Raises ImageError.

    unassociated  keep colour and alpha as stored, where OpenImageIO would premultiply.
    """
    if frame := MovieFrame.at(path):
        yield MovieImage(frame)
        return
    _look_for(path)
    hints = oiio.ImageSpec()
    if unassociated:
        hints.attribute("oiio:UnassociatedAlpha", 1)
    with native_name(path) as name:
        try:
            image = oiio.ImageInput.open(name, hints)
        except UnicodeDecodeError:
            image = None
        if image is None:
            raise ImageError(what_went_wrong())
        try:
            yield image
        finally:
            image.close()


def _look_for(path: Path) -> None:
    """Raise ImageError where there is no file, or the system does not let it be seen."""
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        raise ImageError("there is no such file") from None
    except OSError as error:
        raise ImageError(str(error.strerror)) from None
    except ValueError:
        raise ImageError("no file has a name with such letters in it") from None
    if stat.S_ISDIR(kind):
        raise ImageError("it is a folder: expected a file")
    if not stat.S_ISREG(kind):
        raise ImageError("there is no such file")


def spec_of(image: Any, part: int, level: int = 0) -> Any | None:
    """The oiio.ImageSpec of a mip level of a part, or None where there is none. Raises ImageError."""
    try:
        found = image.seek_subimage(part, level)
        return image.spec() if found else None
    except UnicodeDecodeError:
        raise ImageError("its header holds text that is not UTF-8") from None
    finally:
        if image.has_error:
            what_went_wrong(image)


def pixels_of(image: Any, part: int, level: int, channels: range, kind: str) -> NDArray[Any]:
    """Channels of a mip level of a part, [h, w, len(channels)] in the type that `kind` names. Raises ImageError."""
    pixels = image.read_image(part, level, channels.start, channels.stop, kind)
    if pixels is None or image.has_error:
        raise ImageError(what_went_wrong(image))
    return np.asarray(pixels, NUMPY_TYPES[kind])


def data_window(spec: Any) -> Box:
    """The data window of an image."""
    return Box(spec.x, spec.y, spec.width, spec.height)


def display_window(spec: Any) -> Box:
    """The display window of an image."""
    return Box(spec.full_x, spec.full_y, spec.full_width, spec.full_height)


def frames_per_second(spec: Any) -> float | None:
    """The frame rate in the file, above 0; None where it has none.

    DPX has it as a decimal, in its film header, or that of television: the rate of video that it is short for is meant.
    """
    rate = spec.getattribute("FramesPerSecond")
    if isinstance(rate, tuple) and min(rate) > 0:
        return float(rate[0] / rate[1])
    said = next(filter(None, map(spec.get_float_attribute, DPX_RATES)), 0.0)
    if not 0 < said <= _MOST_FRAMES_PER_SECOND:  # headers that say nothing hold any bits there
        return None
    return next((rate for rate in _VIDEO_RATES if abs(said - rate) < _ROUNDED), float(said))


def timecode_in(spec: Any) -> str | None:
    """hh:mm:ss:ff of a SMPTE 12M time code, or hh:mm:ss;ff of one with dropped frames; None without.

    It has a decimal digit in every four bits, and flags above some.
    """
    code = spec.getattribute("smpte:TimeCode")
    if code is None:
        return None
    bits = int(code[0])
    fields = [
        (bits >> shift & 15) + 10 * (bits >> shift + 4 & mask) for shift, mask in ((24, 3), (16, 7), (8, 7), (0, 3))
    ]
    hours, minutes, seconds, frames = fields
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if bits & 1 << 6 else ':'}{frames:02d}"
