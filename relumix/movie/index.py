"""Which frames a movie has, and when each is shown, without decoding it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
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
    key_labels those of the frames that can be decoded without another, and the times to which to seek for them; the
               first frame counts as one.
    time_base  seconds of a tick.
    counted    whether labels do not tell frames apart, so that they are counted from the first on.
    restarts   whether times begin anew in the midst.
    odd        what is unusual about its times, in words.
    """

    times: tuple[int, ...]
    labels: tuple[int, ...]
    key_labels: Mapping[int, int]
    time_base: Fraction
    counted: bool = False
    restarts: bool = False
    odd: tuple[str, ...] = ()

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

    def without(self, frames: int) -> Index:
        """Return it without the first frames, which can be decoded no more than the file begins with a key frame."""
        if not frames or any(label in self.key_labels for label in self.labels[:frames]):
            return self
        count = "a frame that builds" if frames == 1 else f"{frames} frames that build"
        odd = f"begins with {count} on others which are not in it: left out, and not counted"
        return replace(self, times=self.times[frames:], labels=self.labels[frames:], odd=(*self.odd, odd))

    def rate_of(self, said: Sequence[Fraction]) -> Fraction:
        """Return the rate, of those that a file says, at which frames are shown; the first where it is none of them."""
        return next((rate for rate in said if not self.is_uneven(rate)), said[0])

    def is_uneven(self, rate: Fraction) -> bool:
        """Tell whether frames are shown at other times than an even rate has them."""
        ticks = np.asarray(self.times, np.int64) - self.times[0]
        even = np.arange(len(ticks)) * float(1 / (rate * self.time_base))
        tolerance = max(1.5, _UNEVEN_SHARE * float(1 / (rate * self.time_base)))
        return bool((np.abs(ticks - even) > tolerance).any())


def index_of(container: Any, stream: Any, path: Path, rate: Fraction) -> Index:
    """Return the index of a video stream. Raises InputError where it has no frames.

    It is taken from the header where frames are stored in the order in which they are shown, and otherwise from all
    packets, which reads the file once. Where these do not tell the order either, all is decoded once.

    rate  frames a second, by which frames without times are shown.
    """
    listed = _of_header(stream)
    found = _Packets(listed, len(listed)) if listed is not None else _of_packets(container, stream)
    if not found.count:
        raise InputError(f"{path} holds no frame of video")
    if not found.tell_frames_apart:
        return _counted(path, stream, rate, found)
    times = sorted(found.keys)
    labels = times if found.ordered else [label for label in _shown(path, stream.index) if label is not None]
    keys = {time: sought for time, sought in found.keys.items() if sought is not None}
    return Index(tuple(times[: len(labels)]), tuple(labels), keys, stream.time_base)


@dataclass
class _Packets:
    """What the packets of a stream say.

    keys      by the time of each the time to which to seek for it, None where it holds no key frame.
    count     how many there are.
    ordered   whether their times are those at which frames are shown.
    untimed   whether one says no time; restarts: whether they begin anew in the midst.
    """

    keys: dict[int, int | None]
    count: int = 0
    ordered: bool = True
    untimed: bool = False
    restarts: bool = False

    @property
    def tell_frames_apart(self) -> bool:
        return len(self.keys) == self.count and not (self.untimed or self.restarts)


def _of_header(stream: Any) -> dict[int, int | None] | None:
    """The keys of `_Packets`, as the header lists them; None where that tells no order."""
    if not int(stream.codec_context.codec.properties) & int(_INTRA_ONLY):
        return None
    entries: dict[int, int | None] = {
        entry.timestamp: entry.timestamp for entry in stream.index_entries if not entry.is_discard
    }
    return entries if entries and len(entries) == stream.frames else None


def _of_packets(container: Any, stream: Any) -> _Packets:
    """The same from all packets."""
    found, reordered, last = _Packets({}), False, None
    try:
        for packet in container.demux(stream):
            if not packet.size or packet.is_discard:
                continue
            found.count += 1
            time = packet.dts if packet.pts is None else packet.pts
            if time is None:
                found.untimed = True
                continue
            reordered |= packet.pts is not None and packet.pts != packet.dts
            found.restarts |= None not in (packet.dts, last) and packet.dts < last
            last = packet.dts if packet.dts is not None else last
            sought = time if packet.dts is None else packet.dts  # by which some containers seek
            found.keys[time] = sought if packet.is_keyframe else None
    except av.error.FFmpegError:
        pass  # what lies behind a break in the file cannot be found; what lies before it can be read
    found.ordered = reordered or not stream.codec_context.has_b_frames
    return found


def _counted(path: Path, stream: Any, rate: Fraction, packets: _Packets) -> Index:
    """The index of a stream whose times do not tell its frames apart: all of it is decoded, and counted."""
    found, step = _shown(path, stream.index), max(1, round(1 / (rate * stream.time_base)))
    labels = [label for label in found if label is not None]
    if not found:
        raise InputError(f"{path} holds no frame of video that can be decoded")
    if packets.untimed or len(labels) < len(found):
        said = f"does not say when all of its frames are shown: taken for even, {float(rate):g} a second"
        even = tuple(step * at for at in range(len(found)))
        return Index(even, even, {}, stream.time_base, counted=True, odd=(said,))
    times, shift, same = [labels[0]], 0, 0
    for before, label in pairwise(labels):
        if label < before:
            shift += before + step - label
        same += label == before
        times.append(label + shift)
    odd = []
    if shift:
        odd.append("begins its times anew in the midst, as joined files do: frames are numbered as they are stored")
    if same:
        frames = "a frame" if same == 1 else f"{same} frames"
        odd.append(f"shows {frames} at the time of the one before: each has its own number")
    shown = tuple(times)
    return Index(shown, shown, {}, stream.time_base, counted=True, restarts=bool(shift), odd=tuple(odd))


def _shown(path: Path, stream_index: int) -> list[int | None]:
    """The labels of all frames, in the order in which a decoder shows them."""
    labels: list[int | None] = []
    with opened(path) as container:
        packets = container.demux(container.streams[stream_index])
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return labels
                labels += [frame.pts for frame in packet.decode()]
            except av.error.FFmpegError:
                continue  # a damaged frame: it is not shown
