"""Small movies, made by PyAV for each test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from relumix.movie import CODECS, Form, Movie, MovieWriter
from relumix.movie.codecs import container_of
from relumix.movie.colour import Colour
from relumix.movie.pixels import of_rgb, planes_of
from relumix.types import Float32

SIZE = (64, 48)
REC_709 = Colour(1, 1, 1, False)


def picture(index: int, size: tuple[int, int] = SIZE, alpha: bool = False) -> Float32:
    """[h, w, 3] or, with alpha, [h, w, 4], coded: smooth, colourful, another for each index, within 0.1 to 0.8."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    red, green = 0.15 + 0.5 * x / width, 0.2 + 0.4 * y / height
    blue = 0.4 + 0.2 * np.sin((x + 2 * index) / 20) * np.cos(y / 17)
    channels = [red, green, blue, np.clip(1.5 * x / width, 0, 1)]
    return np.stack(channels[: 4 if alpha else 3], axis=-1).astype(np.float32)


def grain(index: int, size: tuple[int, int] = SIZE, spread: float = 0.02) -> Float32:
    """`picture` with grain of a standard deviation, of white, that is another at each pixel and channel."""
    noise = np.random.default_rng(index).normal(0, spread, (size[1], size[0], 3))
    return (picture(index, size) + noise).astype(np.float32)


def noise(index: int, size: tuple[int, int] = SIZE) -> Float32:
    """[h, w, 3], coded: anything from below black to above white, which no encoder can guess."""
    return np.random.default_rng(index).uniform(-0.05, 1.05, (size[1], size[0], 3)).astype(np.float32)


def write(
    path: Path,
    codec: str,
    frames: int = 8,
    size: tuple[int, int] = SIZE,
    shows: Callable[..., Float32] | None = None,
    **form: Any,
) -> Path:
    """Write a movie of `picture`s, or of what `shows` makes, by the writer of the product."""
    made = Form(CODECS[codec], *size, **{"rate": Fraction(24), "colour": REC_709, **form})
    with MovieWriter(path, made) as writer:
        for index in range(frames):
            writer.add(shows(index, size) if shows else picture(index, size, made.alpha))
    return path


def lost(path: Path, codec: str, shows: Callable[..., Float32], size: tuple[int, int], frames: int = 2) -> Float32:
    """Write what `shows` makes; return by how many codes, of the bits that are written, each sample comes back off."""
    write(path, codec, frames, size, shows)
    off = []
    with Movie(path) as movie:
        coding = Form(CODECS[codec], *size, Fraction(24), REC_709).coding_in(container_of(path))
        step = 2.0 ** (movie.info.coding.depth_bits - coding.depth_bits)
        for at, frame in enumerate(movie.info.frames):
            went, came = planes_of(of_rgb(shows(at, size), coding)[0]), planes_of(movie._whole(frame))
            off += [np.abs(np.rint(came[name] / step) - went[name]).ravel() for name in went]
    return np.concatenate(off).astype(np.float32)


def flat(
    path: Path,
    levels: Sequence[int],
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    *,
    size: tuple[int, int] = SIZE,
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 24),
    rotation: int = 0,
    sound: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write frames of one luma code each, by PyAV alone, with sound of a codec if asked for."""
    quiet = {"x265-params": "log-level=error"} if codec == "libx265" else {}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=24, options={**quiet, **(options or {})})
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        stream.codec_context.time_base = time_base
        if rotation:
            stream.set_display_rotation(rotation)
        track: Any = container.add_stream(sound, rate=48000, layout="stereo") if sound else None
        for at, level in enumerate(levels):
            frame: Any = av.VideoFrame(*size, pixel_format)
            for name, plane in planes_of(frame).items():
                plane[...] = level if name == "Y" else 128 << (frame.format.components[0].bits - 8)
            frame.pts, frame.time_base = times[at] if times else at, time_base
            container.mux(stream.encode(frame))
        if track:
            _beep(container, track, len(levels) * 2000)
        container.mux(stream.encode(None))
    return path


def remuxed(path: Path, source: Path, change: Callable[[int, Any], Any] | None = None, **options: Any) -> Path:
    """Write the packets of a movie's pictures into another, as they are stored.

    change  may change each, by its place, or return False to leave it out.
    """
    with av.open(str(source)) as movie, av.open(str(path), "w", **options) as container:
        video = movie.streams.video[0]
        stream = container.add_stream_from_template(video)
        for at, packet in enumerate(each for each in movie.demux(video) if each.size):
            if change is None or change(at, packet) is not False:
                packet.stream = stream
                container.mux(packet)
    return path


def later(packet: Any, frames: int, rate: int = 24) -> None:
    """Shift the times of a packet by frames."""
    ticks = round(Fraction(frames, rate) / packet.time_base)
    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks


def _beep(container: Any, track: Any, samples: int) -> None:
    kind = track.codec_context.format.name
    for at in range(0, samples, 1024):
        wave = np.sin(np.arange(at, min(at + 1024, samples)) / 17).astype(np.float32) / 2
        both = np.stack([wave, wave]) if kind == "fltp" else (np.repeat(wave, 2)[None] * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(both, format="fltp" if kind == "fltp" else "s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, at, Fraction(1, 48000)
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def luma(rgb: Float32) -> int:
    """The code of luma of a flat grey 8-bit frame of limited range."""
    return round(float(rgb.mean()) * 219 + 16)


def heard(path: Path) -> tuple[float, NDArray[Any]]:
    """When the sound of a movie begins, in seconds, and its samples."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    return float(frames[0].pts * frames[0].time_base), np.concatenate([f.to_ndarray().reshape(-1) for f in frames])
