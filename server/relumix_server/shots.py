"""The shot of one session: its frames come by stream or by path, and worker processes read and write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from google.rpc import code_pb2

from relumix.errors import FrameError, InputError
from relumix.gain.downsample import Canvas
from relumix.gain.proxy import ProxyFrame
from relumix.gain.proxy_shot import Light
from relumix.gain.transfer import Gain
from relumix.util.stopwatch import Stopwatch
from relumix.v1 import relight_pb2 as pb
from relumix_server.chunk_rules import ReceivedFrame
from relumix_server.frame_files import AnyFile, FrameFiles, PlaneShape
from relumix_server.frame_receiver import FrameReceiver
from relumix_server.options import Options
from relumix_server.request import Paths, Request
from relumix_server.spool import Spool, full
from relumix_server.status_errors import Code, CodedFrameError, StatusError, code_of
from relumix_server.worker_tasks import (
    PackPlanes,
    PutFile,
    ReadFirstReference,
    ReadFrame,
    ReadReference,
    RelightFrame,
    Result,
    Task,
    UnpackPlanes,
)
from relumix_server.workers import OverLimitError, WorkerDiedError, WorkerError, Workers

ENGINE_BYTES_PER_PIXEL = 120
"""Peak memory of an engine for each proxy pixel of a window: flow was measured at 115 (960x540, 16 frames)."""


@dataclass(frozen=True)
class FinishedFrame:
    """A frame that was relit. Its files are None where they were written by path.

    shape  of the planes of `result` and `gain`, None for OpenEXR.
    """

    frame: int
    nonfinite_pixels: int
    result: Path | None = None
    gain: Path | None = None
    shape: PlaneShape | None = None
    gain_shape: PlaneShape | None = None


class SessionShot:
    """A relumix.gain.proxy_shot.ProxyShot that also finishes its frames. Thread-safe."""

    def __init__(
        self,
        request: Request,
        receiver: FrameReceiver,
        workers: Workers,
        spool: Spool,
        watch: Stopwatch,
        limits: Options,
    ) -> None:
        self._request, self._receiver, self._workers = request, receiver, workers
        self._spool, self.watch, self._limits = spool, watch, limits
        self._use_alpha = True
        self._made: set[Path] = set()
        self._written: dict[int, tuple[int, int]] = {}
        self._last_needed: dict[int, list[int]] = {}
        for source, last in request.last_use.items():
            if last is not None:
                self._last_needed.setdefault(last, []).append(source)
        self.warnings: list[str] = []

    @property
    def frames(self) -> Sequence[int]:
        """All frames of the shot, ascending."""
        return self._request.frames

    @property
    def name(self) -> str:
        """The client's name of its first file, without folders; '' until it arrives."""
        return _without_folders(self._name(pb.ROLE_SOURCE, self.frames[0]))

    @property
    def references(self) -> Sequence[int]:
        """Frames that have a relit version, ascending."""
        return self._request.references

    def lights(self) -> tuple[Canvas, dict[int, Light]]:
        """Read the references (see ProxyShot)."""
        first = self.references[0]
        try:
            read = self._call(first, ReadFirstReference(self._files(first, reference=True)))
            self._use_alpha, self.warnings = read.use_alpha, [self._as_sent(text) for text in read.warnings]
            self._written[first] = read.written
            self._refuse_large(read.canvas)
            others = {frame: self._light(read.canvas, frame) for frame in self.references[1:]}
            return read.canvas, {first: read.light(first), **others}
        except FrameError as error:
            text = f"the plate of reference frame {error.frame} cannot be read: {error}"
            raise _of_job(text, error) from error

    def _refuse_large(self, canvas: Canvas) -> None:
        """Raise StatusError where a window would take too much of the engine's memory."""
        windows = (self._request.plan.windows[i] for i in self._request.windows)
        frames = max((len(window.frames) for window in windows), default=0)
        needed = frames * canvas.width * canvas.height * ENGINE_BYTES_PER_PIXEL
        if needed > self._limits.window_memory:
            given = self._limits.window_memory >> 20
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                f"{frames} frames at {canvas.width}x{canvas.height} would take some {needed >> 20} MiB at once, "
                f"and this server gives {given}: choose a smaller work_size",
            )

    def frame(self, canvas: Canvas, frame: int) -> ProxyFrame:
        """Return a plate frame. Raises FrameError."""
        read = self._call(frame, ReadFrame(self._files(frame), canvas))
        self._written[frame] = read.written
        return read.proxy(frame)

    def await_frames(self, frames: Iterable[int]) -> None:
        """Return when each of these plate frames has arrived, or will not come."""
        for frame in frames:
            with suppress(FrameError):
                self._path(pb.ROLE_SOURCE, frame)

    def _light(self, canvas: Canvas, frame: int) -> Light:
        read = self._call(frame, ReadReference(self._files(frame, reference=True), canvas))
        self._written[frame] = read.written
        return read.light(frame)

    def finish(self, canvas: Canvas, gain: Gain | FrameError) -> FinishedFrame | FrameError:
        """Relight and write a frame; returns what failed. Raises InputError where no frame can be written."""
        if isinstance(gain, FrameError):
            return gain
        try:
            return self._finish(canvas, gain)
        except FrameError as error:
            return error

    def _finish(self, canvas: Canvas, gain: Gain) -> FinishedFrame:
        request, frame = self._request, gain.frame
        files = self._files(frame, reference=frame in self.references, mask=request.mask_of(frame))
        most_result, most_gain = self._written[frame]
        result = self._make(
            ".exr", 2 * most_result
        )  # twice, since OpenImageIO's file and the one with its header exist at once
        gain_map = (
            self._make(".exr", 2 * most_gain) if request.gains or (request.paths and request.paths.gains) else None
        )
        try:
            task = RelightFrame(files, canvas, gain, request.keys.get(frame, ""), result, gain_map)
            made = FinishedFrame(frame, self._call(frame, task).nonfinite_pixels, result, gain_map)
            if request.raw:
                made = self._unpacked(made)
            if request.paths:
                return self._put(made, request.paths)
        except BaseException as error:
            self._drop(result, gain_map)
            if isinstance(error, InputError):
                raise self._unwritten(frame, result, str(error)) from error
            raise
        for path in (made.result, made.gain):
            if path:
                self._spool.settle(path)
        return made

    def _put(self, made: FinishedFrame, paths: Paths) -> FinishedFrame:
        """Move a frame's files to the client's paths; the gain map first, as the command does."""
        for path, files in ((made.gain, paths.gains), (made.result, paths.results)):
            if path:
                self._call(made.frame, PutFile(path, files[made.frame]))
        self._drop(made.result, made.gain)
        return FinishedFrame(made.frame, made.nonfinite_pixels)

    def _unwritten(self, frame: int, result: Path, text: str) -> Exception:
        if "no space left" in text:
            return full()
        return InputError(text.replace(str(result), f"the result of frame {frame}"))

    def _unpacked(self, made: FinishedFrame) -> FinishedFrame:
        """Return a frame as raw planes of its source's type, instead of OpenEXR files."""
        shape = self._receiver.wait(pb.ROLE_SOURCE, made.frame).shape
        assert shape is not None
        shape = replace(shape, kind=self._request.settings.bits or shape.kind)
        gain_shape = PlaneShape(shape.width, shape.height, ("R", "G", "B"), "half")
        result = self._planes(made.frame, made.result, shape)
        gain = self._planes(made.frame, made.gain, gain_shape)
        return FinishedFrame(made.frame, made.nonfinite_pixels, result, gain, shape, gain_shape)

    def _planes(self, frame: int, path: Path | None, shape: PlaneShape) -> Path | None:
        if path is None:
            return None
        planes = self._make(".raw", shape.total_bytes)
        self._call(frame, UnpackPlanes(path, planes, shape.channels, shape.kind))
        self._drop(path)
        return planes

    def _make(self, suffix: str, expected_bytes: int) -> Path:
        path = self._spool.new_file(suffix, expected_bytes)
        self._made.add(path)
        return path

    def _drop(self, *paths: Path | None) -> None:
        for path in paths:
            self._spool.release(path)
            self._made -= {path}

    def hand_over(self, made: FinishedFrame) -> None:
        """Hand a frame's files over: `close` no longer frees them."""
        self._made -= {made.result, made.gain}

    def close(self) -> None:
        """Free the files of frames that were not handed over."""
        self._drop(*list(self._made))

    def release(self, frame: int) -> None:
        """Free inputs that no later frame needs, after a frame was finished."""
        for source in self._last_needed.pop(frame, ()):
            self._receiver.release(pb.ROLE_SOURCE, source)
        if self._request.masks == pb.MASKS_EACH:
            self._receiver.release(pb.ROLE_MASK, frame)

    # Files and workers.

    def _files(self, frame: int, *, reference: bool = False, mask: int | None = None) -> FrameFiles:
        """Wait for the files of a frame. Raises FrameError; StatusError for those that the whole job needs."""
        request, first = self._request, self._request.frames[0]
        try:
            first_path = self._path(pb.ROLE_SOURCE, first)
        except FrameError as error:
            raise _of_job(f"the shot's first frame says how all are laid out: {error}", error) from error
        try:
            reference_path = self._path(pb.ROLE_REFERENCE, frame) if reference else None
            masked = reference and frame in request.reference_masks
            reference_mask = self._path(pb.ROLE_REFERENCE_MASK, frame) if masked else None
        except FrameError as error:
            raise _of_job(f"a reference is missing: {error}", error) from error
        return FrameFiles(
            session=request.session,
            settings=request.settings,
            frame=frame,
            path=self._path(pb.ROLE_SOURCE, frame),
            first_frame=first,
            first=first_path,
            reference=reference_path,
            mask=None if mask is None else self._path(pb.ROLE_MASK, mask),
            reference_names={r: _without_folders(self._name(pb.ROLE_REFERENCE, r)) for r in self.references},
            use_alpha=self._use_alpha,
            weight=request.reference_weights.get(frame, 1.0),
            reference_mask=reference_mask,
            max_pixels=self._limits.max_frame_pixels,
        )

    def _path(self, role: int, frame: int) -> AnyFile:
        if self._request.paths:
            return self._request.paths.inputs[role, frame]
        received = self._receiver.wait(role, frame)
        if received.shape and received.path and received.path.suffix == ".raw":
            self._pack(frame, received)
        if received.path is None:
            raise CodedFrameError(frame, code_pb2.INTERNAL, f"frame {frame}: {received.name} was freed too early")
        return received.path

    def _pack(self, frame: int, received: ReceivedFrame) -> None:
        with received.packing:
            if received.shape is None or received.path is None or received.path.suffix != ".raw":
                return
            path = self._spool.new_file(".exr", received.total_bytes)
            self._call(frame, PackPlanes(received.path, received.shape, path))
            self._receiver.exchange(received, path)

    def _name(self, role: int, frame: int) -> str:
        if self._request.paths:
            return self._request.paths.names[role, frame]
        return self._receiver.name(role, frame)

    def _call(self, frame: int, task: Task[Result]) -> Result:
        """Run a task in a worker. Raises FrameError and InputError with the client's names of files."""
        try:
            result = self._workers.call(task)
        except FrameError as error:
            raise FrameError(error.frame, self._as_sent(str(error))) from error
        except InputError as error:
            raise InputError(self._as_sent(str(error))) from error
        except (OverLimitError, WorkerDiedError) as error:
            name = self._as_sent(str(error)) if isinstance(error, OverLimitError) else str(error)
            message = f"frame {frame} ({self._name(pb.ROLE_SOURCE, frame)}) cannot be relit: {name}"
            raise CodedFrameError(frame, code_pb2.RESOURCE_EXHAUSTED, message) from error
        except WorkerError as error:
            message = f"frame {frame}: the server failed at it: {error}"
            raise CodedFrameError(frame, code_pb2.INTERNAL, self._as_sent(message)) from error
        self.watch.add(result.seconds)
        return result

    def _as_sent(self, text: str) -> str:
        """Replace the server's paths in a sentence by the client's names."""
        if self._request.paths:
            known = self._request.paths
            pairs = [(str(file.path), known.names[key]) for key, file in known.inputs.items()]
        else:
            pairs = self._receiver.names_by_path()
        # Longest first, since one path may begin with another.
        for path, name in sorted(pairs, key=lambda pair: -len(pair[0])):
            if path != name:
                text = text.replace(path, name)
        return text


def _of_job(text: str, error: FrameError) -> Exception:
    """Return the error that ends a job because of one frame."""
    if code_of(error) == code_pb2.NOT_FOUND:
        return StatusError(Code.NOT_FOUND, text)
    return InputError(text)


def _without_folders(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]
