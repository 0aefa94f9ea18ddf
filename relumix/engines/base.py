"""What an engine is: it sees frames at the working size and returns light, never pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from relumix.errors import InputError
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float32


class Keyframe(Protocol):
    """A frame on the way from a reference to a window: read only when it is looked at."""

    @property
    def frame(self) -> int:
        """Its frame number."""
        ...

    def read(self) -> ProxyFrame | None:
        """Return the frame, or None where it cannot be read."""
        ...


@dataclass(frozen=True)
class Window:
    """A piece of the plan of a shot: frames that are relit together. All members are frame numbers.

    references      the one or two reference frames whose light reaches these frames, in ascending order.
    keyframe_paths  for each of the references, the frames between it and this window, from the reference's side to the
                    window's, one every so many frames: keyframes for an engine that tracks (empty for others).
    """

    frames: tuple[int, ...]
    references: tuple[int, ...]
    keyframe_paths: tuple[tuple[int, ...], ...]


class Propagator(Protocol):
    """An engine at work on one shot: it may keep what it learned of the references and of the frames it saw."""

    def propagate(
        self,
        frames: Sequence[ProxyFrame],
        references: Sequence[ProxyReference],
        keyframe_paths: Sequence[Sequence[Keyframe]],
    ) -> Float32:
        """Carry the light of the references to the frames of one window.

        The three arguments hold the frames that a Window names, in its order (of `frames`, those that could not be read
        are left out). The result is a function of them alone, never of the windows that went before.

        Returns [len(frames), h, w, 3] float32: log2 gain in stops, finite.
        """
        ...


@dataclass(frozen=True)
class Windowing:
    """How an engine wants a shot cut into windows. It is passed whole: what is equal here makes equal frames.

    version  of the engine: changes when its results do.
    window   most frames that are relit together.
    overlap  how many of them neighbouring windows share; there their light is blended, in stops.
    tracks   whether windows name their keyframe paths.
    chained  whether each window begins where the one before it ended: its keyframe path is then every frame on the way,
             and one frame of a shot costs as much as all that lie before it.

    Raises ValueError where windows would not advance.
    """

    version: str
    window: int
    overlap: int
    tracks: bool
    chained: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.window:
            raise ValueError(
                f"overlap is {self.overlap}: expected 0 to {self.window - 1} for windows of {self.window} frames"
            )


class Traits(Protocol):
    """What is known of an engine without having it."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def windowing(self) -> Windowing: ...  # noqa: D102


@runtime_checkable
class Reporting(Protocol):
    """A Propagator that tells how far it is with a window."""

    def report_to(self, tell: Callable[[float], None]) -> None:
        """Have `tell` called with the share (0..1, rising) of the window at hand that is done, by who propagates."""
        ...


class Engine(Traits, Protocol):
    """A way of carrying light. One engine serves any number of shots."""

    def start(self) -> Propagator:
        """Begin a shot."""
        ...


@runtime_checkable
class Configurable(Protocol):
    """An engine that has options."""

    def with_options(self, options: Sequence[str], *, direct: bool) -> Engine:
        """Return this engine with other options, around the same weights. Raises InputError.

        options  each NAME=VALUE; those that are not named stay as they are.
        direct   whether it is to make pixels in place of light, as stops (see relumix.gain.direct_transfer).
        """
        ...


def refuse_options(name: str, options: Sequence[str]) -> None:
    """Refuse options, for an engine that has none. Raises InputError where there are some."""
    if options:
        raise InputError(f"engine {name} has no options: got {options[0]}, leave it out")
