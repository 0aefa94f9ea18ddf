"""Marks in previews and contact sheets, by which a rerun knows its own from files of somebody else."""

from __future__ import annotations

from pathlib import Path

import av
from PIL import Image, UnidentifiedImageError

from relumix.movie.container import opened

MARK = "relumix preview"
"""What a movie's comment and a picture's Exif say."""

_SOFTWARE = 0x0131
"""The tag of Exif for what made a picture."""


def exif() -> Image.Exif:
    """Return the Exif of a picture that is ours."""
    found = Image.Exif()
    found[_SOFTWARE] = MARK
    return found


def is_foreign(path: Path) -> bool:
    """Tell whether a file is there which is no preview, and no contact sheet (PNG), of ours."""
    if not path.exists():
        return False
    said = _said_by_picture(path) if path.suffix.lower() == ".png" else _said_by_movie(path)
    return said != MARK


def _said_by_picture(path: Path) -> str:
    try:
        with Image.open(path) as image:
            return str(image.getexif().get(_SOFTWARE, ""))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):  # Pillow's word for a broken PNG
        return ""


def _said_by_movie(path: Path) -> str:
    try:
        with opened(path) as movie:
            return str(movie.metadata.get("comment", ""))
    except (av.error.FFmpegError, OSError):
        return ""
