"""The interface of an engine: it sees frames at the proxy size and returns gain, never pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from relumix.errors import InputError
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float32


class Keyframe(Protocol):
    """A frame between a reference and a window that an engine may track over. Lazy, since most were tracked before."""

    @property
    def frame(self) -> int:
        """Its frame number."""
        ...

    def read(self) -> ProxyFrame | None:
        """Return the frame, or None where it cannot be read."""
        ...


@dataclass(frozen=True)
class Window:
    """One window of a shot's plan: frames that are relit together. All members are frame numbers.

    references      the reference frames whose gain reaches these frames, ascending: the one or two at the ends of the
                    stretch that they lie in, and for some engines one beyond either (see `Windowing.further`).
    keyframe_paths  for each reference, keyframes from it to this window, outwards; for an engine that tracks (empty for
                    others).
    """

    frames: tuple[int, ...]
    references: tuple[int, ...]
    keyframe_paths: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Carried:
    """The light of one window's frames, as an engine carried it.

    gain_stops   [n, h, w, 3] float32: log2 gain in stops, finite.
    error_stops  [n, h, w] float32, finite and >= 0: how far the engine expects that to be from the truth, the absolute
                 error in stops, mean over the channels. 0 at a reference's own frame.
    """

    gain_stops: Float32
    error_stops: Float32


class Propagator(Protocol):
    """An engine at work on one shot. It may cache what it computed from references and frames."""

    def propagate(
        self,
        frames: Sequence[ProxyFrame],
        references: Sequence[ProxyReference],
        keyframe_paths: Sequence[Sequence[Keyframe]],
    ) -> Carried:
        """Carry the gain of the references to the frames of one window.

        The arguments hold the frames of a Window, in its order; unreadable `frames` are left out. The result must
        depend on them alone, not on earlier windows: else farm chunks would differ from a whole run.
        """
        ...


@dataclass(frozen=True)
class Windowing:
    """How an engine wants a shot cut into windows.

    version  of the engine: changes when its results do.
    window   most frames that are relit together.
    overlap  how many of them neighbouring windows share; there their gain is blended, in stops.
    tracks   whether windows name their keyframe paths.
    chained  whether each window continues the one before it: its keyframe path is then every frame from the reference,
             and a frame costs as much as all frames before it.
    further  whether windows also take light from the next reference beyond those before and after them, on each side;
             for an engine that tracks.

    Raises ValueError where windows would not advance.
    """

    version: str
    window: int
    overlap: int
    tracks: bool
    chained: bool = False
    further: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.window:
            raise ValueError(
                f"overlap is {self.overlap}: expected 0 to {self.window - 1} for windows of {self.window} frames"
            )


class Traits(Protocol):
    """What planning needs of an engine, which may run on a server."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def windowing(self) -> Windowing: ...  # noqa: D102


@runtime_checkable
class Reporting(Protocol):
    """A Propagator that reports its progress within a window."""

    def report_to(self, tell: Callable[[float], None]) -> None:
        """Call `tell` with the finished share (0..1, rising) of the current window, on the thread of `propagate`."""
        ...


class Engine(Traits, Protocol):
    """A method of carrying gain, with its weights loaded. One engine serves any number of shots."""

    def start(self) -> Propagator:
        """Begin a shot."""
        ...


@runtime_checkable
class Configurable(Protocol):
    """An engine that has options."""

    def with_options(self, options: Sequence[str], *, direct: bool) -> Engine:
        """Return this engine with other options, around the same weights. Raises InputError.

        options  each NAME=VALUE; others keep their values.
        direct   whether it makes pixels instead of gain, as stops (see relumix.gain.direct_transfer).
        """
        ...


def refuse_options(name: str, options: Sequence[str]) -> None:
    """Raise InputError if options are given to an engine that has none."""
    if options:
        raise InputError(f"engine {name} has no options: got {options[0]}, leave it out")
