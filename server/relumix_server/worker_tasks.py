"""What is done to frames at full size, one at a time: all of it in worker processes, on files.

Each function returns plain values and arrays, and is told everything it needs.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from relumix.errors import FrameError, InputError
from relumix.gain.downsample import Canvas
from relumix.gain.gain_transfer import Gain
from relumix.gain.proxy import ProxyReference
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.write_frame import Finisher
from relumix.settings import Settings
from relumix.shot.images import ImageError, data_window, display_window, opened, what_went_wrong
from relumix.shot.layout import layout_of
from relumix.shot.plate import Plate
from relumix.shot.sequence import OutputPattern
from relumix.shot.sequence import Sequence as Shot
from relumix.shot.source import PlateSource
from relumix.types import Float32
from relumix.util.stopwatch import Stopwatch

DTYPES = {"half": np.float16, "float": np.float32}


class TooLargeError(Exception):
    """A file has more pixels than the server takes. Its text is one line."""


@dataclass(frozen=True)
class Frame:
    """One frame of a session's shot, and the files that belong to it.

    session          what keeps the first files of sessions apart.
    first, path      file of the shot's first frame, which says how all of them are laid out; and of this frame.
    reference, mask  files, None where this frame has none.
    reference_names  what all references of the job are called, by frame.
    use_alpha        whether the plate's alpha says something (see relumix.shot.source).
    max_pixels       of any of these files.
    """

    session: str
    settings: Settings
    frame: int
    path: Path
    first_frame: int
    first: Path
    reference: Path | None = None
    mask: Path | None = None
    reference_names: Mapping[int, str] = field(default_factory=dict)
    use_alpha: bool = True
    max_pixels: int = 1 << 27


@dataclass(frozen=True)
class Shape:
    """Planes of pixels: [height, width, len(channels)], `kind` being "half" or "float"."""

    width: int
    height: int
    channels: tuple[str, ...]
    kind: str

    @property
    def total_bytes(self) -> int:
        """Size of the planes."""
        return self.width * self.height * len(self.channels) * np.dtype(DTYPES[self.kind]).itemsize


@dataclass(frozen=True)
class _SentSource(PlateSource):
    """A PlateSource whose references are called otherwise than their files."""

    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def reference_names(self) -> dict[int, str]:
        return dict(self.names)


@lru_cache(maxsize=32)
def _plate(session: str, first_frame: int, first: Path, settings: Settings) -> Plate:
    """The plate of a session; only its first file is looked at, once."""
    return Plate(
        Shot.of({first_frame: first}), layer=settings.layer, view=settings.view, colorspace=settings.colorspace
    )


def _source(frame: Frame) -> _SentSource:
    for path in {frame.first, frame.path, frame.reference, frame.mask} - {None}:
        _refuse_large(path, frame.max_pixels)
    plate = copy.copy(_plate(frame.session, frame.first_frame, frame.first, frame.settings))
    shot = plate.sequence = Shot.of({frame.first_frame: frame.first, frame.frame: frame.path})
    return _SentSource(
        shot=shot,
        plate=plate,
        reference_paths={frame.frame: frame.reference} if frame.reference else {},
        masks=Shot.of({frame.frame: frame.mask}) if frame.mask else None,
        settings=frame.settings,
        watch=Stopwatch(),
        use_alpha=frame.use_alpha,
        names=frame.reference_names,
    )


def _refuse_large(path: Path | None, most: int) -> None:
    """Raise TooLargeError where a file has too many pixels; one that cannot be read is told of when it is."""
    if path is None:
        return
    try:
        with opened(path, unassociated=True) as image:
            layout = layout_of(image, path)
    except ImageError:
        return
    for levels in layout.specs:
        window = data_window(levels[0]).union(display_window(levels[0]))
        deepest = window.width * window.height * max(1.0, levels[0].nchannels / 64)
        if deepest > most:
            raise TooLargeError(
                f"{path} is {window.width}x{window.height} with {levels[0].nchannels} channels: "
                f"this server takes up to {most} pixels a frame"
            )


def begin(frame: Frame) -> dict[str, Any]:
    """Read the first reference. Returns whether alpha counts, warnings, the canvas, and what `light` does."""
    source = _source(frame).judged()
    canvas, lights = DownsampledShot(source, frame.settings.work_size).lights()
    return {
        "use_alpha": source.use_alpha,
        "warnings": list(source.warnings),
        "canvas": [*_box(canvas.window), canvas.width, canvas.height, canvas.exposure],
        **_arrays(*lights[frame.frame]),
        "seconds": source.watch.seconds(),
    }


def light(frame: Frame, canvas: Canvas) -> dict[str, Any]:
    """Read a reference. Returns what makes a WorkingReference, and its grade."""
    source = _source(frame)
    arrays = _arrays(*DownsampledShot(source, frame.settings.work_size).light(canvas, frame.frame))
    return {**arrays, "seconds": source.watch.seconds()}


def _arrays(seen: ProxyReference, grade: Float32) -> dict[str, Any]:
    return {"rgb": seen.rgb, "known": seen.known, "stops": seen.stops, "lit": seen.lit, "grade": grade}


def look(frame: Frame, canvas: Canvas) -> dict[str, Any]:
    """Read a plate frame. Returns what makes a WorkingFrame."""
    source = _source(frame)
    seen = DownsampledShot(source, frame.settings.work_size).frame(canvas, frame.frame)
    return {"rgb": seen.rgb, "known": seen.known, "seconds": source.watch.seconds()}


def finish(frame: Frame, canvas: Canvas, gain: Gain, key: str, result: Path, gain_map: Path | None) -> dict[str, Any]:
    """Relight a frame and write it, and its gain map where that is wanted. Returns how many pixels were not finite."""
    source = _source(frame)
    output, gain_output = (
        OutputPattern(path, source.shot, [frame.frame]) if path else None for path in (result, gain_map)
    )
    assert output is not None
    done = Finisher(source, canvas, output, gain_output, lambda _: key, show=False).finish(gain)
    if isinstance(done, FrameError):
        raise done
    return {"nonfinite": done.event.nonfinite_pixels, "seconds": source.watch.seconds()}


def pack(raw: Path, shape: Shape, path: Path) -> dict[str, Any]:
    """Make an uncompressed OpenEXR file of raw planes."""
    values = np.fromfile(raw, np.dtype(DTYPES[shape.kind]).newbyteorder("<"))
    pixels = values.astype(DTYPES[shape.kind]).reshape(shape.height, shape.width, len(shape.channels))
    spec = oiio.ImageSpec(shape.width, shape.height, len(shape.channels), shape.kind)
    spec.channelnames = shape.channels
    spec.attribute("compression", "none")
    output = oiio.ImageOutput.create(str(path))
    if output is None or not (output.open(str(path), spec) and output.write_image(pixels) and output.close()):
        raise InputError(f"{raw} cannot be kept: {what_went_wrong(output or oiio)}")
    return {}


def unpack(path: Path, raw: Path, channels: tuple[str, ...], kind: str) -> dict[str, Any]:
    """Make raw planes of an OpenEXR file that this server wrote. Returns their width and height."""
    with opened(path, unassociated=True) as image:
        spec = image.spec()
        pixels: NDArray[Any] = np.asarray(image.read_image(0, 0, 0, spec.nchannels, kind), DTYPES[kind])
    order = [list(spec.channelnames).index(name) for name in channels]
    np.ascontiguousarray(pixels[..., order]).tofile(raw)
    return {"width": spec.width, "height": spec.height}


def _box(window: Any) -> list[int]:
    return [window.x, window.y, window.width, window.height]


TASKS = {task.__name__: task for task in (begin, light, look, finish, pack, unpack)}
"""What a worker can be asked for, by name."""
