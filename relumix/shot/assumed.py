"""The colour space of files that say little of it, where nobody names one."""

from __future__ import annotations

from typing import Any

from relumix.color import cineon
from relumix.color.spaces import DEFAULT_INTEGER_SPACE, VIDEO_SPACE
from relumix.shot.movie_frames import SPACE_ATTRIBUTE, UNKNOWN_SPACE
from relumix.shot.rgba_image import is_whole

_LOG_FORMATS = ("dpx", "cineon")
_DPX_SPACES = {"linear": None} | dict.fromkeys(("unspecified video", "smpte 274m", "itu-r 709-4"), VIDEO_SPACE)
"""What a DPX file may say of its transfer other than log density."""


def named_space(spec: Any) -> str | None:
    """Return the colour space that an image names in its own words, or its movie's tags name; None where none."""
    said: str = spec.get_string_attribute(SPACE_ATTRIBUTE)
    return said if said not in ("", UNKNOWN_SPACE) else None


def is_of_movie(spec: Any) -> bool:
    """Tell whether an image is a frame of a movie, also one that came by way of a client."""
    return bool(spec.get_string_attribute(SPACE_ATTRIBUTE))


def says_space(file_format: str, spec: Any) -> bool:
    """Tell whether `assumed_space` goes by an image's own words."""
    if is_of_movie(spec):
        return named_space(spec) is not None
    transfer = spec.get_string_attribute("dpx:Transfer").casefold()
    return file_format == "openexr" or transfer in (*_DPX_SPACES, "logarithmic", "printing density")


def is_coded(file_format: str, spec: Any) -> bool:
    """Tell whether an image holds codes of a display or a camera, as those of movies and of whole numbers do."""
    return is_of_movie(spec) or (file_format != "openexr" and is_whole(spec))


def is_log(file_format: str) -> bool:
    """Tell whether files of a format are made for log."""
    return file_format in _LOG_FORMATS


def assumed_space(file_format: str, spec: Any) -> str | None:
    """Return the OCIO name of the colour space that an image is taken to be in; None for scene-linear.

    file_format  as OpenImageIO names it, or movie_frames.FORMAT.
    spec         its oiio.ImageSpec.

    A movie is what its tags say, else Rec.709 video; DPX and Cineon files are log as Kodak made it, unless their header
    says otherwise; others are sRGB where they hold whole numbers, and else scene-linear.
    """
    if is_of_movie(spec):
        return named_space(spec) or VIDEO_SPACE
    if file_format in _LOG_FORMATS:
        transfer = spec.get_string_attribute("dpx:Transfer").casefold()
        return _DPX_SPACES.get(transfer, cineon.NAME)
    return DEFAULT_INTEGER_SPACE if file_format != "openexr" and is_whole(spec) else None


def told_assumed(path: str, space: str | None) -> str:
    """Return the line that says what the files of a plate are taken for."""
    return f"{path} does not say what colour it is: taken for {space or 'scene-linear'} (--colorspace says otherwise)"
