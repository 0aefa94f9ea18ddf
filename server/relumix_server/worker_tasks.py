"""The tasks of worker processes: everything that touches full-size frames, on files.

A task is a dataclass that holds everything it needs. It crosses to a worker process, which calls `run`; what comes back
crosses as plain values and arrays alone, of which the server makes the task's `result_type`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
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
from relumix.shot.box import Box
from relumix.shot.images import data_window, display_window, opened, what_went_wrong
from relumix.shot.sequence import OutputPattern
from relumix.shot.source import told_matte
from relumix.types import Float32
from relumix.util.native_name import native_name
from relumix.v1 import relight_pb2 as pb
from relumix_server.beneath import FileBeneath
from relumix_server.frame_files import DTYPES, FrameFiles, PlaneShape, most_written, opened_source

# Results. Fields are plain values and arrays: nothing else is accepted from a worker.


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """The result of a task. seconds: its work by stage (see relumix.util.stopwatch)."""

    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FrameRead(TaskResult):
    """The fields of a ProxyFrame. written: the most bytes that its files can have (see most_written)."""

    rgb: Float32
    known: Float32
    exposure: float
    noise: float
    written: dict[int, int]

    def proxy(self, frame: int) -> ProxyFrame:
        """Return the frame as engines see it."""
        return ProxyFrame(frame, self.rgb, self.known, exposure=self.exposure, noise=self.noise)


@dataclass(frozen=True, kw_only=True)
class ReferenceRead(FrameRead):
    """The fields of a ProxyReference, and its median gain [3] in stops."""

    gain_stops: Float32
    lit: Float32
    median_gain: Float32

    def light(self, frame: int) -> Light:
        """Return the light of the reference."""
        arrays = self.rgb, self.known, self.gain_stops, self.lit
        return ProxyReference(frame, *arrays, exposure=self.exposure, noise=self.noise), self.median_gain


@dataclass(frozen=True, kw_only=True)
class AlphaSeen(TaskResult):
    """matte: whether the plate's alpha is no coverage; warnings: what is to be said of it."""

    matte: bool
    warnings: list[str]


@dataclass(frozen=True, kw_only=True)
class FirstReferenceRead(ReferenceRead):
    """The first reference, with what the whole shot takes from it.

    matte, warnings  see AlphaSeen.
    box              x, y, width and height of what engines see, in plate pixels.
    size             its width and height in the proxy.
    """

    matte: bool
    warnings: list[str]
    box: tuple[int, int, int, int]
    size: tuple[int, int]

    @property
    def canvas(self) -> Canvas:
        """The canvas of the shot."""
        return Canvas(Box(*self.box), *self.size)


@dataclass(frozen=True, kw_only=True)
class WorkingSize(TaskResult):
    """width, height: of a shot at the working size; 0 where that cannot be told."""

    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class FrameWritten(TaskResult):
    """nonfinite_pixels: of the plate; matte: see relumix.pipeline.run.Made."""

    nonfinite_pixels: int
    matte: bool


# The tasks.

Result = TypeVar("Result", bound=TaskResult)


class Task(ABC, Generic[Result]):
    """Work for one worker process. result_type: what `run` returns, made again on the server's side."""

    result_type: ClassVar[type[TaskResult]] = TaskResult

    @abstractmethod
    def run(self) -> Result:
        """Do it. Raises FrameError, InputError and TooLargeError."""


@dataclass(frozen=True)
class LookAtAlpha(Task[AlphaSeen]):
    """Look at the plate of a reference, to tell whether its alpha is coverage."""

    files: FrameFiles
    result_type = AlphaSeen

    def run(self) -> AlphaSeen:
        """Look at it. Raises FrameError, InputError and TooLargeError."""
        with opened_source(self.files) as source:
            if source.plate.choice.alpha is None:
                return AlphaSeen(matte=False, warnings=[])
            picture = source.read(self.files.frame)
            matte = picture.matte is not None
            warnings = [told_matte(picture.path)] if matte else []
            return AlphaSeen(matte=matte, warnings=warnings, seconds=source.watch.seconds())


@dataclass(frozen=True)
class MeasureWorkingSize(Task[WorkingSize]):
    """Find out how large a shot is at the working size, from the header of its first reference's plate alone."""

    files: FrameFiles
    result_type = WorkingSize

    def run(self) -> WorkingSize:
        """Measure it. Raises FrameError, InputError and TooLargeError."""
        with opened_source(self.files) as source:
            if source.layout is None:  # It cannot be read, as who reads it will say.
                return WorkingSize(width=0, height=0)
            # Of the largest part, whichever is relit: an upper bound.
            windows = [data_window(levels[0]).union(display_window(levels[0])) for levels in source.layout.specs]
            sizes = [Canvas.fit(window, self.files.settings.work_size) for window in windows]
            largest = max(sizes, key=lambda size: size.width * size.height)
            return WorkingSize(width=largest.width, height=largest.height)


@dataclass(frozen=True)
class ReadFirstReference(Task[FirstReferenceRead]):
    """Read the first reference of a shot, and its plate."""

    files: FrameFiles
    result_type = FirstReferenceRead

    def run(self) -> FirstReferenceRead:
        """Read it. Raises FrameError, InputError and TooLargeError."""
        with opened_source(self.files) as found:
            source = found.with_alpha_read()
            canvas, lights = DownsampledShot(source, self.files.settings.work_size).lights()
            seen = canvas.window
            return FirstReferenceRead(
                **_fields(*lights[self.files.frame]),
                matte=source.plate.matte,
                warnings=list(source.warnings),
                box=(seen.x, seen.y, seen.width, seen.height),
                size=(canvas.width, canvas.height),
                written=most_written(found),
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
        with opened_source(self.files) as source:
            light = DownsampledShot(source, self.files.settings.work_size).light(self.canvas, self.files.frame)
            return ReferenceRead(**_fields(*light), written=most_written(source), seconds=source.watch.seconds())


@dataclass(frozen=True)
class ReadFrame(Task[FrameRead]):
    """Read a plate frame."""

    files: FrameFiles
    canvas: Canvas
    result_type = FrameRead

    def run(self) -> FrameRead:
        """Read it. Raises FrameError, InputError and TooLargeError."""
        with opened_source(self.files) as source:
            proxy = DownsampledShot(source, self.files.settings.work_size).frame(self.canvas, self.files.frame)
            written, seconds = most_written(source), source.watch.seconds()
            return FrameRead(**_seen(proxy), written=written, seconds=seconds)


@dataclass(frozen=True)
class RelightFrame(Task[FrameWritten]):
    """Relight a frame and write it, and its light maps where those are wanted.

    key      what the frame is made from, written into it (see relumix.pipeline.fingerprint).
    outputs  files to write by pb.Role, that of the result among them.
    """

    files: FrameFiles
    canvas: Canvas
    gain: Gain
    key: str
    outputs: Mapping[pb.Role, Path]
    result_type = FrameWritten

    def run(self) -> FrameWritten:
        """Write it. Raises FrameError, InputError and TooLargeError."""
        with opened_source(self.files) as source:
            outputs = {
                role: OutputPattern(path, source.shot, [self.files.frame]) for role, path in self.outputs.items()
            }
            maps = outputs.get(pb.ROLE_GAIN), outputs.get(pb.ROLE_CONFIDENCE)
            writer = FrameWriter(source, outputs[pb.ROLE_RESULT], *maps, lambda _: self.key)
            done = writer.write(self.canvas, self.gain)
            if isinstance(done, FrameError):
                raise done
            return FrameWritten(
                nonfinite_pixels=done.event.nonfinite_pixels, matte=done.matte, seconds=source.watch.seconds()
            )


@dataclass(frozen=True)
class PutFile(Task[TaskResult]):
    """Move a file of the spool to a client's path."""

    made: Path
    file: FileBeneath

    def run(self) -> TaskResult:
        """Write it. Raises InputError."""
        try:
            self.file.put(self.made)
        except OSError as error:
            raise InputError(f"{self.file.path} cannot be written: {error.strerror or error}") from None
        return TaskResult()


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
        path.touch()
        with native_name(path) as name:
            output = oiio.ImageOutput.create(name)
            kept = output and output.open(name, spec) and output.write_image(pixels) and output.close()
        if not kept:
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


def _seen(frame: ProxyFrame) -> dict[str, Any]:
    return {"rgb": frame.rgb, "known": frame.known, "exposure": frame.exposure, "noise": frame.noise}


def _fields(reference: ProxyReference, median_gain: Float32) -> dict[str, Any]:
    return {
        **_seen(reference),
        "gain_stops": reference.gain_stops,
        "lit": reference.lit,
        "median_gain": np.asarray(median_gain, np.float32),
    }
