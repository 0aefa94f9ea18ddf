"""A movie as frames by number."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import av

from relumix.errors import FrameError, InputError, LostFrameError
from relumix.movie.container import opened
from relumix.movie.decoder import Decoder, reason_of
from relumix.movie.filters import deinterlaced, field_order, said_order
from relumix.movie.index import Index, index_of
from relumix.movie.info import (
    MovieInfo,
    coding_of,
    colour_of,
    comment_in,
    first_frame,
    rates_of,
    sound_of,
    timecode_in,
    unread_in,
)
from relumix.movie.orientation import Orientation
from relumix.movie.pixels import planar, to_rgb
from relumix.types import Float32

_COVER = av.stream.Disposition.attached_pic
MOST_DECODERS = 3
"""Places in a movie that are read at the same time without seeking: a job reads ahead, and again when it writes."""

LOOKED_AT, LEAST_LOOKED_AT = 8, 6
"""Frames in which fields are looked for; of fewer nothing can be said, for what an encoder leaves looks like fields."""

MOST_KEPT_BYTES = 128 << 20
"""Decoded frames that are kept, as stored: threads ask for neighbours in any order, and scrubbing goes backwards."""


class Movie:
    """A movie, open for reading. Thread-safe. Use as a context manager, or close it.

    info  what it says of itself.
    """

    def __init__(self, path: Path, *, deinterlace: bool = False, stream: int = 1) -> None:
        """Open it, and find its frames.

        deinterlace  make whole pictures of interlaced frames, one a frame (bwdif); progressive ones stay as they are.
        stream       which of its video streams is read, from 1 on.

        Raises InputError where it cannot be opened, holds no such video, or is protected.
        """
        self.path, self._deinterlace = path, deinterlace
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._kept_bytes = 0
        self._lost: dict[int, str] = {}
        self._decoders: list[Decoder] = []
        self._stored_size = (0, 0)
        try:
            with opened(path) as container:
                video = _video_in(container, path, stream)
                self._stream_index = video.index
                self._index = index_of(container, video, path, rates_of(video)[0])
                self.info = self._described(container, video)
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(f"{path} cannot be opened as a movie: {reason_of(error)}") from None
        self._check()

    def read(self, frame: int) -> Float32:
        """Return a frame, upright, [h, w, 3] float32, or [h, w, 4] with alpha, as coded: 0 is black, 1 white.

        Limited-range codes below black and above white are below 0 and above 1. Alpha runs from 0 to 1, and colour is
        as stored beside it. Raises FrameError where the movie has no such frame, or it cannot be decoded.
        """
        video = self._whole(frame)
        rgb = to_rgb(video, replace(self.info.coding, pixel_format=video.format.name))
        return self._orientation.upright(rgb)

    def seconds_of(self, frame: int) -> float:
        """Return when a frame is shown, in seconds from the first."""
        times = self._index.times
        return float((times[self.place_of(frame)] - times[0]) * self._index.time_base)

    @property
    def index(self) -> Index:
        """When its frames are shown."""
        return self._index

    def place_of(self, frame: int) -> int:
        """Return the place of a frame, counted from 0. Raises FrameError where the movie has none of that number."""
        numbers = self.info.frames
        if frame not in numbers:
            raise FrameError(
                frame, f"frame {frame}: {self.path} has no such frame: its frames are {numbers[0]}-{numbers[-1]}"
            )
        return frame - numbers.start

    def close(self) -> None:
        """Close its files; it may be used again, which opens them again."""
        with self._lock:
            for decoder in self._decoders:
                decoder.close()
            self._decoders.clear()
            self._kept.clear()
            self._kept_bytes = 0

    def __enter__(self) -> Movie:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _check(self) -> None:
        """Raise InputError for a movie whose first frame that can be decoded cannot be made RGB."""
        if self.info.coding.matrix:
            try:
                _ = self.info.coding.luma_weights
            except InputError as error:
                raise InputError(f"{self.path}: {error}") from None

    def _described(self, container: Any, stream: Any) -> MovieInfo:
        left_out, sample = self._sample()
        rate, code = self._index.rate_of(rates_of(stream)), timecode_in(container, stream)
        self._orientation = Orientation.of(sample)
        width, height = self._stored_size = sample.width, sample.height
        colour = colour_of(stream)
        interlaced = bool(sample.interlaced_frame) and not self._deinterlace
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        first = first_frame(code, rate) + (left_out if code else 0)
        turned = self._orientation.is_sideways
        return MovieInfo(
            path=self.path,
            container=container.format.name,
            codec=stream.codec_context.codec.canonical_name,
            profile=stream.profile or "",
            frames=range(first, first + len(self._index.times)),
            width=height if turned else width,
            height=width if turned else height,
            rate=rate,
            uneven=self._index.is_uneven(rate),
            pixel_format=sample.format.name,
            coding=coding_of(sample.format, colour, height, interlaced=interlaced),
            colour=colour,
            pixel_aspect=1 / aspect if turned else aspect,
            rotation=self._orientation.rotation,
            turning=str(self._orientation),
            interlaced=bool(sample.interlaced_frame),
            timecode=code,
            sounds=tuple(map(sound_of, container.streams.audio)),
            comment=comment_in(container),
            unread=unread_in(container, stream),
            odd=tuple(filter(None, (*self._index.odd, self._orientation.undone))),
        )

    def _sample(self) -> tuple[int, Any]:
        """Return the first frame that can be decoded, and how many before it are left out of the index."""
        decoder = Decoder(self.path, self._stream_index, self._index)
        last = len(self._index.times) - 1
        for at, frame in decoder.frames_from(0, last):
            if frame is None:
                continue
            whole, self._index = self._index, self._index.without(at)
            left_out = at if self._index is not whole else 0
            if left_out:
                decoder.close()
                decoder = Decoder(self.path, self._stream_index, self._index)
            self._decoders.append(decoder)
            self._keep(at - left_out, frame)
            return left_out, frame
        raise InputError(f"no frame of {self.path} can be decoded: {decoder.reason or 'it has no data'}")

    def _whole(self, frame: int) -> Any:
        """Return a frame as a planar av.VideoFrame, deinterlaced where that is asked for."""
        at = self.place_of(frame)
        try:
            video = self._decoded(at)
        except (av.error.FFmpegError, OSError) as error:  # the file went, or its disk
            raise LostFrameError(frame, str(self.path), reason_of(error)) from error
        if video is None:
            raise LostFrameError(frame, str(self.path), self._lost[at])
        if (video.width, video.height) != self._stored_size:
            raise LostFrameError(frame, str(self.path), f"it is {video.width}x{video.height}, unlike those before it")
        order = self.field_order if self._deinterlace else ""
        if not (self._deinterlace and (order or video.interlaced_frame)):
            return planar(video)
        before = self._decoded(at - 1) if at else None
        after = self._decoded(at + 1) if at + 1 < len(self._index.times) else None
        return planar(deinterlaced(before, video, after, order=order))

    @cached_property
    def field_order(self) -> str:
        """Which field comes first, by some frames of its midst (see filters.field_order); "" where they look whole."""
        frames = self._of_midst()
        return field_order(frames) if len(frames) >= LEAST_LOOKED_AT else ""

    @property
    def said_order(self) -> str:
        """Which field comes first by its own word, in the same frames; "" where it says that they are whole."""
        frames = self._of_midst()
        return said_order(frames[0]) if frames else ""

    def _of_midst(self) -> list[Any]:
        count = len(self._index.times)
        first = self._index.key_before(count // 2)  # from there nothing else is decoded
        places = range(first, min(count, first + LOOKED_AT))
        try:
            frames = [frame for at in places if (frame := self._decoded(at)) is not None]
        except (av.error.FFmpegError, OSError):  # told when a frame is asked for
            return []
        return [frame for frame in map(planar, frames) if (frame.width, frame.height) == self._stored_size]

    def _decoded(self, at: int) -> Any | None:
        """Return the frame at a place, None where it cannot be decoded."""
        with self._lock:
            if at in self._kept:
                self._kept.move_to_end(at)
                return self._kept[at]
            if at in self._lost:
                return None
            decoder = self._decoder_for(at)
            found = self._found(decoder.frames_until(at), at)
            if found is None and (key := self._index.key_before(at)):
                # It may build on frames before the key frame, or the container found no way to that.
                found = self._found(decoder.frames_from(self._index.key_before(key - 1), at), at)
            if found is None:
                self._lost[at] = decoder.reason or "its data is missing or damaged"
            return found

    def _found(self, frames: Iterable[tuple[int, Any | None]], at: int) -> Any | None:
        """Keep decoded frames, and return the one at a place; None where it is damaged, or not among them."""
        for place, frame in frames:
            if frame is not None:
                self._keep(place, frame)
            if place == at:
                return frame
        return None

    def _decoder_for(self, at: int) -> Decoder:
        """Return the decoder that comes to a place next; where none does a new one, or that which rested longest."""
        leading = [each for each in self._decoders if each.leads_to(at)]
        if leading:
            chosen = max(leading, key=lambda each: each.next_at)
        elif len(self._decoders) < MOST_DECODERS:
            chosen = Decoder(self.path, self._stream_index, self._index)
        else:
            chosen = self._decoders[0]
        self._decoders = [*(each for each in self._decoders if each is not chosen), chosen]
        return chosen

    def _keep(self, at: int, frame: Any) -> None:
        if at in self._kept:
            return
        self._kept[at] = frame
        self._kept_bytes += _bytes_of(frame)
        while self._kept_bytes > MOST_KEPT_BYTES and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= _bytes_of(dropped)


def _bytes_of(frame: Any) -> int:
    return sum(plane.buffer_size for plane in frame.planes)


def _video_in(container: Any, path: Path, number: int) -> Any:
    """Return a video stream of a container: of those that are no picture of its cover, counted from 1."""
    streams = [each for each in container.streams.video if not each.disposition & _COVER]
    if not streams:
        raise InputError(f"{path} holds no video")
    if number > len(streams):
        raise InputError(f"{path} has no stream {number}: it holds {len(streams)} of video")
    if streams[number - 1].codec_context is None:
        raise InputError(f"{path} is of a codec that cannot be decoded here: export it as ProRes, or as EXR")
    return streams[number - 1]
