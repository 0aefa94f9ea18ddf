"""Carry the light of the references over a shot: windows, overlap, several references. Light only; no pixel is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from relumix.detail import Gain, log_luminance
from relumix.engines.base import Engine, Float32, Window, WorkingFrame, WorkingReference
from relumix.errors import FrameError, InputError
from relumix.plan import Plan, plan
from relumix.shot.windows import Box
from relumix.stopwatch import Stopwatch
from relumix.working import Canvas, Pixels, exposure_of, working_frame, working_reference

READERS = 2
"""Threads that read ahead of the engine."""


class Picture(Protocol):
    """One frame at full size (relumix.shot.Picture is one)."""

    @property
    def levels(self) -> Sequence[Pixels]:
        """The frame, and its mip levels where it has any."""
        ...

    @property
    def data_window(self) -> Box:
        """Where level 0 lies, in plate pixels."""
        ...

    @property
    def display_window(self) -> Box:
        """What is shown of the plate."""
        ...


AnyPicture = TypeVar("AnyPicture", bound=Picture)


class Source(Protocol[AnyPicture]):
    """A shot and what belongs to it. Reading is thread-safe and may be asked for twice."""

    @property
    def frames(self) -> Sequence[int]:
        """All frames of the shot, ascending."""
        ...

    @property
    def references(self) -> Sequence[int]:
        """Frames that have a relit version, ascending, at least one."""
        ...

    def read(self, frame: int) -> AnyPicture:
        """Return a plate frame. Raises FrameError."""
        ...

    def read_reference(self, frame: int, picture: AnyPicture) -> tuple[Float32, NDArray[np.bool_]]:
        """Return the relit version [h, w, 3] of a frame on the picture's data window, and where it is known [h, w].

        Raises InputError.
        """
        ...

    def read_mask(self, frame: int, picture: AnyPicture) -> Float32 | None:
        """Return the matte [h, w] in 0..1 on the picture's data window, or None for 1 everywhere. Raises FrameError."""
        ...


class Propagation(Generic[AnyPicture]):
    """An engine at work on one shot. A context manager: leaving it ends the threads that read ahead."""

    def __init__(
        self, source: Source[AnyPicture], engine: Engine, work_size: int, watch: Stopwatch | None = None
    ) -> None:
        """Read the references; raises InputError where one of them, or its plate frame, cannot be read."""
        self._source, self._watch = source, watch or Stopwatch()
        self._propagator = engine.start()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="relumix-read")
        self._ahead: dict[int, Future[WorkingFrame]] = {}
        self.plan: Plan = plan(
            source.frames, source.references, window=engine.window, overlap=engine.overlap, tracks=engine.tracks
        )
        pictures = ((frame, self._read_plate(frame)) for frame in source.references)
        self._references: dict[int, WorkingReference] = {}
        self._grades: dict[int, Float32] = {}
        for frame, picture in pictures:
            if not self._references:
                self.canvas = _canvas(picture, work_size)
            relit, known = source.read_reference(frame, picture)
            light, grade = working_reference(self.canvas, frame, picture.levels[0], picture.data_window, relit, known)
            self._references[frame], self._grades[frame] = light, grade

    def __enter__(self) -> Propagation[AnyPicture]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._readers.shutdown(cancel_futures=True)

    def gains(self, frames: Sequence[int]) -> Iterator[Gain | FrameError]:
        """Yield the light on each of `frames` (ascending, of the shot), in their order, each as soon as it is known.

        A frame that cannot be read yields its error; the others go on without it.
        """
        used = [(share.window, frame) for frame in frames for share in self.plan.shares.get(frame, ())]
        last_use = dict(used)
        order = list(last_use)
        done: dict[int, dict[int, Float32]] = {}
        for frame in frames:
            shares = self.plan.shares.get(frame, ())
            for i in (share.window for share in shares if share.window not in done):
                following = order[order.index(i) + 1 :][:1]
                done[i] = self._run(*(self.plan.windows[w] for w in (i, *following)))
            yield self._gain(frame, [(share.weight, done[share.window]) for share in shares])
            for i in [i for i in done if last_use[i] <= frame]:
                del done[i]

    def _gain(self, frame: int, shares: list[tuple[float, dict[int, Float32]]]) -> Gain | FrameError:
        if frame in self._references:
            light = self._references[frame]
            return Gain(frame, light.stops, self._grades[frame], log_luminance(light))
        try:
            seen = self._working(frame)
        except FrameError as error:
            return error
        stops = sum((np.float32(weight) * window[frame] for weight, window in shares), np.float32(0))
        return Gain(frame, np.asarray(stops, np.float32), self._grade(frame), log_luminance(seen))

    def _grade(self, frame: int) -> Float32:
        """Return the grade at a frame [3]: on the way from one reference to the next, in stops."""
        at = list(self._grades)
        return np.array([np.interp(frame, at, [self._grades[r][c] for r in at]) for c in range(3)], np.float32)

    def _run(self, window: Window, *following: Window) -> dict[int, Float32]:
        """Return the stops of every readable frame of a window, while the one that follows is being read."""
        wanted = {frame for w in (window, *following) for frame in w.frames}
        for frame in [f for f in self._ahead if f not in wanted]:
            self._ahead.pop(frame).cancel()
        for frame in sorted(wanted - set(self._ahead), key=lambda f: f not in window.frames):
            self._ahead[frame] = self._readers.submit(self._shrink, frame)
        frames = self._readable(window.frames)
        if not frames:
            return {}
        lights = [self._references[r] for r in window.references]
        approaches = [[_Stone(frame, self) for frame in side] for side in window.approaches]
        with self._watch.stage("engine"):
            stops = self._propagator.propagate(frames, lights, approaches)
        return {seen.frame: stops[i] for i, seen in enumerate(frames)}

    def _readable(self, frames: Sequence[int]) -> list[WorkingFrame]:
        readable = []
        for frame in frames:
            try:
                readable.append(self._working(frame))
            except FrameError:
                continue  # reported when the frame itself is asked for; its neighbours do without it
        return readable

    def _working(self, frame: int) -> WorkingFrame:
        """Return a frame: one that is being read ahead, or read now and not kept. Raises FrameError."""
        if frame in self._references:
            return self._references[frame]
        return self._ahead[frame].result() if frame in self._ahead else self._shrink(frame)

    def _shrink(self, frame: int) -> WorkingFrame:
        picture = self._source.read(frame)
        return working_frame(self.canvas, frame, picture.levels[0], picture.data_window)

    def _read_plate(self, frame: int) -> AnyPicture:
        try:
            return self._source.read(frame)
        except FrameError as error:
            raise InputError(f"the plate of reference frame {frame} cannot be read: {error}") from error


@dataclass(frozen=True)
class _Stone:
    """A Stone of the engine's: read when it is looked at, since most have been passed before."""

    frame: int
    _propagation: Propagation[Any]

    def read(self) -> WorkingFrame | None:
        try:
            return self._propagation._working(self.frame)
        except FrameError:
            return None


def _canvas(picture: Picture, work_size: int) -> Canvas:
    """Return what engines see of a shot: what its first reference shows, overscan included."""
    canvas = Canvas.fit(picture.display_window.union(picture.data_window), work_size)
    exposure = exposure_of(canvas, picture.levels[0], picture.data_window)
    return Canvas(canvas.window, canvas.width, canvas.height, exposure)
