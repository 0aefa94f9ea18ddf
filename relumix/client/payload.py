"""Frames in pieces: cut for sending, joined and checked on arrival."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relumix.client.rpc_errors import TryAgainError
from relumix.rpc.messages import Piece, crc32c
from relumix.v1.relight_pb2 import PIXEL_TYPE_FLOAT, PIXEL_TYPE_HALF, FrameChunk, RawPlanes, Role

_PIECE_BYTES = 4 << 20
"""Payload of one message, where the server takes as much: large, since each costs the same few thread switches."""


class DamagedError(TryAgainError):
    """Received data is damaged or incomplete."""


@dataclass(frozen=True)
class Payload:
    """A frame to send.

    name  for messages.
    data  an image file, or raw pixels.
    raw   layout of the pixels, None for a file.
    """

    name: str
    data: bytes | memoryview
    raw: RawPlanes | None = None

    @classmethod
    def of_array(cls, name: str, pixels: NDArray[np.floating]) -> Payload:
        """Make it from [h, w, c] or, for a mask, [h, w]; float16 stays as it is, all else becomes float32."""
        half = pixels.dtype == np.float16
        planes = np.ascontiguousarray(pixels, "<f2" if half else "<f4")
        height, width, channels = planes.shape if planes.ndim == 3 else (*planes.shape, 1)
        raw = RawPlanes(
            width=width,
            height=height,
            channels="RGBA"[:channels] if channels > 1 else "Y",
            type=PIXEL_TYPE_HALF if half else PIXEL_TYPE_FLOAT,
        )
        return cls(name, planes.reshape(-1).view(np.uint8).data, raw)

    def pieces(self, frame: int, role: Role, most_bytes: int) -> Iterator[Piece]:
        """Cut it into pieces."""
        view, total = memoryview(self.data), len(self.data)
        size = min(_PIECE_BYTES, most_bytes or _PIECE_BYTES)
        for offset in range(0, total, size):
            data = view[offset : offset + size]
            head = FrameChunk(frame=frame, role=role, offset=offset, total_bytes=total, crc32c=crc32c(data))
            if offset == 0:
                head.name = self.name
                if self.raw is not None:
                    head.raw.CopyFrom(self.raw)
            yield Piece(head, data)


@dataclass(frozen=True)
class Received:
    """A received frame.

    parts  an image file, or raw pixels, in consecutive pieces.
    raw    layout of the pixels, None for a file.
    """

    parts: Sequence[bytes | memoryview]
    raw: RawPlanes | None = None

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        return sum(map(len, self.parts))

    def array(self) -> NDArray[np.float32]:
        """Return raw pixels as [h, w, c] float32. Raises DamagedError where their size does not match."""
        raw = self.raw or RawPlanes()
        dtype = np.dtype("<f2" if raw.type == PIXEL_TYPE_HALF else "<f4")
        shape = (raw.height, raw.width, len(raw.channels))
        if not raw.type or self.size_bytes != math.prod(shape) * dtype.itemsize:
            raise DamagedError(f"{self.size_bytes} bytes came for raw pixels {shape} of {dtype}")
        return np.frombuffer(b"".join(self.parts), dtype).reshape(shape).astype(np.float32)


class Joiner:
    """Joins the pieces of one frame."""

    def __init__(self) -> None:
        self._pieces: list[bytes | memoryview] = []
        self._bytes = 0
        self._first = FrameChunk()

    def add(self, piece: Piece) -> Received | None:
        """Take the next piece; returns the frame after the last. Raises DamagedError for a bad piece."""
        head, data = piece.head, piece.data
        if crc32c(data) != head.crc32c:
            raise DamagedError(f"frame {head.frame} was damaged on its way")
        if head.offset != self._bytes or self._bytes + len(data) > head.total_bytes:
            raise DamagedError(f"frame {head.frame} came in the wrong order")
        if not self._pieces:
            self._first = head
        self._pieces.append(data)
        self._bytes += len(data)
        if self._bytes < head.total_bytes:
            return None
        raw = self._first.raw if self._first.HasField("raw") else None
        return Received(self._pieces, raw)
