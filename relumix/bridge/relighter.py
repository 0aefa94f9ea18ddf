"""The only module of the bridge that knows how relumix relights: engines and servers, plans, colour, files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, cast

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from relumix.bridge.request import Request, Servers
from relumix.color.spaces import WorkingSpace, working_space
from relumix.errors import InputError
from relumix.pipeline.relit_frame import RelitFrame
from relumix.pipeline.windows import Plan, plan
from relumix.settings import Settings
from relumix.shot.box import Box
from relumix.shot.cuts import NONE, Look, find_cuts, given_cuts, look_at
from relumix.shot.scenes import Scenes
from relumix.types import Float32
from relumix.version import __version__

Pixels = Mapping[int, NDArray[np.floating]]

_TURN_SECONDS = 0.2


@dataclass(frozen=True)
class Shot:
    """The frames of a shot; those with a relit version, and the first of each scene but the first, ascending."""

    frames: range
    references: tuple[int, ...]
    cuts: tuple[int, ...]

    @property
    def scenes(self) -> Scenes:
        """Its scenes."""
        return Scenes(self.references, self.cuts)

    def settings(self, settings: Settings) -> Settings:
        """Return settings with its cuts, so that none are looked for."""
        return replace(settings, cuts=",".join(map(str, self.cuts)) or NONE)


class Relighter(Protocol):
    """Relights the arrays of one request: `_LocalRelighter` here, `_RemoteRelighter` on servers."""

    @property
    def version(self) -> str:
        """Changes whenever the frames may: part of the key of a relit frame."""
        ...

    def inputs(self, shot: Shot, frame: int) -> tuple[int, ...]:
        """Return the plate frames that the light on a frame depends on, ascending."""
        ...

    def together(self, shot: Shot, frame: int) -> tuple[int, ...]:
        """Return the frames that share a window with `frame`, itself included, ascending: they cost nothing more."""
        ...

    def relit(self, source: Pixels, references: Pixels, shot: Shot, frames: Sequence[int]) -> Iterator[RelitFrame]:
        """Relight frames with their confidence (see relumix.relit). The caller may close the iterator early."""
        ...

    def cancel(self) -> None:
        """Stop `relit`; called from another thread."""
        ...


def named_cuts(request: Request) -> tuple[int, ...] | None:
    """Return the cuts that a request names, None where they are to be found. Raises InputError."""
    return given_cuts(request.cuts, request.shot)


def cuts_of(source: Pixels, frames: Sequence[int], check: Callable[[], None]) -> tuple[int, ...]:
    """Find the cuts of a shot, scene-linear, as `relumix relight` does; `check` is called before each frame."""

    def look(frame: int) -> Look | None:
        check()
        return look_at(np.ascontiguousarray(source[frame][..., :3], np.float32))

    return find_cuts((frame, look(frame)) for frame in frames)


def relighter_for(request: Request, servers: Servers | None, engines: Engines) -> Relighter:
    """Return a request's relighter: on servers, or on this machine where they are None. Raises InputError."""
    return _RemoteRelighter(request, servers) if servers else _LocalRelighter(request, engines)


class Engines:
    """The engines of this process, each loaded when it is first asked for; thread-safe."""

    def __init__(self) -> None:
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._loaded: dict[tuple[str, str | None], Any] = {}

    def get(self, name: str, model: str | None) -> Any:
        """Return an engine. Raises InputError."""
        from relumix.engines.registry import load_engine  # noqa: PLC0415  heavy, and not needed with a server

        with self._lock:
            if (name, model) not in self._loaded:
                self._loaded[name, model] = load_engine(name, model=model)
            return self._loaded[name, model]

    @contextmanager
    def exclusive(self, given_up: Callable[[], bool]) -> Iterator[bool]:
        """Hold the machine for one shot at a time: yields True once it is free, False if `given_up` says so first."""
        while not (mine := self._turn.acquire(timeout=_TURN_SECONDS)):
            if given_up():
                break
        try:
            yield mine
        finally:
            if mine:
                self._turn.release()


class _Planned:
    """The answers that follow from the plan of windows, wherever the engine runs."""

    _engine: Any

    def inputs(self, shot: Shot, frame: int) -> tuple[int, ...]:
        planned: Plan = self._plan(shot)
        return planned.inputs(frame)

    def together(self, shot: Shot, frame: int) -> tuple[int, ...]:
        planned: Plan = self._plan(shot)
        windows = {share.window for share in planned.shares.get(frame, ())}
        same = [each for each, shares in planned.shares.items() if windows & {share.window for share in shares}]
        return tuple(sorted({frame, *same}))

    @lru_cache(maxsize=8)  # noqa: B019  a relighter lives as long as its request
    def _plan(self, shot: Shot) -> Plan:
        return plan(shot.frames, shot.references, self._engine.windowing, shot.cuts)


class _LocalRelighter(_Planned):
    def __init__(self, request: Request, engines: Engines) -> None:
        self._settings, self._engines, self._cancelled = request.settings(), engines, False
        engine = self._engine = engines.get(request.engine, request.model)
        self.version = f"{engine.name} {engine.windowing.version} {__version__}"

    def relit(self, source: Pixels, references: Pixels, shot: Shot, frames: Sequence[int]) -> Iterator[RelitFrame]:
        from relumix.pipeline.arrays import relit  # noqa: PLC0415  heavy, and not needed with a server

        settings = shot.settings(self._settings)
        made = relit(source, references, settings, frames=frames, engine=self._engine, confidence=True)
        with self._engines.exclusive(lambda: self._cancelled) as mine, closing(cast(Any, made)):
            for frame in made if mine else ():
                yield frame
                if self._cancelled:
                    return

    def cancel(self) -> None:
        self._cancelled = True


class _RemoteRelighter(_Planned):
    def __init__(self, request: Request, servers: Servers) -> None:
        from relumix.client import RelightClient, read_token  # noqa: PLC0415  gRPC loads only where a server is asked
        from relumix.client.remote_job import RemoteEngine  # noqa: PLC0415
        from relumix.client.stop import Stop  # noqa: PLC0415

        self._settings, self._stop = replace(request.settings(), model=None), Stop()  # Weights are the server's.
        self._client = RelightClient(
            servers.addresses,
            token=read_token(servers.token_file) if servers.token_file else None,
            tls_ca=servers.tls_ca or None,
            tls_cert=servers.tls_cert or None,
            tls_key=servers.tls_key or None,
        )
        for address, info in self._client.info().items():
            found = RemoteEngine.of(info, request.engine)
            if found is None:
                raise InputError(f"{address} has no engine {request.engine!r}: choose another, or another server")
            self._engine = found
        found = self._engine
        self.version = f"{found.name} {found.windowing.version} {found.program}"

    def relit(self, source: Pixels, references: Pixels, shot: Shot, frames: Sequence[int]) -> Iterator[RelitFrame]:
        settings = shot.settings(self._settings)
        return self._client.relit(source, references, settings, frames=frames, confidence=True, stop=self._stop)

    def cancel(self) -> None:
        self._stop.set()


_working_space = lru_cache(maxsize=64)(working_space)
"""Cached, since a look-up parses the whole OCIO configuration; $OCIO does not change while a process lives."""


@dataclass(frozen=True)
class Coding:
    """How the clips' values are coded. Raises InputError for a colour space that is not known."""

    name: str | None

    @property
    def _space(self) -> WorkingSpace:
        return _working_space(self.name)

    def decoded(self, rgb: Float32, alpha: Float32 | None) -> Float32:
        """Return values [h, w, 3] scene-linear, premultiplied by alpha [h, w] as they were."""
        return self._space.to_linear(np.ascontiguousarray(rgb), alpha)

    def encoded(self, rgb: Float32, alpha: Float32 | None) -> Float32:
        """Return scene-linear values [h, w, 3] coded as the clips are."""
        space = self._space
        return WorkingSpace(space.linear, space.source).to_linear(np.ascontiguousarray(rgb), alpha)

    @property
    def is_linear(self) -> bool:
        """Whether the clips are scene-linear already."""
        return not self._space.converts


def read_reference(path: Path, frame: int, plate: Float32, coding: Coding, own: str | None) -> Float32:
    """Read a relit frame from a file as `relumix relight` does.

    plate   [h, w, 3 or 4] float32, scene-linear: what it is the relit version of.
    coding  of the clips; own: OCIO name of the file's colour space, None where its type says it.

    Returns [h, w, 3] float32, scene-linear, NaN where the file does not say what the light is. Raises InputError.
    """
    from relumix.shot.reference import read_reference as read  # noqa: PLC0415

    height, width, channels = plate.shape
    box = Box(0, 0, width, height)
    alpha = plate[..., 3] if channels == 4 else None
    picture: Any = SimpleNamespace(
        frame=frame,
        display_window=box,
        data_window=box,
        rgb=np.ascontiguousarray(plate[..., :3]),
        alpha=alpha,
        matte=None,
    )
    shot: Any = SimpleNamespace(
        layer=None,
        view=None,
        premult="auto",
        space=_working_space(coding.name),
        spec=oiio.ImageSpec(),
        is_coded=False,
    )
    rgb, known = read(path, picture, plate=shot, colorspace=own)
    return np.where(known[..., None], rgb, np.float32(np.nan))


def scaled_down(values: Float32, width: int, height: int) -> Float32:
    """Return a picture [h, w, 3] averaged down to another size."""
    roi = oiio.ROI(0, width, 0, height, 0, 1, 0, 3)
    smaller = oiio.ImageBufAlgo.resize(oiio.ImageBuf(np.ascontiguousarray(values)), filtername="box", roi=roi)
    return np.asarray(smaller.get_pixels("float"), np.float32)
