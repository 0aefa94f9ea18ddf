"""Decodes a movie forwards, from any frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av

from relumix.movie.container import opened
from relumix.movie.index import Index

_THREADS = 4
"""Threads of FFmpeg for one decoder."""

_HIDING = frozenset({"h263", "h264", "mpeg1video", "mpeg2video", "mpeg4", "vc1"})
"""Codecs whose decoders hide what is missing, by other frames, without a word."""

_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}

_SEEK_COST_FRAMES = 2
"""What seeking costs, in decoded frames."""


class Decoder:
    """An open movie that is decoded forwards.

    next_at  the place of the frame that comes next (see Index); places before it are behind.
    reason   why a packet could not be decoded lately; "" if none failed.
    """

    def __init__(self, path: Path, stream_index: int, index: Index) -> None:
        self._path, self._stream_index, self._index = path, stream_index, index
        self._first, self.next_at, self.reason = 0, 0, ""
        self._open()
        self._frames = self._decoded()

    def _open(self) -> None:
        self._container = opened(self._path)
        self._stream = self._container.streams[self._stream_index]
        self._stream.thread_type = "SLICE"  # threads a frame would lose sound frames together with a damaged one
        self._stream.codec_context.thread_count = _THREADS

    def leads_to(self, at: int) -> bool:
        """Tell whether a place is reached by going on, at no greater cost than by seeking."""
        ahead = at - self.next_at
        return 0 <= ahead <= at - self._index.key_before(at) + _SEEK_COST_FRAMES

    def frames_until(self, at: int) -> Iterator[tuple[int, Any | None]]:
        """Yield places and frames (av.VideoFrame) up to and with a place, or past it if that one is lost.

        None stands for a frame that is damaged, or builds on one that is.
        """
        if not self.leads_to(at):
            self.seek(self._index.key_before(at))
        yield from self._up_to(at)

    def frames_from(self, key: int, at: int) -> Iterator[tuple[int, Any | None]]:
        """Yield the same, beginning at a key frame."""
        self.seek(key)
        yield from self._up_to(at)

    def _up_to(self, at: int) -> Iterator[tuple[int, Any | None]]:
        for frame, is_sound in self._frames:
            place = self._place_of(frame)
            if place is None or place < self._first:
                continue  # before the key frame in the order shown: decoded without what it builds on
            self.next_at = place + 1
            yield place, frame if is_sound else None
            if place >= at:
                return
        self.next_at = len(self._index.times)

    def _place_of(self, frame: Any) -> int | None:
        if self._index.counted:
            return self.next_at if self.next_at < len(self._index.times) else None
        return self._index.places.get(frame.dts if frame.pts is None else frame.pts)

    def seek(self, key: int) -> None:
        """Go to a key frame."""
        if key:
            try:
                self._container.seek(self._index.key_labels[self._index.labels[key]], stream=self._stream)
            except av.error.FFmpegError:  # it is elsewhere then, as in files that do not begin with a key frame
                key = 0
        if not key:
            self.close()
            self._open()
        self._frames, self._first, self.next_at, self.reason = self._decoded(), key, key, ""

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _decoded(self) -> Iterator[tuple[Any, bool]]:
        """Yield what can be decoded from here to the end, and whether it is sound."""
        packets, damage = self._container.demux(self._stream), _Damage()
        decoder = alpha_decoder_of(self._stream)
        context: Any = av.CodecContext.create(decoder, "r") if decoder else self._stream.codec_context
        hides = context.codec.canonical_name in _HIDING
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                packet, self.reason = None, reason_of(error)
            if packet is None:
                return
            frames = []
            try:
                frames = context.decode(packet)
            except av.error.FFmpegError as error:
                self.reason = reason_of(error)
                damage.add(packet, is_broken=hides)
            else:
                damage.add(packet, is_broken=hides and packet.is_corrupt)
            for frame in frames:
                is_sound = not frame.is_corrupt and frame.pts not in damage.labels
                if not is_sound:
                    self.reason = "its data, or that of a frame on which it builds, is damaged"
                yield frame, is_sound


@dataclass
class _Damage:
    """Which frames build on packets that are damaged, as far as packets tell: all up to the next key frame.

    labels  the times of these frames.
    """

    labels: set[int | None] = field(default_factory=set)
    _is_open: bool = False
    _leads: int | None = None

    def add(self, packet: Any, *, is_broken: bool) -> None:
        """Take the next packet, as stored; is_broken: whether it is damaged."""
        if packet.is_keyframe:
            self._leads = packet.pts if self._is_open else None
            self._is_open = False
        self._is_open |= is_broken
        # What is stored after a key frame and shown before it builds on what was before.
        is_led = None not in (self._leads, packet.pts) and packet.pts < self._leads
        if self._is_open or is_led:
            self.labels.add(packet.pts)
        else:
            self.labels.discard(packet.pts)


def alpha_decoder_of(stream: Any) -> str | None:
    """Return FFmpeg's name of what decodes a stream with the alpha beside its frames, as WebM has it; None without."""
    if stream.metadata.get("alpha_mode") != "1":
        return None
    name = _WITH_ALPHA.get(stream.codec_context.codec.canonical_name)
    return name if name in av.codecs_available else None


def reason_of(error: Exception) -> str:
    """Return why FFmpeg failed, as the end of a sentence."""
    words = getattr(error, "strerror", None) or str(error)
    return "its data is damaged" if isinstance(error, av.error.InvalidDataError) else words
