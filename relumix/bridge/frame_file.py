"""A relit frame as a file of the store: its record, pixels, stops and confidence.

"RLXF", the length of a JSON object, that object, red, green and blue as float32, their stops as half, the confidence as
half; little-endian, rows from the top. The object holds the fields of FrameRecord and the CRC32C of all that follows.
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
OUTPUTS = ("result", "gain", "confidence")
"""What can be had of a relit frame: pixels, gain in stops, and how sure that is (see relumix.gain.confidence)."""

_PLANES = {"result": ("<f4", 3), "gain": ("<f2", 3), "confidence": ("<f2", 1)}


def _bytes_a_pixel(output: str) -> int:
    kind, channels = _PLANES[output]
    return np.dtype(kind).itemsize * channels


_BYTES_A_PIXEL = sum(map(_bytes_a_pixel, OUTPUTS))


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


def write(path: Path, made: FrameRecord, rgb: Float32, stops: Float32, confidence: Float32) -> None:
    """Write pixels and stops [h, w, 3], and confidence [h, w], float32. Raises OSError."""
    kinds = (kind for kind, _ in _PLANES.values())
    body = [np.ascontiguousarray(each, kind) for each, kind in zip((rgb, stops, confidence), kinds, strict=True)]
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


def read(path: Path, output: str) -> Float32 | None:
    """Return one of OUTPUTS, [h, w, 3] float32; None where the file is gone or damaged.

    Confidence is the same in all three.
    """
    try:
        with path.open("rb") as file:
            head = _head(file)
            body = file.read()
        made = _record(head)
        if google_crc32c.value(body) != head["checksum"]:
            return None
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None
    pixels = made.width * made.height
    if len(body) != pixels * _BYTES_A_PIXEL:
        return None
    before = OUTPUTS[: OUTPUTS.index(output)]
    start = pixels * sum(_bytes_a_pixel(each) for each in before)
    kind, channels = _PLANES[output]
    values = np.frombuffer(body, kind, pixels * channels, start).reshape(made.height, made.width, channels)
    return np.broadcast_to(values.astype(np.float32, copy=False), (made.height, made.width, 3))


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
