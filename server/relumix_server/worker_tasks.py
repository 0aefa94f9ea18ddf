"""What is done to frames at full size, one at a time: all of it in worker processes, on files.

A task is a dataclass that holds everything it needs. It crosses to a worker process, which calls `run`; what comes back
crosses as plain values and arrays alone, of which the server makes the task's `result_type`.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from relumix.errors import FrameError, InputError
from relumix.gain.downsample import Canvas
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.gain.proxy_shot import DownsampledShot, Light
from relumix.gain.transfer import Gain
from relumix.pipeline.write_frame import FrameWriter
from relumix.settings import Settings
from relumix.shot.box import Box
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
class FrameFiles:
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
class PlaneShape:
    """Planes of pixels: [height, width, len(channels)], `kind` being "half" or "float"."""

    width: int
    height: int
    channels: tuple[str, ...]
    kind: str

    @property
    def total_bytes(self) -> int:
        """Size of the planes."""
        return self.width * self.height * len(self.channels) * np.dtype(DTYPES[self.kind]).itemsize


# What comes back. Fields are plain values and arrays: nothing else crosses from a worker.


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """What a task gives. seconds: its work by stage (see relumix.util.stopwatch)."""

    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FrameRead(TaskResult):
    """The fields of a ProxyFrame."""

    rgb: Float32
    known: Float32

    def proxy(self, frame: int) -> ProxyFrame:
        """Return the frame as engines see it."""
        return ProxyFrame(frame, self.rgb, self.known)


@dataclass(frozen=True, kw_only=True)
class ReferenceRead(FrameRead):
    """The fields of a ProxyReference, and its median gain [3] in stops."""

    gain_stops: Float32
    lit: Float32
    median_gain: Float32

    def light(self, frame: int) -> Light:
        """Return the light of the reference."""
        return ProxyReference(frame, self.rgb, self.known, self.gain_stops, self.lit), self.median_gain


@dataclass(frozen=True, kw_only=True)
class FirstReferenceRead(ReferenceRead):
    """The first reference also says what holds for the whole shot.

    use_alpha  whether the plate's alpha says something.
    box        x, y, width and height of what engines see, in plate pixels; size: its width and height in the proxy.
    exposure   see relumix.gain.downsample.Canvas.
    """

    use_alpha: bool
    warnings: list[str]
    box: tuple[int, int, int, int]
    size: tuple[int, int]
    exposure: float

    @property
    def canvas(self) -> Canvas:
        """What engines see of the shot."""
        return Canvas(Box(*self.box), *self.size, self.exposure)


@dataclass(frozen=True, kw_only=True)
class FrameWritten(TaskResult):
    """nonfinite_pixels: of the plate."""

    nonfinite_pixels: int


# The tasks.

Result = TypeVar("Result", bound=TaskResult)


class Task(ABC, Generic[Result]):
    """Work for one worker process. result_type: what `run` returns, made again on the server's side."""

    result_type: ClassVar[type[TaskResult]] = TaskResult

    @abstractmethod
    def run(self) -> Result:
        """Do it. Raises FrameError, InputError and TooLargeError."""


@dataclass(frozen=True)
class ReadFirstReference(Task[FirstReferenceRead]):
    """Read the first reference of a shot, and its plate."""

    files: FrameFiles
    result_type = FirstReferenceRead

    def run(self) -> FirstReferenceRead:
        """Read it. Raises FrameError, InputError and TooLargeError."""
        source = _source(self.files).judged()
        canvas, lights = DownsampledShot(source, self.files.settings.work_size).lights()
        seen = canvas.window
        return FirstReferenceRead(
            **_fields(*lights[self.files.frame]),
            use_alpha=source.use_alpha,
            warnings=list(source.warnings),
            box=(seen.x, seen.y, seen.width, seen.height),
            size=(canvas.width, canvas.height),
            exposure=canvas.exposure,
            seconds=source.watch.seconds(),
        )


@dataclass(frozen=True)
class ReadReference(Task[ReferenceRead]):
    """Read another reference, and its plate."""

    files: FrameFiles
    canvas: Canvas
    result_type = ReferenceRead

    def run(self) -> ReferenceRead:
        """Read it. Raises FrameError, InputError and TooLargeError."""
        source = _source(self.files)
        light = DownsampledShot(source, self.files.settings.work_size).light(self.canvas, self.files.frame)
        return ReferenceRead(**_fields(*light), seconds=source.watch.seconds())


@dataclass(frozen=True)
class ReadFrame(Task[FrameRead]):
    """Read a plate frame."""

    files: FrameFiles
    canvas: Canvas
    result_type = FrameRead

    def run(self) -> FrameRead:
        """Read it. Raises FrameError, InputError and TooLargeError."""
        source = _source(self.files)
        seen = DownsampledShot(source, self.files.settings.work_size).frame(self.canvas, self.files.frame)
        return FrameRead(rgb=seen.rgb, known=seen.known, seconds=source.watch.seconds())


@dataclass(frozen=True)
class RelightFrame(Task[FrameWritten]):
    """Relight a frame and write it, and its gain map where that is wanted.

    key                what the frame is made from, written into it (see relumix.pipeline.fingerprint).
    result, gain_path  files to write; gain_path None: no gain map.
    """

    files: FrameFiles
    canvas: Canvas
    gain: Gain
    key: str
    result: Path
    gain_path: Path | None
    result_type = FrameWritten

    def run(self) -> FrameWritten:
        """Write it. Raises FrameError, InputError and TooLargeError."""
        source = _source(self.files)
        output, gain_output = (
            OutputPattern(path, source.shot, [self.files.frame]) if path else None
            for path in (self.result, self.gain_path)
        )
        assert output is not None
        done = FrameWriter(source, self.canvas, output, gain_output, lambda _: self.key, show=False).finish(self.gain)
        if isinstance(done, FrameError):
            raise done
        return FrameWritten(nonfinite_pixels=done.event.nonfinite_pixels, seconds=source.watch.seconds())


@dataclass(frozen=True)
class PackPlanes(Task[TaskResult]):
    """Make an uncompressed OpenEXR file of raw planes."""

    raw: Path
    shape: PlaneShape
    path: Path

    def run(self) -> TaskResult:
        """Write it. Raises InputError."""
        shape, path = self.shape, self.path
        values = np.fromfile(self.raw, np.dtype(DTYPES[shape.kind]).newbyteorder("<"))
        pixels = values.astype(DTYPES[shape.kind]).reshape(shape.height, shape.width, len(shape.channels))
        spec = oiio.ImageSpec(shape.width, shape.height, len(shape.channels), shape.kind)
        spec.channelnames = shape.channels
        spec.attribute("compression", "none")
        output = oiio.ImageOutput.create(str(path))
        if output is None or not (output.open(str(path), spec) and output.write_image(pixels) and output.close()):
            raise InputError(f"{self.raw} cannot be kept: {what_went_wrong(output or oiio)}")
        return TaskResult()


@dataclass(frozen=True)
class UnpackPlanes(Task[TaskResult]):
    """Make raw planes of an OpenEXR file that this server wrote."""

    path: Path
    raw: Path
    channels: tuple[str, ...]
    kind: str

    def run(self) -> TaskResult:
        """Write them."""
        with opened(self.path, unassociated=True) as image:
            spec = image.spec()
            pixels: NDArray[Any] = np.asarray(image.read_image(0, 0, 0, spec.nchannels, self.kind), DTYPES[self.kind])
        order = [list(spec.channelnames).index(name) for name in self.channels]
        np.ascontiguousarray(pixels[..., order]).tofile(self.raw)
        return TaskResult()


# How a worker reads files.


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


def _source(files: FrameFiles) -> _SentSource:
    for path in {files.first, files.path, files.reference, files.mask} - {None}:
        _refuse_large(path, files.max_pixels)
    plate = copy.copy(_plate(files.session, files.first_frame, files.first, files.settings))
    shot = plate.sequence = Shot.of({files.first_frame: files.first, files.frame: files.path})
    return _SentSource(
        shot=shot,
        plate=plate,
        reference_paths={files.frame: files.reference} if files.reference else {},
        masks=Shot.of({files.frame: files.mask}) if files.mask else None,
        settings=files.settings,
        watch=Stopwatch(),
        use_alpha=files.use_alpha,
        names=files.reference_names,
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
        extent = data_window(levels[0]).union(display_window(levels[0]))
        deepest = extent.width * extent.height * max(1.0, levels[0].nchannels / 64)
        if deepest > most:
            raise TooLargeError(
                f"{path} is {extent.width}x{extent.height} with {levels[0].nchannels} channels: "
                f"this server takes up to {most} pixels a frame"
            )


def _fields(seen: ProxyReference, median_gain: Float32) -> dict[str, Float32]:
    return {
        "rgb": seen.rgb,
        "known": seen.known,
        "gain_stops": seen.gain_stops,
        "lit": seen.lit,
        "median_gain": np.asarray(median_gain, np.float32),
    }
