"""How large the header of an OpenEXR file may be, found out before a decoder sees it.

OpenEXR keeps attributes in a list that it searches for each name, so that a million of them take minutes. Layout:
https://openexr.com/en/latest/OpenEXRFileLayout.html
"""

from __future__ import annotations

import struct
from pathlib import Path

MAGIC = struct.pack("<i", 20000630)
MULTI_PART = 0x1000
MOST_HEADER_BYTES = 16 << 20
USUAL_HEADER_BYTES = 64 << 10
MOST_ATTRIBUTES = 4096
MOST_CHANNELS = 1024
MOST_PARTS = 256


def excess(path: Path) -> str | None:
    """Return what of a file's header is too much, None where nothing is, or where it has no header to be read.

    Attributes and channels are counted over all parts. Raises OSError.
    """
    start = b""
    with path.open("rb") as file:
        for most in (USUAL_HEADER_BYTES, MOST_HEADER_BYTES):
            start += file.read(most - len(start))
            if not start.startswith(MAGIC) or len(start) < 8:
                return None
            (version,) = struct.unpack_from("<i", start, 4)
            try:
                return _count(start, 8, multi_part=bool(version & MULTI_PART))
            except (ValueError, struct.error):
                if len(start) < most:  # It ends within its header, or is damaged, which is for the decoder to say.
                    return None
    return f"a header of more than {MOST_HEADER_BYTES} bytes"


def _count(header: bytes, at: int, *, multi_part: bool) -> str | None:
    """Return what is too much of the headers from `at` on. Raises ValueError and struct.error where they end early."""
    attributes = channels = 0
    for _ in range(MOST_PARTS):
        begun = at
        while header[at : at + 1] != b"\0":
            end_of_name = header.index(b"\0", at)
            end_of_type = header.index(b"\0", end_of_name + 1)
            (size,) = struct.unpack_from("<i", header, end_of_type + 1)
            value = end_of_type + 5
            if size < 0:
                raise ValueError(f"an attribute has {size} bytes")
            attributes += 1
            if header[end_of_name + 1 : end_of_type] == b"chlist":
                channels += _channels(header, value, value + size)
            if attributes > MOST_ATTRIBUTES:
                return f"more than {MOST_ATTRIBUTES} attributes"
            if channels > MOST_CHANNELS:
                return f"more than {MOST_CHANNELS} channels"
            at = value + size
            if at > len(header):
                raise ValueError("the header ends within an attribute")
        if not multi_part or at == begun:  # The parts end with an empty header.
            return None
        at += 1
    return f"more than {MOST_PARTS} parts"


def _channels(header: bytes, at: int, end: int) -> int:
    """Return how many channels a list has, as far as it goes: each is a name, its end and 16 bytes."""
    count = 0
    while at < end and header[at : at + 1] != b"\0" and count <= MOST_CHANNELS:
        at = header.index(b"\0", at) + 17
        count += 1
    return count
