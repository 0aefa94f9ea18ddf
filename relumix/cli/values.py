"""Values of options that argparse has no type for. Each raises InputError for what it cannot read."""

from __future__ import annotations

from relumix.errors import InputError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def size(text: str) -> tuple[int, int]:
    """Return (width, height) of a text as 256x160."""
    try:
        width, height = (int(part) for part in text.split("x"))
    except ValueError:
        width = height = 0
    if width < 1 or height < 1:
        raise InputError(f"got --size {text}, expected WIDTHxHEIGHT in pixels, such as 256x160")
    return width, height


def byte_count(text: str) -> int:
    """Return a count of bytes from `1000`, `500M` or `2G`. Raises InputError."""
    number, unit = (text[:-1], text[-1:].upper()) if text[-1:].isalpha() else (text, "")
    if not number.isascii() or not number.isdecimal() or unit not in _UNITS:
        raise InputError(f"'{text}' is no count of bytes: expected something like 500M or 2G")
    return int(number) * _UNITS[unit]
