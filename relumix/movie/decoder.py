"""Decodes a movie forwards, from any frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from relumix.movie.container import opened
from relumix.movie.index import Index

_THREADS = 4
"""Threads of FFmpeg for one decoder."""

_SEEK_COST_FRAMES = 2
"""What seeking costs, in decoded frames."""


class Decoder:
    """An open movie that is decoded forwards.

    next_at  the place of the frame that comes next (see Index); places before it are behind.
    reason   why a packet could not be decoded lately; "" if none failed.
    """

    def __init__(self, path: Path, stream_index: int, index: Index) -> None:
        self._path, self._stream_index, self._index = path, stream_index, index
        self._open()

    def _open(self) -> None:
        self._container = opened(self._path)
        self._stream = self._container.streams[self._stream_index]
        self._stream.thread_type = "SLICE"  # threads a frame would lose sound frames together with a damaged one
        self._stream.codec_context.thread_count = _THREADS
        self._frames, self._first, self.next_at, self.reason = self._decoded(), 0, 0, ""

    def leads_to(self, at: int) -> bool:
        """Tell whether a place is reached by going on, at no greater cost than by seeking."""
        ahead = at - self.next_at
        return 0 <= ahead <= at - self._index.key_before(at) + _SEEK_COST_FRAMES

    def frames_until(self, at: int) -> Iterator[tuple[int, Any]]:
        """Yield places and frames (av.VideoFrame) up to and with a place, or past it if that one is lost."""
        if not self.leads_to(at):
            self.seek(self._index.key_before(at))
        yield from self._up_to(at)

    def _up_to(self, at: int) -> Iterator[tuple[int, Any]]:
        for frame in self._frames:
            place = self._place_of(frame)
            if place is None or place < self._first:
                continue  # before the key frame in the order shown: decoded without what it builds on
            self.next_at = place + 1
            yield place, frame
            if place >= at:
                return
        self.next_at = len(self._index.times)

    def _place_of(self, frame: Any) -> int | None:
        if self._index.counted:
            return self.next_at if self.next_at < len(self._index.times) else None
        return self._index.places.get(frame.dts if frame.pts is None else frame.pts)

    def seek(self, key: int) -> None:
        """Go to a key frame."""
        if self._index.counted:  # from the first on, which is the only one
            self.close()
            self._open()
            return
        self._container.seek(self._index.labels[key], stream=self._stream)
        self._frames, self._first, self.next_at, self.reason = self._decoded(), key, key, ""

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _decoded(self) -> Iterator[Any]:
        """Yield what can be decoded from here to the end."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                packet, self.reason = None, reason_of(error)
            if packet is None:
                return
            try:
                yield from packet.decode()
            except av.error.FFmpegError as error:
                self.reason = reason_of(error)


def reason_of(error: Exception) -> str:
    """Return why FFmpeg failed, as the end of a sentence."""
    words = getattr(error, "strerror", None) or str(error)
    return "its data is damaged" if isinstance(error, av.error.InvalidDataError) else words
