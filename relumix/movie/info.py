"""What a movie says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from relumix.movie import timecode
from relumix.movie.colour import UNSPECIFIED, Colour
from relumix.movie.decoder import alpha_decoder_of
from relumix.movie.pixels import Coding, default_matrix, is_planar, planar_name

_RESERVED = 3
"""The code point of H.273 that is reserved in each of its tables: files have it where they mean nothing."""

_MOST_FRAMES_PER_SECOND = 2000
"""More is no rate, but the clock of a container that says none."""

_FRAME_RATES = (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(48000, 1001))


@dataclass(frozen=True)
class Sound:
    """A sound track: its codec as FFmpeg names it, channels, samples a second, and language ('' if not said)."""

    codec: str
    channels: int
    sample_rate: int
    language: str = ""

    def __str__(self) -> str:
        """In words."""
        return f"{self.codec}, {self.channels} channel{'s'[: self.channels > 1]}, {self.sample_rate} Hz" + (
            f" ({self.language})" if self.language not in ("", "und") else ""
        )


@dataclass(frozen=True)
class MovieInfo:
    """A movie's own words.

    frames        the frame numbers, from its time code or from 1; a frame's number is its place in the order shown.
    width, height of a frame in pixels, upright.
    rate          frames a second; of an uneven one the average.
    uneven        whether frames come at uneven times (variable frame rate).
    pixel_format  as FFmpeg names it, of the frames as stored; coding: as they are decoded to.
    pixel_aspect  the width of a pixel over its height.
    rotation      degrees counter-clockwise by which stored frames are turned to stand upright: 0, 90, 180 or 270.
    timecode      of the first frame, None without.
    comment       what a program or a person wrote into it; "" if nothing.
    unread        what else it holds and is not read, in words.
    odd           what is unusual about it, as ends of sentences that begin with its name.
    turning       how stored frames are brought upright, in words: turned, mirrored; "" where they stand so.
    """

    path: Path
    container: str
    codec: str
    profile: str
    frames: range
    width: int
    height: int
    rate: Fraction
    uneven: bool
    pixel_format: str
    coding: Coding
    colour: Colour
    pixel_aspect: Fraction
    rotation: int
    interlaced: bool
    timecode: str | None
    sounds: tuple[Sound, ...]
    comment: str = ""
    unread: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    turning: str = ""

    @property
    def channels(self) -> int:
        """4 with alpha, else 3."""
        return 4 if self.coding.has_alpha else 3

    def timecode_of(self, frame: int) -> str | None:
        """Return the time code of a frame; None without."""
        if self.timecode is None:
            return None
        return timecode.code_of(frame, self.rate, drop=any(sign in self.timecode for sign in ";.,"))

    def timecode_words(self, frame: int) -> tuple[int, int] | None:
        """Return the time code of a frame as two words of SMPTE ST 12 (see timecode.packed); None without."""
        code = self.timecode_of(frame)
        return timecode.packed(code) if code else None


def first_frame(code: str | None, rate: Fraction) -> int:
    """Return the number of the first frame: from its time code or, without one, 1."""
    found = timecode.frame_of(code, rate) if code else None
    return 1 if found is None else found


def rates_of(stream: Any) -> list[Fraction]:
    """Return what a stream says of its frame rate, and what FFmpeg guesses: the header's word or the average, first."""
    said = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    found = [_exact(rate) for rate in said if rate and rate <= _MOST_FRAMES_PER_SECOND]
    return list(dict.fromkeys(found)) or [Fraction(24)]


def _exact(rate: Fraction) -> Fraction:
    exact = next((known for known in _FRAME_RATES if abs(rate - known) < known / 20000), rate)
    return round_rate(exact)


def round_rate(rate: Fraction) -> Fraction:
    """Return a rate as a whole number where it is next to one, as that of containers that count in milliseconds."""
    return Fraction(round(rate)) if round(rate) and abs(rate - round(rate)) < Fraction(1, 1000) else rate


def timecode_in(container: Any, stream: Any) -> str | None:
    """Return the time code that the video, a time code track or the container states."""
    tracks = [each.metadata for each in container.streams if each.type == "data"]
    for tags in (stream.metadata, *tracks, container.metadata):
        for name, value in tags.items():
            if name.lower() == "timecode" and timecode.frame_of(value, Fraction(24)) is not None:
                return str(value)
    return None


def unread_in(container: Any, stream: Any) -> tuple[str, ...]:
    """Return what is not read of the pictures: other streams, and alpha for which there is no decoder."""
    cover = av.stream.Disposition.attached_pic
    streams = [each for each in container.streams.video if not each.disposition & cover]
    found = []
    if len(streams) > 1 and stream.index == streams[0].index:
        more = "another video stream" if len(streams) == 2 else f"{len(streams) - 1} more video streams"
        found.append(f"{more}, read where it is named, as {Path(container.name).name}/stream2")
    if stream.metadata.get("alpha_mode") == "1" and alpha_decoder_of(stream) is None:
        found.append("alpha in a stream of its own, which is not read")
    return tuple(found)


def comment_in(container: Any) -> str:
    """Return the comment in a container's metadata; "" without."""
    found = (value for name, value in container.metadata.items() if name.lower().startswith("comment"))
    return str(next(found, ""))


def colour_of(stream: Any) -> Colour:
    """Return the colour tags of a stream."""
    context = stream.codec_context
    said = {0: None, 1: False, 2: True}.get(int(context.color_range))
    if context.pix_fmt and context.pix_fmt.startswith("yuvj"):
        said = True
    tags = (int(getattr(context, name)) for name in ("color_primaries", "color_trc", "colorspace"))
    primaries, transfer, matrix = (UNSPECIFIED if tag == _RESERVED else tag for tag in tags)
    return Colour(primaries, transfer, matrix, said)


def coding_of(video_format: Any, colour: Colour, height: int, *, interlaced: bool) -> Coding:
    """Return how frames of a format are stored once they are planar."""
    name = video_format.name if is_planar(video_format) else planar_name(video_format)
    rgb = name.startswith("gbr")
    matrix = colour.matrix
    if matrix in (UNSPECIFIED, 0):
        matrix = 9 if colour.primaries == 9 else default_matrix(height)
    full_range = colour.full_range if colour.full_range is not None else rgb
    return Coding(name, 0 if rgb else matrix, full_range, interlaced)


def sound_of(stream: Any) -> Sound:
    """Return what a sound track says of itself."""
    context = stream.codec_context
    return Sound(context.codec.canonical_name, context.channels, context.sample_rate, stream.language or "")
