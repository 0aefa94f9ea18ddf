"""The shot of one session: its frames come by stream or by path, and worker processes read and write them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from google.rpc import code_pb2

from relumix.errors import FrameError, InputError
from relumix.gain.downsample import Canvas
from relumix.gain.proxy import ProxyFrame
from relumix.gain.proxy_shot import Light
from relumix.gain.transfer import Gain
from relumix.shot.alpha import looked_at
from relumix.shot.confidence_layer import MAP_CHANNEL
from relumix.util.stopwatch import Stopwatch
from relumix.v1 import relight_pb2 as pb
from relumix_server.chunk_rules import ReceivedFrame
from relumix_server.frame_files import AnyFile, FrameFiles, PlaneShape
from relumix_server.frame_receiver import FrameReceiver
from relumix_server.options import Options
from relumix_server.request import FrameKey, Paths, Request
from relumix_server.spool import Spool, full
from relumix_server.status_errors import Code, CodedFrameError, StatusError, code_of
from relumix_server.turns import Owner
from relumix_server.worker_tasks import (
    LookAtAlpha,
    MeasureWorkingSize,
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
from relumix_server.working_memory import Needs, WorkingMemory


@dataclass(frozen=True)
class MadeFile:
    """A file of a frame that was relit, in the spool.

    role   result, gain or confidence.
    shape  of its planes, None for OpenEXR.
    """

    role: pb.Role
    path: Path
    shape: PlaneShape | None = None


@dataclass(frozen=True)
class FinishedFrame:
    """A frame that was relit.

    files  the result first; none where they were written by path.
    matte  see relumix.pipeline.run.Made.
    """

    frame: int
    nonfinite_pixels: int
    files: tuple[MadeFile, ...] = ()
    matte: bool = False


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
        memory: WorkingMemory,
        client: str,
    ) -> None:
        """client: whose job it is; clients share the workers."""
        self._request, self._receiver, self._workers = request, receiver, workers
        self._owner = Owner(client)
        workers.turns.enter(self._owner)
        self._spool, self.watch, self._limits, self._memory = spool, watch, limits, memory
        self._matte = False
        self._made: set[Path] = set()
        self._written: dict[int, dict[int, int]] = {}
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
        """The client's name of its first reference's plate, without folders; '' until it arrives."""
        return _without_folders(self._name(pb.ROLE_SOURCE, self.references[0]))

    @property
    def references(self) -> Sequence[int]:
        """Frames that have a relit version, ascending."""
        return self._request.references

    def lights(self) -> tuple[Canvas, dict[int, Light]]:
        """Read the references (see ProxyShot)."""
        first = self.references[0]
        try:
            files = self._files(first, reference=True)
            size = self._call(first, MeasureWorkingSize(files))
            self._memory.hold(self, Needs.of(self._request, size.width, size.height))
            self._look_at_alpha()
            read = self._call(first, ReadFirstReference(replace(files, matte=self._matte)))
            self._matte, self.warnings = (
                read.matte,
                self.warnings or [self._as_sent(first, text) for text in read.warnings],
            )
            self._written[first] = read.written
            others = {frame: self._light(read.canvas, frame) for frame in self.references[1:]}
            return read.canvas, {first: read.light(first), **others}
        except FrameError as error:
            text = f"the plate of reference frame {error.frame} cannot be read: {error}"
            raise _of_job(text, error) from error

    def _look_at_alpha(self) -> None:
        """Look at the plates that say whether alpha is coverage, but the first, which is read anyway."""
        for frame in looked_at(self.references)[1:]:
            if self._matte or self._request.settings.premult != "auto":
                return
            seen = self._call(frame, LookAtAlpha(self._files(frame)))
            self._matte, self.warnings = seen.matte, [self._as_sent(frame, text) for text in seen.warnings]

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
        # Twice the size, since OpenImageIO's file and the one with its header exist at once.
        outputs = {role: self._make(".exr", 2 * self._written[frame][role]) for role in request.made}
        try:
            written = self._call(frame, RelightFrame(files, canvas, gain, request.keys.get(frame, ""), outputs))
            made_files = tuple(MadeFile(*each) for each in outputs.items())
            made = FinishedFrame(frame, written.nonfinite_pixels, made_files, written.matte)
            if request.raw:
                made = self._unpacked(made)
            if request.paths:
                return self._put(made, request.paths)
        except BaseException as error:
            if not isinstance(error, InputError):  # Perhaps the process was killed at it.
                self._spool.sweep(*outputs.values())
            self._drop(*outputs.values())
            if isinstance(error, InputError):
                raise self._unwritten(frame, outputs, str(error)) from error
            raise
        for file in made.files:
            self._spool.settle(file.path)
        return made

    def _put(self, made: FinishedFrame, paths: Paths) -> FinishedFrame:
        """Move a frame's files to the client's paths; the result last, as the command does."""
        result, *maps = made.files
        for file in (*maps, result):
            # Not as the session's: ended in the midst of it, it would leave part of a file in the client's folder.
            task = PutFile(file.path, paths.outputs[file.role][made.frame])
            self._call(made.frame, task, Owner(self._owner.client))
        self._drop(*(file.path for file in made.files))
        return replace(made, files=())

    def _unwritten(self, frame: int, outputs: Mapping[pb.Role, Path], text: str) -> Exception:
        if os.strerror(errno.ENOSPC) in text:
            return full()
        for role, path in outputs.items():
            text = text.replace(str(path), f"the {pb.Role.Name(role).removeprefix('ROLE_').lower()} of frame {frame}")
        return InputError(text)

    def _unpacked(self, made: FinishedFrame) -> FinishedFrame:
        """Return a frame as raw planes, the result's of its source's type, instead of OpenEXR files."""
        source = self._receiver.wait(pb.ROLE_SOURCE, made.frame).shape
        assert source is not None
        shapes = {
            pb.ROLE_RESULT: replace(source, kind=self._request.settings.bits or source.kind),
            pb.ROLE_GAIN: PlaneShape(source.width, source.height, ("R", "G", "B"), "half"),
            pb.ROLE_CONFIDENCE: PlaneShape(source.width, source.height, (MAP_CHANNEL,), "half"),
        }
        return replace(
            made,
            files=tuple(
                MadeFile(file.role, self._planes(made.frame, file.path, shapes[file.role]), shapes[file.role])
                for file in made.files
            ),
        )

    def _planes(self, frame: int, path: Path, shape: PlaneShape) -> Path:
        planes = self._make(".raw", shape.total_bytes)
        self._call(frame, UnpackPlanes(path, planes, shape.channels, shape.kind))
        self._drop(path)
        return planes

    def _make(self, suffix: str, expected_bytes: int) -> Path:
        path = self._spool.new_file(suffix, expected_bytes)
        self._made.add(path)
        return path

    def _drop(self, *paths: Path) -> None:
        for path in paths:
            self._spool.release(path)
            self._made -= {path}

    def hand_over(self, made: FinishedFrame) -> None:
        """Hand a frame's files over: `close` no longer frees them."""
        self._made -= {file.path for file in made.files}

    def cancel(self) -> None:
        """Let tasks that wait for a worker, or are at work, end soon; SessionCancelledError is raised where they were.

        May be called more than once.
        """
        self._workers.turns.leave(self._owner)

    def close(self) -> None:
        """Free the files of frames that were not handed over."""
        self.cancel()
        self._memory.release(self)
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
        request, first = self._request, self.references[0]
        try:
            first_path = self._path(pb.ROLE_SOURCE, first)
        except FrameError as error:
            raise _of_job(f"the first reference's plate says how all are laid out: {error}", error) from error
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
            matte=self._matte,
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

    def _call(self, frame: int, task: Task[Result], owner: Owner | None = None) -> Result:
        """Run a task in a worker. Raises FrameError and InputError with the client's names of files."""
        try:
            result = self._workers.call(task, owner or self._owner)
        except FrameError as error:
            raise FrameError(error.frame, self._as_sent(frame, str(error))) from error
        except InputError as error:
            raise InputError(self._as_sent(frame, str(error))) from error
        except (OverLimitError, WorkerDiedError) as error:
            name = self._as_sent(frame, str(error)) if isinstance(error, OverLimitError) else str(error)
            message = f"frame {frame} ({self._name(pb.ROLE_SOURCE, frame)}) cannot be relit: {name}"
            raise CodedFrameError(frame, code_pb2.RESOURCE_EXHAUSTED, message) from error
        except WorkerError as error:
            message = f"frame {frame}: the server failed at it: {error}"
            raise CodedFrameError(frame, code_pb2.INTERNAL, self._as_sent(frame, message)) from error
        self.watch.add(result.seconds)
        return result

    def _as_sent(self, frame: int, text: str) -> str:
        """Replace the server's paths of a frame's files, in a sentence, by the client's names."""
        # Of these files alone: a job may have 20,000 frames, and as many errors.
        mask = self._request.mask_of(frame)
        near = {frame, self.references[0], frame if mask is None else mask}
        found = [self._path_and_name((role, each)) for role in pb.Role.values() for each in near]
        pairs = [pair for pair in found if pair is not None]
        # Longest first, since one path may begin with another.
        for path, name in sorted(pairs, key=lambda pair: -len(pair[0])):
            if path != name:
                text = text.replace(path, name)
        return text

    def _path_and_name(self, key: FrameKey) -> tuple[str, str] | None:
        known = self._request.paths
        if known is None:
            return self._receiver.path_and_name(key)
        return (str(known.inputs[key].path), known.names[key]) if key in known.inputs else None


def _of_job(text: str, error: FrameError) -> Exception:
    """Return the error that ends a job because of one frame."""
    if code_of(error) == code_pb2.NOT_FOUND:
        return StatusError(Code.NOT_FOUND, text)
    return InputError(text)


def _without_folders(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]
