"""Text for people, and for programs that read it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any


def number_of(count: int, noun: str) -> str:
    """Return a count and what is counted: 1 frame, 5 frames."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def first_of(things: Sequence[object], most: int = 6) -> str:
    """Return things in a row, the first of them where they are many: 1001, 1002 and 3 more."""
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return f"{', '.join(map(str, things[:most]))}{more}"


def one_line(text: str) -> str:
    """Return a text with escapes for what is not printable: ends of lines, control characters and bidirectional marks,
    terminal sequences, and bytes that are no UTF-8, all of which names of files can have.
    """
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


def is_utf8(text: str) -> bool:
    """Tell whether a text can be said in UTF-8: what Python read of a file name's other bytes cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def from_utf8(text: str) -> str:
    """Return a text of the command line that is UTF-8, whatever the locale made of its bytes; what is not, as it is."""
    try:
        return os.fsencode(text).decode("utf-8")
    except UnicodeError:
        return text


def as_json(value: Any, *, encoding: str | None = "utf-8", indent: int | None = None) -> str:
    """Return plain data as JSON: its letters as they are where the encoding has all of them, else escaped.

    Bytes of file names that are no UTF-8 are lone surrogates, \\udc80 to \\udcff, as Python reads names.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text
