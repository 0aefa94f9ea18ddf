"""What a movie says of itself, for `relumix info`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from relumix.shot.movie_frames import movie_at


@dataclass(frozen=True)
class MovieFacts:
    """A movie's own words.

    container, codec, profile, pixel_format  as FFmpeg names them.
    bits         of a sample.
    code_range   "full" or "limited"; range_said: whether the movie says so.
    colour       its tags in words; colorspace: the OCIO name that they stand for, None where they name none.
    rate         frames a second, as a fraction; uneven: whether frames are shown at uneven times.
    rotation     degrees by which frames are turned to stand upright.
    timecode     of the first frame, or None.
    sounds       the sound tracks, in words.
    unread       what else it holds and is not read, in words.
    odd          what is unusual about it, in words.
    turning      how frames are brought upright, in words.
    """

    container: str
    codec: str
    profile: str
    pixel_format: str
    bits: int
    code_range: str
    range_said: bool
    colour: str
    colorspace: str | None
    rate: str
    uneven: bool
    rotation: int
    interlaced: bool
    timecode: str | None
    sounds: tuple[str, ...]
    unread: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    turning: str = ""

    @classmethod
    def of(cls, path: Path) -> MovieFacts:
        """Ask a movie. Raises InputError where it cannot be opened."""
        info = movie_at(path).info
        return cls(
            container=info.container,
            codec=info.codec,
            profile=info.profile,
            pixel_format=info.pixel_format,
            bits=info.coding.depth_bits,
            code_range="full" if info.coding.full_range else "limited",
            range_said=info.colour.full_range is not None,
            colour=str(info.colour),
            colorspace=info.colour.space,
            rate=str(info.rate),
            uneven=info.uneven,
            rotation=info.rotation,
            interlaced=info.interlaced,
            timecode=info.timecode,
            sounds=tuple(map(str, info.sounds)),
            unread=info.unread,
            odd=info.odd,
            turning=info.turning,
        )

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield a name and a value for each, for people."""
        yield "container", self.container
        yield "codec", f"{self.codec} {self.profile}".rstrip()
        unsaid = "" if self.range_said else ", not said"
        yield "samples", f"{self.pixel_format}, {self.bits} bit, {self.code_range} range{unsaid}"
        yield "colour tags", self.colour
        if Fraction(self.rate).denominator > 1:
            yield "rate", self.rate
        if self.uneven:
            yield "times", "uneven (variable frame rate): frames are numbered in the order shown"
        for words in self.odd:
            yield "unusual", words
        if self.turning:
            yield "shown", f"{self.turning}, to stand upright"
        yield "scan", "interlaced" if self.interlaced else "progressive"
        for part in self.unread:
            yield "holds too", part
        for sound in self.sounds:
            yield "sound", sound
        if not self.sounds:
            yield "sound", "none"
