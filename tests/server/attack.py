"""What no client library does: HTTP/2 frames said by hand, as an adversary says them."""

from __future__ import annotations

import socket
import struct
import time
import zlib
from contextlib import contextmanager
from pathlib import Path

HEADERS, RST_STREAM, SETTINGS, DATA, CONTINUATION = 1, 3, 4, 0, 9
END_STREAM, END_HEADERS = 1, 4
ELSEWHERE = ("127.0.0.2", 0)
"""Where attacks come from: another host than the one of who is innocent."""
SERVICE = "relumix.v1.RelightService"
RELIGHT = f"/{SERVICE}/Relight"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One HTTP/2 frame (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def headers(method: str, **more: str) -> bytes:
    """The header block of a gRPC call, as literals without indexing (RFC 7541, section 6.2.2)."""
    fields = {":method": "POST", ":scheme": "http", ":path": method, ":authority": "x", "te": "trailers"}
    fields |= {"content-type": "application/grpc", **{name.replace("_", "-"): text for name, text in more.items()}}
    return b"".join(
        b"\0" + bytes((len(name),)) + name.encode() + bytes((len(text),)) + text.encode()
        for name, text in fields.items()
    )


@contextmanager
def connected(address: str):
    """A connection over which HTTP/2 has begun."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 30, ELSEWHERE) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
        yield connection


def zipped(total_bytes: int) -> bytes:
    """A gRPC message of zeros, by gzip."""
    packer, zeros = zlib.compressobj(9, zlib.DEFLATED, 31), bytes(1 << 20)
    body = b"".join(packer.compress(zeros) for _ in range(total_bytes >> 20)) + packer.flush()
    return b"\1" + struct.pack(">I", len(body)) + body


def send_message(connection: socket.socket, stream: int, message: bytes) -> None:
    """Send a message to its end, no faster than a server that reads it lets a client (RFC 9113, section 5.2).

    What is sent beyond its window is refused, whatever it unpacks to.
    """
    for offset in range(0, len(message), 16_000):
        last = offset + 16_000 >= len(message)
        connection.sendall(frame(DATA, END_STREAM if last else 0, stream, message[offset : offset + 16_000]))
        time.sleep(0.05)


def opening_of_keys(count: int) -> bytes:
    """An opening message with so many keys: protobuf itself would take many seconds to make it."""
    entries = b"".join(b"\x42\6\x08" + _varint(number | 1 << 28) for number in range(count))
    return b"\x0a" + _varint(len(entries)) + entries


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes(encoded) + bytes((value,))


def peak_bytes(pid: int) -> int:
    """The most memory that a process ever held."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) << 10


def seconds(call) -> float:
    """How long a call takes."""
    began = time.monotonic()
    call()
    return time.monotonic() - began
