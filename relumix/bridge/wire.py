"""Messages between plugin and bridge as bytes (docs/bridge.md)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from relumix.errors import RelumixError

VERSION = 1
MOST_HEAD_BYTES = 64 << 10
MOST_FIELDS = 64

_PREAMBLE = struct.Struct("<4sIQ")
_MAGIC = b"RLXB"
_PIECE_BYTES = 1 << 20
_LAST_BYTES = 4 << 20
_LAST_SECONDS = 1.0

Buffer = bytes | bytearray | memoryview


class WireError(RelumixError):
    """The other side broke the protocol: the connection ends."""


class GoneError(Exception):
    """The other side hung up."""


@dataclass(frozen=True)
class Message:
    """A kind, and texts by name. `body_bytes` of pixels follow it."""

    kind: str
    fields: Mapping[str, str] = field(default_factory=dict)
    body_bytes: int = 0


def send(connection: socket.socket, kind: str, fields: Mapping[str, object], body: Buffer = b"") -> None:
    """Send a message. Raises GoneError."""
    lines = [kind, *(f"{name}: {' '.join(str(value).split())}" for name, value in fields.items())]
    head = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
    view = memoryview(body).cast("B")
    try:
        connection.sendall(_PREAMBLE.pack(_MAGIC, len(head), len(view)) + head)
        for start in range(0, len(view), _PIECE_BYTES):  # a time-out counts for each piece, not for all of a frame
            connection.sendall(view[start : start + _PIECE_BYTES])
    except OSError as error:
        raise GoneError from error


def receive(connection: socket.socket, most_body_bytes: int) -> Message:
    """Return the next message without its body. Raises WireError, GoneError."""
    magic, head_bytes, body_bytes = _PREAMBLE.unpack(_bytes(connection, _PREAMBLE.size))
    if magic != _MAGIC:
        raise WireError(f"a message begins with {magic!r}: expected {_MAGIC!r}")
    if head_bytes > MOST_HEAD_BYTES:
        raise WireError(f"a message's head is of {head_bytes} bytes: expected at most {MOST_HEAD_BYTES}")
    if body_bytes > most_body_bytes:
        raise WireError(f"a message's body is of {body_bytes} bytes: expected at most {most_body_bytes}")
    return _parsed(_bytes(connection, head_bytes), body_bytes)


def receive_pieces(connection: socket.socket, count: int) -> Iterator[memoryview]:
    """Yield a body of `count` bytes as it comes; each piece holds until the next. Raises GoneError."""
    buffer = memoryview(bytearray(min(count, _PIECE_BYTES)))
    while count:
        piece = buffer[: min(count, len(buffer))]
        receive_into(connection, piece)
        count -= len(piece)
        yield piece


def receive_into(connection: socket.socket, target: memoryview) -> None:
    """Fill a buffer with a body. Raises GoneError."""
    at = 0
    while at < len(target):
        try:
            count = connection.recv_into(target[at:])
        except OSError as error:
            raise GoneError from error
        if not count:
            raise GoneError
        at += count


def hang_up(connection: socket.socket) -> None:
    """Close for sending, and read what still comes: closing with unread data would reset the last message away.

    Raises GoneError.
    """
    try:
        connection.settimeout(_LAST_SECONDS)
        connection.shutdown(socket.SHUT_WR)
    except OSError as error:
        raise GoneError from error
    for _ in receive_pieces(connection, _LAST_BYTES):
        pass


def _bytes(connection: socket.socket, count: int) -> bytes:
    found = bytearray(count)
    receive_into(connection, memoryview(found))
    return bytes(found)


def _parsed(head: bytes, body_bytes: int) -> Message:
    try:
        kind, *lines = head.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise WireError("a message's head is no UTF-8") from None
    if not kind or not lines or lines.pop() != "":
        raise WireError("a message's head does not end with a line break, or has no kind")
    if len(lines) > MOST_FIELDS:
        raise WireError(f"a message has {len(lines)} fields: expected at most {MOST_FIELDS}")
    fields = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        if not colon or name in fields:
            raise WireError(f"a message's line is {line[:80]!r}: expected 'name: value', each name once")
        fields[name] = value
    return Message(kind, fields, body_bytes)
