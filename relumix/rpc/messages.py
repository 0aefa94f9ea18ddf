"""The messages of a stream as bytes, with as few copies of the pixels as possible.

protobuf would copy a frame four times: into a message, into the message's bytes, out of these, and out of the message
again. So part of a frame is a Piece here: a FrameChunk without its data, and the data beside it. They are copied once,
into the bytes that are sent; what arrives is used where it lies. Only the bounds of the data are parsed here, all other
fields are protobuf's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import google_crc32c
import numpy as np

from relumix.v1.relight_pb2 import DESCRIPTOR, FrameChunk, RelightRequest, RelightResponse

SERVICE = DESCRIPTOR.services_by_name["RelightService"].full_name
CLIENT_KEY = "relumix-client"
"""Metadata key of the client's name, like ada@ws12: for people, not for authentication."""

RELIGHT = f"/{SERVICE}/Relight"
"""The stream, as HTTP/2 calls it."""

FLOW_OPTIONS = (("grpc.http2.lookahead_bytes", 8 << 20), ("grpc.http2.bdp_probe", 0))
"""Of channels and servers: two of the largest pieces may be on their way before the first is read.

The window that gRPC estimates by itself is smaller, and lets each side wait for the other.
"""

Stream = TypeVar("Stream", RelightRequest, RelightResponse)

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5  # wire types
_FIXED_BYTES = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_LONGEST_VARINT_BYTES = 5


@dataclass(frozen=True)
class Piece:
    """A FrameChunk in two parts: `head` is all of it but its data."""

    head: FrameChunk
    data: bytes | memoryview


Request = RelightRequest | Piece
"""What a client says, as it is parsed here."""


def kind(message: RelightRequest | RelightResponse | Piece) -> str | None:
    """Return the name of what a message holds; None for what this version does not know."""
    return "chunk" if isinstance(message, Piece) else message.WhichOneof("message")


def crc32c(data: bytes | memoryview, before: int = 0) -> int:
    """Return the CRC-32C of data; with that of what lies `before` them, of both."""
    # google_crc32c's C extension takes arrays without a copy, but no memoryview; its Python version only bytes.
    buffer = np.frombuffer(data, np.uint8) if google_crc32c.implementation == "c" else bytes(data)
    crc: int = google_crc32c.extend(before, buffer)
    return crc


def request_bytes(message: RelightRequest | Piece) -> bytes:
    """Serialize what a client says."""
    return _joined(message, _REQUEST_KEY) if isinstance(message, Piece) else message.SerializeToString()


def response_bytes(message: RelightResponse | Piece | bytes) -> bytes:
    """Serialize what a server says; bytes are what they say already."""
    if isinstance(message, bytes):
        return message
    return _joined(message, _RESPONSE_KEY) if isinstance(message, Piece) else message.SerializeToString()


def request_of(message: bytes) -> RelightRequest | Piece:
    """Parse what a client says; a chunk is always a Piece. Raises google.protobuf.message.DecodeError."""
    return request_piece_of(message) or _parted(RelightRequest.FromString(message))


def request_piece_of(message: bytes) -> Piece | None:
    """Return the Piece that a client's message is; None where it is laid out as no serializer would, or no chunk."""
    return _cut(message, _REQUEST_KEY)


def response_of(message: bytes) -> RelightResponse | Piece:
    """Parse what a server says; a chunk is always a Piece. Raises google.protobuf.message.DecodeError."""
    return _cut(message, _RESPONSE_KEY) or _parted(RelightResponse.FromString(message))


_REQUEST_KEY, _RESPONSE_KEY, _DATA_KEY = (
    message.DESCRIPTOR.fields_by_name[name].number << 3 | _LENGTH
    for message, name in ((RelightRequest, "chunk"), (RelightResponse, "chunk"), (FrameChunk, "data"))
)
"""The bytes before the length of these fields."""


def _joined(piece: Piece, key: int) -> bytes:
    head = piece.head.SerializeToString()
    intro = bytes((_DATA_KEY,)) + _varint(len(piece.data))
    length = len(head) + len(intro) + len(piece.data)
    return b"".join((bytes((key,)), _varint(length), head, intro, piece.data))


def _parted(message: Stream) -> Stream | Piece:
    if message.WhichOneof("message") != "chunk":
        return message
    data = message.chunk.data
    message.chunk.ClearField("data")
    return Piece(message.chunk, data)


def _cut(message: bytes, key: int) -> Piece | None:
    """Return the one chunk that a message is; None where it is laid out as no serializer would, or something else."""
    if message[:1] != bytes((key,)):
        return None
    try:
        length, start = _read_varint(message, 1)
        if start + length != len(message):
            return None
        found = _data_of(message, start)
    except (IndexError, ValueError):
        return None
    if found is None:
        return None
    begin, data_begin, end = found
    return Piece(FrameChunk.FromString(message[start:begin] + message[end:]), memoryview(message)[data_begin:end])


def _data_of(message: bytes, at: int) -> tuple[int, int, int] | None:
    """Return where the data of the chunk at `at` are: of their key, of their first byte and their end; None without."""
    found = None
    while at < len(message):
        begin, key, at = at, message[at], at + 1
        wire = key & 7
        if key > 127 or (key == _DATA_KEY and found):
            return None
        if wire == _LENGTH:
            size, at = _read_varint(message, at)
            if key == _DATA_KEY:
                found = begin, at, at + size
            at += size
        elif wire == _VARINT:
            _, at = _read_varint(message, at)
        elif wire in _FIXED_BYTES:
            at += _FIXED_BYTES[wire]
        else:
            return None
    return found if at == len(message) else None


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a number and where it ends. Raises IndexError, and ValueError for one longer than any length is."""
    value = 0
    for place in range(_LONGEST_VARINT_BYTES):
        byte = message[at + place]
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise ValueError("longer than any length")
