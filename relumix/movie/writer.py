"""Writes a movie frame by frame: whole under its name, or not at all."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av

from relumix.errors import InputError
from relumix.movie.codecs import Codec, codec_for, container_of, refuse_container, refuse_encoder, refuse_size
from relumix.movie.colour import UNSPECIFIED, Colour
from relumix.movie.decoder import reason_of
from relumix.movie.filters import flagged_interlaced
from relumix.movie.info import MovieInfo
from relumix.movie.pixels import Coding, default_matrix, of_rgb, sampling_of
from relumix.movie.sound import SoundTrack
from relumix.movie.timecode import code_of
from relumix.types import Float32
from relumix.util.atomic_file import Unfinished, writing

_RANGES = {None: 0, False: 1, True: 2}
"""FFmpeg's numbers of what is said of the range of codes, by whether it is the full one."""

_OF_SYSTEM = (errno.EACCES, errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG)
"""Errors of the system, which has words of its own for them."""

_HIGHEST_PRIMARIES_OF_X265 = 12

_UNTIMED_FRAMES = 2
"""Up to so many frames, which it shows in the order in which they are stored, x265 says no time to decode them at: it
leaves there what its memory held."""

_INTERLACED = av.codec.context.Flags.interlaced_dct | av.codec.context.Flags.interlaced_me


@dataclass(frozen=True)
class Form:
    """What a movie is like besides its pixels.

    codec         see relumix.movie.codecs.
    width, height of a frame in pixels; rate: frames a second; pixel_aspect: the width of a pixel over its height.
    colour        tags to write.
    alpha         whether it has an alpha channel; the codec decides whether that is kept.
    timecode      of the first frame, None without.
    interlaced    whether frames hold two fields.
    sampling      how many samples chroma has in the plate: 420, 422 or 444. Some codecs follow it.
    times         when each frame is shown, in ticks of `time_base`, from 0; None: evenly, at `rate`.
    """

    codec: Codec
    width: int
    height: int
    rate: Fraction
    colour: Colour = field(default_factory=Colour)
    matrix: int | None = None
    pixel_aspect: Fraction = Fraction(1)
    alpha: bool = False
    timecode: str | None = None
    interlaced: bool = False
    sampling: str = "420"
    times: Sequence[int] | None = None
    time_base: Fraction | None = None

    @classmethod
    def like(cls, info: MovieInfo, path: Path, codec: str | None = None, first: int | None = None) -> Form:
        """Return the form of a movie that is like another.

        path   where it goes: its suffix says the container, and what `codec` is by default (see codecs.codec_for).
        first  the number of its first frame, of which the time code is; None: the other's.

        Raises InputError where the container or its codec cannot hold it.
        """
        coding, alpha = info.coding, info.coding.has_alpha
        sampling = sampling_of(coding.video_format)
        start = info.frames.start if first is None else first
        code = info.timecode_of(start)
        if code is None and (start != 1 or container_of(path) == "mxf"):  # which always has one
            code = code_of(start, info.rate, drop=False)  # so frames keep their numbers
        chosen = codec_for(path, codec, deep=coding.depth_bits > 8, full_chroma=sampling == "444", alpha=alpha)
        refuse_size(chosen, info.width, info.height)
        return cls(
            codec=chosen,
            width=info.width,
            height=info.height,
            rate=info.rate,
            colour=info.colour,
            matrix=coding.matrix or None,
            pixel_aspect=info.pixel_aspect,
            alpha=alpha,
            timecode=code,
            interlaced=info.coding.interlaced,
            sampling=sampling,
        )

    @property
    def keeps_alpha(self) -> bool:
        """Whether its alpha is written."""
        return self.alpha and self.codec.alpha_format is not None

    def coding_in(self, container: str) -> Coding:
        """Return how pixels are stored in a container, as FFmpeg names it."""
        name = self.codec.finer_formats.get(self.sampling, self.codec.pixel_format)
        if self.keeps_alpha and self.codec.alpha_format:
            name = self.codec.alpha_format
        full_range = bool(self.colour.full_range) and self.codec.takes_range
        return Coding(name, self._matrix_in(container), full_range, self.interlaced)

    def _matrix_in(self, container: str) -> int:
        """The matrix: one that is known, whatever is said, and that readers of the file will take it for."""
        untagged = self.codec.untagged_matrix
        # QuickTime has tags for all three of them, or for none.
        if container == "mov" and untagged is not None and UNSPECIFIED in (self.colour.primaries, self.colour.transfer):
            return untagged or default_matrix(self.height)
        if self.matrix:
            return self.matrix
        if self.colour.matrix not in (0, UNSPECIFIED):
            return self.colour.matrix
        return 9 if self.colour.primaries == 9 else default_matrix(self.height)


class MovieWriter:
    """A movie that is being written. Use as a context manager: an exception leaves no file behind.

    clipped_pixels  how many pixels so far were brighter or darker than the codec's codes can say.
    """

    def __init__(self, path: Path, form: Form, *, sound: SoundTrack | None = None, comment: str = "") -> None:
        """Begin it. Raises InputError where it cannot be written, as where its container does not hold the codec.

        sound    what is copied beside the frames, packet by packet.
        comment  is kept in the file's metadata.
        """
        refuse_container(form.codec, path)
        refuse_encoder(form.codec.encoder, f"{path}: {form.codec.name}")
        self.path, self.form, self.clipped_pixels = path, form, 0
        self._count, self._sound = 0, sound
        self._coding = form.coding_in(container_of(path))
        self._file = Unfinished(path)
        self._container: Any = None
        try:
            with writing(path), _told(path):
                self._container = av.open(str(self._file.name), "w", format=container_of(path))
                self._stream = self._new_stream()
                if comment:
                    tag = "comment_relumix" if self._container.format.name == "mxf" else "comment"
                    self._container.metadata[tag] = comment
                if sound:
                    sound.add_to(self._container)
        except BaseException:
            self.discard()
            raise

    def add(self, rgb: Float32) -> None:
        """Append a frame, [h, w, 3] or [h, w, 4] float32 with alpha, coded as Movie.read returns it.

        Values that codes cannot say are cut to the nearest, and counted. Raises InputError where the file cannot be
        written.
        """
        height, width = rgb.shape[:2]
        if (width, height) != (self.form.width, self.form.height):
            raise InputError(
                f"{self.path} has frames of {self.form.width}x{self.form.height}: expected all of that size, got "
                f"{width}x{height}"
            )
        frame, clipped = of_rgb(rgb, self._coding)
        self.clipped_pixels += clipped
        frame.time_base = self._time_base
        frame.pts = self._count if self.form.times is None else self.form.times[self._count]
        self._count += 1
        with writing(self.path), _told(self.path):
            for packet in self._stream.encode(flagged_interlaced(frame) if self._fields else frame):
                self._container.mux(packet)
            if self._sound:
                self._sound.copy_until(float(frame.pts * self._time_base))

    def close(self) -> None:
        """Finish the file. Raises InputError where it cannot be written, or has no frame."""
        if not self._count:
            raise InputError(f"{self.path} has no frame: expected one at least")
        try:
            with writing(self.path), _told(self.path):
                for packet in self._stream.encode(None):
                    if self._count <= _UNTIMED_FRAMES and self.form.codec.encoder == "libx265":
                        packet.dts = packet.pts
                    self._container.mux(packet)
                if self._sound:
                    self._sound.copy_until(None)
                self._container.close()
            self._file.finish()
        finally:
            self.discard()

    def discard(self) -> None:
        """Drop what is not finished."""
        if self._sound:
            self._sound.close()
        if self._container is not None:
            with suppress(av.error.FFmpegError):  # it was said already why it cannot be written
                self._container.close()
        self._file.discard()

    def __enter__(self) -> MovieWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    @property
    def _time_base(self) -> Fraction:
        return self.form.time_base if self.form.times is not None and self.form.time_base else 1 / self.form.rate

    def _new_stream(self) -> Any:
        form, codec = self.form, self.form.codec
        stream = self._container.add_stream(codec.encoder, rate=form.rate, options=dict(codec.options))
        stream.width, stream.height, stream.pix_fmt = form.width, form.height, self._coding.pixel_format
        context = stream.codec_context
        context.time_base = self._time_base
        context.color_range = _RANGES[self._coding.full_range]
        context.color_primaries, context.color_trc = _primaries(form.colour, codec), form.colour.transfer
        context.colorspace = self._coding.matrix
        context.sample_aspect_ratio = form.pixel_aspect
        if codec.encoder == "libx265" and self._container.format.name != "matroska":
            context.codec_tag = "hvc1"  # players of Apple know it under that name alone
        if self._fields:
            context.flags |= _INTERLACED
        if form.timecode:
            stream.metadata["timecode"] = form.timecode
        return stream

    @property
    def _fields(self) -> bool:
        return self.form.interlaced and self.form.codec.takes_fields


def _primaries(colour: Colour, codec: Codec) -> int:
    """The primaries that an encoder can write: x265 refuses those that came into H.273 late."""
    late = codec.encoder == "libx265" and colour.primaries > _HIGHEST_PRIMARIES_OF_X265
    return UNSPECIFIED if late else colour.primaries


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what FFmpeg says while a file is written into InputError; what the system says stays an OSError."""
    try:
        yield
    except av.error.FFmpegError as error:
        if getattr(error, "errno", None) in _OF_SYSTEM:
            raise
        raise InputError(f"{path} cannot be written: {reason_of(error)}") from None
