"""Results as a movie."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

from relumix.errors import InputError
from relumix.events import Stage, Warned
from relumix.movie import Form, Movie, MovieWriter, SoundTrack
from relumix.movie.codecs import codec_for, container_of, refuse_size
from relumix.movie.colour import TRANSFER_SRGB, Colour
from relumix.movie.sound import unheld
from relumix.movie.timecode import code_of
from relumix.pipeline.coder import Coder, output_space
from relumix.pipeline.delivery import Fingerprint, clear, form_key, key_of, made_in, not_ours, refuse_same, told_clipped
from relumix.shot.images import timecode_in
from relumix.shot.movie_frames import file_of, frame_path, movie_at
from relumix.shot.source import PlateSource
from relumix.util.words import first_of

FRAMES_PER_SECOND = 24
"""The rate of a movie whose plate does not say its own."""

_COMMENT, _AS = "relumix key ", " as "
_TELL_SECONDS = 0.5
"""Least time between two reports of how far the encoding is."""


class MovieDelivery:
    """A Delivery of a movie (see relumix.pipeline.delivery), which is encoded when all frames are made."""

    def __init__(self, output: str, source: PlateSource, frames: Sequence[int]) -> None:
        """Raises InputError where the container or the codec cannot hold the plate."""
        self._path, self._source, self._frames = Path(output), source, tuple(frames)
        self._settings, found = source.settings, source.shot.movie
        self.made = made_in(self._path, source.shot, frames)
        self._movie = movie_at(found, deinterlace=self._settings.deinterlace) if found else None
        self._consecutive = all(after - before == 1 for before, after in pairwise(self._frames))
        space = output_space(source, self._path)
        self._form = _like(self._movie, self._path, self._settings.codec, self._frames) if self._movie else self._new()
        if self._settings.output_colorspace or not self._movie:
            self._form = replace(self._form, colour=Colour.of_space(space.source), matrix=None)
        self._coder = Coder(source, space, self._form.keeps_alpha, straight=False, roll_off=self._settings.roll_off)
        self._space = space.source
        self.warnings = tuple(self._told())

    def path(self, frame: int) -> Path:
        """Return the file of a frame, or its path in the movie once that is there (see shot.movie_frames)."""
        made = self.made.path(frame)
        if made.exists() or not self._path.exists():
            return made
        numbers = movie_at(self._path).info.frames
        return frame_path(self._path, numbers[self._frames.index(frame)], numbers)

    def refuse(self, inputs: Sequence[Path], *, overwrite: bool) -> None:
        """Raise InputError as Delivery.refuse."""
        refuse_same(self._path, list(dict.fromkeys((*map(file_of, inputs), *self._source.inputs()))))
        if not overwrite and self._path.exists() and not self._comment().startswith(_COMMENT):
            raise not_ours(self._path)

    def has(self, frame: int, fingerprint: Fingerprint) -> bool:
        """Tell whether the movie is there, as it would be made now."""
        return self._path.exists() and self._stored()[0] == f"{_COMMENT}{self._key(fingerprint)}"

    def holds(self, frame: int) -> bool:
        """Tell whether a frame is delivered in the form that settings ask for, whatever it was made from.

        A movie that is older than one of its frames holds none of them.
        """
        if not self._path.exists() or self._stored()[1] != form_key(self._settings):
            return False
        if len(movie_at(self._path).info.frames) != len(self._frames):
            return False
        written = self._path.stat().st_mtime_ns
        return all(path.stat().st_mtime_ns <= written for path in map(self.made.path, self._frames) if path.exists())

    def add(self, frame: int, fingerprint: Fingerprint) -> None:
        """Leave it where it was made until all are."""

    def finish(self, fingerprint: Fingerprint, lost: Sequence[int]) -> Iterator[Stage | Warned]:
        """Encode the movie. A frame that failed is one before it again, and the frames stay for the next try."""
        if not lost and self._is_finished(fingerprint):
            clear(self.made, self._frames)
            return
        shown = self._shown(lost)
        if not shown:
            yield Warned(f"{self._path} is not written: none of its frames was made")
            return
        yield Stage("movie", f"writing {self._path}")
        key = "of a part" if lost else self._key(fingerprint)
        has_sound = self._movie and self._consecutive and not self._movie.index.restarts
        sound = SoundTrack(self._movie, self._range) if self._movie and has_sound else None
        comment = f"{_COMMENT}{key}{_AS}{form_key(self._settings)}" if not lost else f"{_COMMENT}{key}"
        with MovieWriter(self._path, self._form, sound=sound, comment=comment) as writer:
            cut = yield from self._encoded(writer, shown)
        if cut:
            roll_off = self._settings.roll_off
            yield Warned(told_clipped(str(self._path), writer.clipped_pixels, cut, roll_off=roll_off))
        if not lost:
            clear(self.made, self._frames)
            return
        yield Warned(
            f"{self._path} shows neighbours in place of frames that failed ({first_of(lost, 5)}); the others are kept "
            f"in {self.made.path(shown[0]).parent}: the same command makes what is missing"
        )

    def _is_finished(self, fingerprint: Fingerprint) -> bool:
        """Tell whether nothing is to be encoded, as where an earlier try died while it cleared up."""
        gone = [frame for frame in self._frames if not self.made.path(frame).exists()]
        if gone and self.holds(gone[0]):
            return True
        return not self._settings.overwrite and self.has(self._frames[0], fingerprint)

    def _encoded(self, writer: MovieWriter, frames: Sequence[int]) -> Generator[Stage, None, int]:
        """Encode frames; yields how far it is, now and then. Returns how many of them had pixels that were cut."""
        cut, told = 0, time.monotonic()
        for done, frame in enumerate(frames):
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                yield Stage("movie", f"writing {self._path}, frame {done + 1} of {len(frames)}")
            before = writer.clipped_pixels
            writer.add(self._coder.coded(self.made.path(frame), frame))
            cut += writer.clipped_pixels > before
        return cut

    def _shown(self, lost: Sequence[int]) -> list[int]:
        """Return the frame to show in each place: of those that failed the nearest before, or else behind."""
        there = [frame for frame in self._frames if frame not in set(lost)]
        return [max((f for f in there if f <= frame), default=there[0]) for frame in self._frames] if there else []

    @property
    def _range(self) -> range:
        return range(self._frames[0], self._frames[-1] + 1)

    def _comment(self) -> str:
        try:
            return movie_at(self._path).info.comment
        except InputError:
            return ""

    def _stored(self) -> tuple[str, str]:
        """What the movie's comment says: its key, and the form in which it was asked for."""
        key, _, form = self._comment().partition(_AS)
        return key, form

    def _key(self, fingerprint: Fingerprint) -> str:
        return key_of(self._settings, [fingerprint(frame) for frame in self._frames])

    def _new(self) -> Form:
        """The form of a movie of a plate of images."""
        plate, settings = self._source.plate, self._settings
        rate = Fraction(plate.frames_per_second or FRAMES_PER_SECOND).limit_denominator(1001)
        alpha = plate.choice.alpha is not None
        codec = codec_for(self._path, settings.codec, deep=True, full_chroma=True, alpha=alpha)
        width, height = plate.display_window.size
        refuse_size(codec, width, height)
        return Form(
            codec=codec,
            width=width,
            height=height,
            rate=rate,
            pixel_aspect=Fraction(plate.pixel_aspect).limit_denominator(1000),
            alpha=alpha,
            sampling="444",
            timecode=timecode_in(plate.spec_of(self._frames[0])) or code_of(self._frames[0], rate, drop=False),
        )

    def _told(self) -> Iterator[str]:
        """Yield what the movie will not hold, and what was assumed of it."""
        form, container = self._form, container_of(self._path)
        if form.alpha and not form.keeps_alpha:
            yield f"{self._path}: {form.codec.name} holds no alpha; it is left out (prores4444 holds it)"
        if form.interlaced and not form.codec.takes_fields:
            yield f"{self._path}: {form.codec.name} cannot say that frames are interlaced"
        if (named := self._unsaid(container)) is not None:
            yield f"{self._path} cannot say that its colour is {named}: name it where it is read"
        if self._movie is None:
            if not self._source.plate.frames_per_second:
                yield f"{self._source.shot.pattern} does not say its frame rate: {self._path} has {FRAMES_PER_SECOND}"
            return
        if self._movie.info.uneven and (form.times is None):
            yield f"{self._path}: its frames are shown evenly, {float(form.rate):g} a second"
        if self._movie.info.sounds and not self._consecutive:
            yield f"{self._path} has no sound: its frames are not consecutive"
        elif self._movie.info.sounds and self._movie.index.restarts:
            yield f"{self._path} has no sound: the times of {self._movie.path} begin anew in the midst"
        elif unable := unheld(self._path, self._movie.path):
            yield f"{self._path}: {container} does not hold the sound {', '.join(map(str, unable))}; it is left out"

    def _unsaid(self, container: str) -> str | None:
        """Return the colour space that the plate says or the user named, and the movie has no tags for."""
        movie = None if self._settings.output_colorspace else self._movie
        named = movie.info.colour.space if movie else self._space
        tags = self._form.colour
        if container == "mxf" and tags.transfer == TRANSFER_SRGB:
            return named
        return named if named != tags.space else None


def _like(movie: Movie, path: Path, codec: str | None, frames: Sequence[int]) -> Form:
    """The form of a movie of another's frames."""
    form = Form.like(movie.info, path, codec, frames[0])
    if not movie.info.uneven or container_of(path) == "mxf" or frames != tuple(range(frames[0], frames[-1] + 1)):
        return form
    times = [movie.index.times[movie.place_of(frame)] for frame in frames]
    rising = accumulate((time - times[0] for time in times), lambda before, time: max(time, before + 1))
    return replace(form, times=list(rising), time_base=movie.index.time_base)
