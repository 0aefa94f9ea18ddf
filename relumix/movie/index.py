"""Which frames a movie has, and when each is shown, without decoding it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.codec import Properties

from relumix.errors import InputError
from relumix.movie.container import opened

_INTRA_ONLY: Any = Properties.INTRA_ONLY.value
_UNEVEN_SHARE = 0.25
"""A frame that is shown earlier or later than at an even rate by more than this share of a frame is so on purpose."""


@dataclass(frozen=True)
class Index:
    """The frames of a movie in the order in which they are shown, counted from 0.

    times      when each is shown, in ticks of the stream's time base, ascending.
    labels     the time that each bears in the file: not when it is shown, in containers that store no such times.
    key_labels those of the frames that can be decoded without another; the first frame counts as one.
    time_base  seconds of a tick.
    """

    times: tuple[int, ...]
    labels: tuple[int, ...]
    key_labels: frozenset[int]
    time_base: Fraction

    @cached_property
    def places(self) -> dict[int, int]:
        """The place of a frame by its label."""
        return {label: at for at, label in reversed(list(enumerate(self.labels)))}

    @cached_property
    def keys(self) -> tuple[int, ...]:
        """The places of the frames that can be decoded without another, ascending."""
        return tuple(sorted({0, *(self.places[label] for label in self.key_labels if label in self.places)}))

    def key_before(self, at: int) -> int:
        """Return the last place, at most `at`, from which decoding can begin."""
        return self.keys[bisect_right(self.keys, at) - 1]

    def is_uneven(self, rate: Fraction) -> bool:
        """Tell whether frames are shown at other times than an even rate has them."""
        ticks = np.asarray(self.times, np.int64) - self.times[0]
        even = np.arange(len(ticks)) * float(1 / (rate * self.time_base))
        tolerance = max(1.5, _UNEVEN_SHARE * float(1 / (rate * self.time_base)))
        return bool((np.abs(ticks - even) > tolerance).any())


def index_of(container: Any, stream: Any, path: Path) -> Index:
    """Return the index of a video stream. Raises InputError where it has no frames, or no times.

    It is taken from the header where frames are stored in the order in which they are shown, and otherwise from all
    packets, which reads the file once. Where these do not tell the order either, all is decoded once.
    """
    found = _of_header(stream)
    if found is None:
        found, ordered = _of_packets(container, stream, path)
    else:
        ordered = True
    if not found:
        raise InputError(f"{path} holds no frame of video")
    times = sorted(found)
    labels = times if ordered else _shown(path, stream.index)
    keys = frozenset(time for time, is_key in found.items() if is_key)
    return Index(tuple(times[: len(labels)]), tuple(labels), keys, stream.time_base)


def _of_header(stream: Any) -> dict[int, bool] | None:
    """Whether each frame is a key frame, by time, as the header lists them; None where that tells no order."""
    if not int(stream.codec_context.codec.properties) & int(_INTRA_ONLY):
        return None
    entries = {entry.timestamp: True for entry in stream.index_entries if not entry.is_discard}
    return entries if entries and len(entries) == stream.frames else None


def _of_packets(container: Any, stream: Any, path: Path) -> tuple[dict[int, bool], bool]:
    """The same from all packets; and whether their times are those at which frames are shown."""
    found: dict[int, bool] = {}
    reordered = False
    try:
        for packet in container.demux(stream):
            if not packet.size or packet.is_discard:
                continue
            time = packet.dts if packet.pts is None else packet.pts
            if time is None:
                raise InputError(
                    f"{path} does not say when its frames are shown: write it anew, as with ffmpeg -i {path.name} "
                    f"-c copy {path.stem}.mkv"
                )
            reordered |= packet.pts is not None and packet.pts != packet.dts
            found[time] = packet.is_keyframe
    except av.error.FFmpegError:
        pass  # what lies behind a break in the file cannot be found; what lies before it can be read
    return found, reordered or not stream.codec_context.has_b_frames


def _shown(path: Path, stream_index: int) -> list[int]:
    """The labels of all frames, in the order in which a decoder shows them."""
    labels: list[int] = []
    with opened(path) as container:
        packets = container.demux(container.streams[stream_index])
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return labels
                labels += [frame.pts for frame in packet.decode() if frame.pts is not None]
            except av.error.FFmpegError:
                continue  # a damaged frame: it is not shown
