"""Sound that goes from one movie into another as it is, packet by packet."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import av

from relumix.movie.codecs import container_of
from relumix.movie.container import opened
from relumix.movie.info import Sound, sound_of
from relumix.movie.movie import Movie


class SoundTrack:
    """The sound tracks of a movie, to be copied beside frames. Used by one MovieWriter."""

    def __init__(self, movie: Movie, frames: range | None = None) -> None:
        """Take the sound beside consecutive frames of a movie, to the packet; None: all of it."""
        chosen = movie.info.frames if frames is None else frames
        index, first, last = movie.index, movie.place_of(chosen[0]), movie.place_of(chosen[-1])
        ticks = index.time_base
        self._zero = float(index.times[first] * ticks)
        self._start = self._zero if first else None
        self._end = float(index.times[last + 1] * ticks) if last + 1 < len(index.times) else None
        self._path, self._container = movie.path, opened(movie.path)
        self._streams: dict[int, Any] = {}
        self._packets: Iterator[Any] = iter(())
        self._waiting: Any = None

    def add_to(self, output: Any) -> None:
        """Add the tracks that a container can hold to an av.OutputContainer."""
        indices = held_in(self._path, output.format.name)
        held = [stream for stream in self._container.streams.audio if stream.index in indices]
        self._streams = {stream.index: output.add_stream_from_template(stream) for stream in held}
        self._output = output
        self._packets = self._shifted(held) if held else iter(())

    def copy_until(self, seconds: float | None) -> None:
        """Copy what is heard before a time in the new movie; None: the rest."""
        while (packet := self._waiting or next(self._packets, None)) is not None:
            if seconds is not None and float(packet.dts * packet.time_base) > seconds:
                self._waiting = packet
                return
            self._waiting = None
            self._output.mux(packet)

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _shifted(self, streams: list[Any]) -> Iterator[Any]:
        """The packets to copy, in the time of the new movie."""
        for packet in self._container.demux(streams):
            if packet.dts is None or not packet.size:
                continue
            begins = float(packet.dts * packet.time_base)
            ends = begins + float((packet.duration or 0) * packet.time_base)
            if (self._start is None or ends > self._start) and (self._end is None or begins < self._end):
                offset = round(self._zero / packet.time_base)
                times = (None if time is None else time - offset for time in (packet.pts, packet.dts))
                packet.pts, packet.dts = times
                packet.stream = self._streams[packet.stream_index]
                yield packet


def unheld(path: Path, source: Path) -> tuple[Sound, ...]:
    """Return the sound tracks of a movie that the container of another name cannot hold."""
    held = held_in(source, container_of(path))
    with opened(source) as movie:
        return tuple(sound_of(stream) for stream in movie.streams.audio if stream.index not in held)


def held_in(source: Path, container: str) -> set[int]:
    """Return the indices of the sound tracks of a movie that a container can hold as they are.

    It is tried with a packet of each: what is in a header is not all that there is to refuse.
    """
    firsts: dict[int, Any] = {}
    with opened(source) as movie:
        for packet in movie.demux(movie.streams.audio) if movie.streams.audio else ():
            if packet.size:
                firsts.setdefault(packet.stream_index, packet)
            if len(firsts) == len(movie.streams.audio):
                break
        return {index for index, packet in firsts.items() if _is_held(packet, container)}


def _is_held(packet: Any, container: str) -> bool:
    trial = av.open(io.BytesIO(), "w", format=container)
    try:
        if container == "mxf":  # it holds no sound without a picture
            picture: Any = trial.add_stream("mpeg2video", rate=25)
            picture.width, picture.height, picture.pix_fmt = 1280, 720, "yuv422p"
        copy = trial.add_stream_from_template(packet.stream)
        trial.start_encoding()
        if container == "mxf":
            with suppress(av.error.FFmpegError):  # a movie without a frame is no movie; it goes nowhere
                trial.close()
            return True
        packet.stream = copy
        trial.mux(packet)
        trial.close()
    except (av.error.FFmpegError, ValueError):
        with suppress(av.error.FFmpegError):
            trial.close()
        return False
    return True
