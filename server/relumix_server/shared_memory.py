"""Python objects between processes on one machine; their large arrays travel as shared memory, uncopied by the reader.

A message is a header, the lengths of the buffers, and a pickle (protocol 5) without them; the buffers lie one behind
another in an anonymous file whose descriptor comes with the header, and which is gone with the last who maps it.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import socket
import struct
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

HEADER = struct.Struct("<QQ")
SHARED_MEMORY = Path("/dev/shm")
ALIGNMENT_BYTES = 64
MOST_BUFFERS = 4096
MOST_PICKLE_BYTES = 64 << 20

_NUMPY = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *(
        (f"numpy.{core}.{module}", name)
        for core in ("core", "_core")
        for module, name in (("numeric", "_frombuffer"), ("multiarray", "_reconstruct"), ("multiarray", "scalar"))
    ),
}


class MessageError(Exception):
    """The other side has gone, or sent an invalid message."""


class _ArraysOnly(pickle.Unpickler):
    """Unpickles plain Python values and numpy arrays; nothing that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NUMPY:
            raise MessageError(f"a message holds {module}.{name}: expected plain values and arrays")
        return super().find_class(module, name)


def send(to: socket.socket, message: object) -> None:
    """Send an object. Raises OSError where the other side has gone or shared memory is full."""
    buffers: list[memoryview] = []

    def aside(buffer: pickle.PickleBuffer) -> None:
        buffers.append(buffer.raw())

    body = pickle.dumps(message, protocol=5, buffer_callback=aside)
    sizes = struct.pack(f"<{len(buffers)}Q", *(buffer.nbytes for buffer in buffers))
    header = HEADER.pack(len(body), len(buffers))
    if not buffers:
        to.sendall(header + body)
        return
    with _anonymous_file() as file:
        place = 0
        for buffer in buffers:
            _write_all(file, buffer)
            place += buffer.nbytes
            padding = -place % ALIGNMENT_BYTES
            file.write(bytes(padding))
            place += padding
        socket.send_fds(to, [header], [file.fileno()])
        to.sendall(sizes + body)


def receive(source: socket.socket, *, trusted: bool) -> Any:
    """Receive an object; the arrays in it are writable and share memory with nobody who still uses it.

    trusted  whether the sender may name classes; else plain values and arrays are all that is taken.

    Raises MessageError at the end of the stream, and TimeoutError where the socket has a time-out.
    """
    header, descriptors, _, _ = socket.recv_fds(source, HEADER.size, 1, socket.MSG_WAITALL)
    try:
        if len(header) != HEADER.size:
            raise MessageError("the other side has gone")
        body_bytes, count = HEADER.unpack(header)
        if count > MOST_BUFFERS or body_bytes > MOST_PICKLE_BYTES or (count and not descriptors):
            raise MessageError(f"a message of {body_bytes} bytes and {count} buffers makes no sense")
        sizes = struct.unpack(f"<{count}Q", _receive_exactly(source, 8 * count))
        body = _receive_exactly(source, body_bytes)
        buffers = _mapped(descriptors[0], sizes) if count else []
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    unpickler = pickle.Unpickler if trusted else _ArraysOnly
    return unpickler(io.BytesIO(body), buffers=buffers).load()


def _anonymous_file() -> IO[bytes]:
    """Return a file without a name, in memory if the system lets us make one there. Raises OSError."""
    with suppress(OSError):
        return tempfile.TemporaryFile(dir=SHARED_MEMORY, buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def _write_all(file: Any, buffer: memoryview) -> None:
    while buffer:
        buffer = buffer[file.write(buffer) :]


def _mapped(descriptor: int, sizes: tuple[int, ...]) -> list[memoryview]:
    whole = os.fstat(descriptor).st_size
    if sum(sizes) > whole:
        raise MessageError("the buffers of a message were cut short")
    if not whole:
        return [memoryview(bytearray()) for _ in sizes]
    view, place, found = memoryview(mmap.mmap(descriptor, whole)), 0, []
    for size in sizes:
        found.append(view[place : place + size])
        place += size + -(place + size) % ALIGNMENT_BYTES
    return found


def _receive_exactly(source: socket.socket, size: int) -> bytearray:
    received, place = bytearray(size), 0
    while place < size:
        count = source.recv_into(memoryview(received)[place:])
        if not count:
            raise MessageError("the other side has gone")
        place += count
    return received
