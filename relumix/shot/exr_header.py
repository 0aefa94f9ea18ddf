"""The header of an OpenEXR file as bytes, so that it can be carried from one file to another exactly.

OpenImageIO translates attributes on the way in and out, loses the types that it does not know, adds a capture date of
its own and cannot write integer channels unrounded. A relit file therefore gets its pixels from OpenImageIO and its
header from the plate. Layout: https://openexr.com/en/latest/OpenEXRFileLayout.html
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

MAGIC = 20000630
LONG_NAMES, MULTI_PART = 0x400, 0x1000
UINT, HALF, FLOAT = 0, 1, 2
LONGEST_SHORT_NAME = 31
MOST_BYTES = 256 << 20
"""A header attribute above this size is damage, not data."""

TABLE_BLOCK_BYTES = 1 << 15

STORAGE = frozenset({"channels", "compression", "tiles", "lineOrder", "type", "version", "chunkCount"})
"""The attributes that say how the pixels of this very file are stored; all others describe the picture."""

COMPRESSION_CODES = (
    "none",
    "rle",
    "zips",
    "zip",
    "piz",
    "pxr24",
    "b44",
    "b44a",
    "dwaa",
    "dwab",
    "htj2k256",
    "htj2k32",
)
"""What OpenImageIO calls the compressions, each at the place of its number in the header."""


class HeaderError(Exception):
    """The file does not start with an OpenEXR header, or ends before its chunks do. Its text is one line."""


@dataclass(frozen=True)
class Attribute:
    """A header attribute: the name of its type and its value as stored."""

    type: str
    value: bytes

    @staticmethod
    def of(value: str | int | float) -> Attribute:
        """The attribute that stores a string, a whole number of 32 bits or a float; ValueError for others."""
        if isinstance(value, str):
            return Attribute("string", value.encode())
        try:
            return Attribute("int", struct.pack("<i", value)) if isinstance(value, int) else _float(value)
        except struct.error:
            raise ValueError(f"{value} does not fit an OpenEXR attribute: expected 32 bits") from None


@dataclass(frozen=True)
class Channel:
    """An entry of the channel list. type: UINT, HALF or FLOAT; sampling: every so many pixels in x and y."""

    name: str
    type: int
    perceptually_linear: int
    sampling: tuple[int, int]


Header = Mapping[str, Attribute]


def _float(value: float) -> Attribute:
    return Attribute("float", struct.pack("<f", value))


def read_headers(path: Path) -> tuple[int, tuple[Header, ...]]:
    """The version field of an OpenEXR file and the header of each of its parts. Raises HeaderError and OSError."""
    with path.open("rb") as file:
        version, headers, _ = _read(file)
    return version, headers


def _read(file: BinaryIO) -> tuple[int, tuple[Header, ...], int]:
    """The version, the headers and the place of the byte after them."""
    magic, version = _unpack(file, "<ii")
    if magic != MAGIC:
        raise HeaderError("this is no OpenEXR file")
    headers = [_read_header(file)]
    while version & MULTI_PART and (header := _read_header(file)):
        headers.append(header)
    return version, tuple(headers), file.tell()


def _read_header(file: BinaryIO) -> Header:
    header = {}
    while name := _read_name(file):
        kind = _read_name(file)
        (size,) = _unpack(file, "<i")
        if not 0 <= size <= MOST_BYTES:
            raise HeaderError(f"its attribute {name!r} has {size} bytes")
        header[name] = Attribute(kind, _take(file, size))
    return header


def _take(file: BinaryIO, size: int) -> bytes:
    taken = file.read(size)
    if len(taken) != size:
        raise HeaderError("the file ends within its header")
    return taken


def _unpack(file: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, _take(file, struct.calcsize(layout)))


def _read_name(file: BinaryIO) -> str:
    name = b""
    while (byte := _take(file, 1)) != b"\0":
        name += byte
        if len(name) > 255:
            raise HeaderError("a name in its header has no end")
    return name.decode("utf-8", "surrogateescape")


def channels(header: Header) -> tuple[Channel, ...]:
    """The channel list of a part, in the order of the file. Raises HeaderError where it is damaged or absent."""
    return tuple(_channels(header["channels"].value)) if "channels" in header else ()


def _channels(value: bytes) -> Iterator[Channel]:
    place = 0
    while place < len(value) and value[place]:
        end = value.find(b"\0", place)
        if end < 0 or end + 17 > len(value):
            raise HeaderError("its channel list is cut short")
        kind, linear, x, y = struct.unpack_from("<iB3xii", value, end + 1)
        yield Channel(value[place:end].decode("utf-8", "surrogateescape"), kind, linear, (x, y))
        place = end + 17


def compression_name(header: Header) -> str:
    """The compression of a part as OpenImageIO names it; '' for one that this module does not know."""
    code = header["compression"].value[0] if "compression" in header else -1
    return COMPRESSION_CODES[code] if 0 <= code < len(COMPRESSION_CODES) else ""


def channel_list(entries: Sequence[Channel]) -> Attribute:
    """The attribute that holds these channels."""
    packed = [
        entry.name.encode("utf-8", "surrogateescape")
        + b"\0"
        + struct.pack("<iB3xii", entry.type, entry.perceptually_linear, *entry.sampling)
        for entry in entries
    ]
    return Attribute("chlist", b"".join(packed) + b"\0")


def _pack(version: int, headers: Sequence[Header]) -> bytes:
    if any(len(name.encode("utf-8", "surrogateescape")) > LONGEST_SHORT_NAME for header in headers for name in header):
        version |= LONG_NAMES
    packed = [struct.pack("<ii", MAGIC, version)]
    for header in headers:
        for name, attribute in header.items():
            packed += [name.encode("utf-8", "surrogateescape"), b"\0", attribute.type.encode(), b"\0"]
            packed += [struct.pack("<i", len(attribute.value)), attribute.value]
        packed.append(b"\0")
    return b"".join(packed) + (b"\0" if version & MULTI_PART else b"")


def _read_offsets(file: BinaryIO, start: int) -> NDArray[np.uint64]:
    """The table of chunk offsets that starts there. It ends where the first of the chunks begins."""
    tables: list[NDArray[np.uint64]] = []
    place, first_chunk = start, np.uint64(2**63)
    while place < first_chunk:
        entries = np.frombuffer(file.read(TABLE_BLOCK_BYTES), np.uint8)
        words = entries[: entries.size // 8 * 8].view("<u8")
        if not words.size:
            break
        nearest = np.minimum.accumulate(np.minimum(words, first_chunk))
        ends = np.uint64(place) + np.arange(8, 8 * words.size + 8, 8, dtype=np.uint64)
        last = np.flatnonzero(ends >= nearest)
        count = int(last[0]) + 1 if last.size else words.size
        tables.append(words[:count])
        place, first_chunk = int(ends[count - 1]), nearest[count - 1]
    if place != first_chunk:
        raise HeaderError("some of its chunks were not written")
    return np.concatenate(tables)


def transplant(pixels: Path, target: Path, headers: Sequence[Header], version: int) -> None:
    """Write to `target` the chunks of the file `pixels` under other headers, one a part.

    What says how the chunks are stored (STORAGE) is taken from `pixels` wherever it has it, except for the channel
    list, which is the caller's to get right. Raises HeaderError where `pixels` is incomplete, and OSError.
    """
    with pixels.open("rb") as source, target.open("wb") as result:
        written_version, written, table = _read(source)
        offsets = _read_offsets(source, table)
        merged = [_merge(header, own, len(offsets)) for header, own in zip(headers, written, strict=True)]
        front = _pack(written_version | (version & LONG_NAMES), merged)
        result.write(front)
        result.write((offsets + np.int64(len(front) - table).astype(np.uint64)).tobytes())
        source.seek(table + offsets.nbytes)
        shutil.copyfileobj(source, result, 1 << 20)


def _merge(header: Header, written: Header, chunks: int) -> Header:
    merged = dict(header)
    for name in STORAGE - {"channels"}:
        if name in written:
            merged[name] = written[name]
        elif name == "chunkCount" and name in merged:
            merged[name] = Attribute("int", struct.pack("<i", chunks))
        elif name == "tiles":
            merged.pop(name, None)
    return merged
