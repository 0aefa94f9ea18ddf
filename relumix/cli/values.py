"""Values of options that argparse has no type for. Each raises InputError for what it cannot read."""

from __future__ import annotations

from relumix.errors import InputError


def size(text: str) -> tuple[int, int]:
    """Return (width, height) of a text as 256x160."""
    try:
        width, height = (int(part) for part in text.split("x"))
    except ValueError:
        width = height = 0
    if width < 1 or height < 1:
        raise InputError(f"got --size {text}, expected WIDTHxHEIGHT in pixels, such as 256x160")
    return width, height
