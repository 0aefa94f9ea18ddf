"""A relit frame as a file of the store: its record, pixels and stops.

"RLXF", the length of a JSON object, that object, red, green and blue as float32, their stops as half; little-endian,
rows from the top. The object holds the fields of FrameRecord and the CRC32C of all that follows.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
import numpy as np

from relumix.types import Float32

_MAGIC = b"RLXF"
_HEAD = struct.Struct("<4sI")
_MOST_HEAD_BYTES = 1 << 20
_BYTES_A_PIXEL = 3 * (4 + 2)


@dataclass(frozen=True)
class FrameRecord:
    """What a relit frame in the store was made from.

    key          digest of its own pixels, the references and the settings.
    full_key     digest of all that it was made from: the neighbours and the engine's version too.
    look_key     digest of the settings, the references' offsets and the frame's from the first of them: what a smaller
                 version of the same frame has in common with it.
    instance     the effect that asked for it last.
    thumbnail    of the source, and reference_thumbnails: see relumix.bridge.thumbnail. Those of files are empty.
    references   the references' fingerprints.
    """

    key: str
    full_key: str
    look_key: str
    instance: str
    width: int
    height: int
    thumbnail: tuple[float, ...]
    references: tuple[str, ...]
    reference_thumbnails: tuple[tuple[float, ...], ...]


def write(path: Path, made: FrameRecord, rgb: Float32, stops: Float32) -> None:
    """Write pixels and stops, [h, w, 3] float32. Raises OSError."""
    body = [np.ascontiguousarray(rgb, "<f4"), np.ascontiguousarray(stops, "<f2")]
    checksum = 0
    for values in body:
        checksum = google_crc32c.extend(checksum, values.tobytes())
    head = json.dumps({**asdict(made), "checksum": checksum}).encode()
    with path.open("wb") as file:
        file.write(_HEAD.pack(_MAGIC, len(head)) + head)
        for values in body:
            file.write(values.data)


def read_record(path: Path) -> FrameRecord | None:
    """Return a file's record; None where it is damaged or cut short."""
    try:
        with path.open("rb") as file:
            head = _head(file)
            rest = path.stat().st_size - file.tell()
        made = _record(head)
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None
    return made if rest == made.width * made.height * _BYTES_A_PIXEL else None


def read(path: Path, *, gain: bool) -> Float32 | None:
    """Return the pixels, or the stops, [h, w, 3] float32; None where the file is gone or damaged."""
    try:
        with path.open("rb") as file:
            head = _head(file)
            body = file.read()
        made = _record(head)
        if google_crc32c.value(body) != head["checksum"]:
            return None
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None
    count, shape = made.width * made.height * 3, (made.height, made.width, 3)
    if len(body) != made.width * made.height * _BYTES_A_PIXEL:
        return None
    kind, start = ("<f2", count * 4) if gain else ("<f4", 0)
    return np.frombuffer(body, kind, count, start).reshape(shape).astype(np.float32, copy=False)


def _head(file: BinaryIO) -> dict[str, Any]:
    magic, count = _HEAD.unpack(file.read(_HEAD.size))
    if magic != _MAGIC or count > _MOST_HEAD_BYTES:
        raise ValueError("not a relit frame")
    head = json.loads(file.read(count))
    if not isinstance(head, dict):
        raise ValueError("not a relit frame")
    return head


def _record(head: dict[str, Any]) -> FrameRecord:
    return FrameRecord(
        **{name: str(head[name]) for name in ("key", "full_key", "look_key", "instance")},
        width=int(head["width"]),
        height=int(head["height"]),
        thumbnail=tuple(map(float, head["thumbnail"])),
        references=tuple(map(str, head["references"])),
        reference_thumbnails=tuple(tuple(map(float, thumbnail)) for thumbnail in head["reference_thumbnails"]),
    )
