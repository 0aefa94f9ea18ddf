"""What an engine is: it sees frames at the working size and returns light, never pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

MID_GREY = 0.18
"""Where exposure normalisation puts the median luminance of the first reference's plate."""

BLACK_OFFSET = MID_GREY / 64
"""Added to normalised values before their log2 is taken, so that noise in black is not light."""


@dataclass(frozen=True)
class WorkingFrame:
    """One plate frame as an engine sees it.

    rgb    [h, w, 3] float32, scene-linear in the plate's primaries, unpremultiplied, finite and >= 0; exposed so that
           the median luminance of the first reference's plate is MID_GREY (one factor for the whole shot).
    known  [h, w] float32 in 0..1: the share of the pixel that the plate covers with finite data. Where it is 0, rgb was
           filled from its surroundings and means nothing.
    exposure  factor from plate values to rgb's.
    """

    frame: int
    rgb: Float32
    known: Float32
    exposure: float = field(default=1.0, kw_only=True)

    def read(self) -> WorkingFrame:
        """Return itself: a frame is a stepping stone that has been read."""
        return self


class Stone(Protocol):
    """A stepping stone of an approach: a frame that is not read before it is looked at."""

    @property
    def frame(self) -> int:
        """Its frame number."""
        ...

    def read(self) -> WorkingFrame | None:
        """Return the frame, or None where it cannot be read."""
        ...


@dataclass(frozen=True)
class WorkingReference(WorkingFrame):
    """A plate frame and the light that its relit version adds to it.

    stops  [h, w, 3] float32: log2 gain from plate to reference, per channel.
    lit    [h, w] float32 in 0..1: the share of the pixel for which the gain is known. Where it is 0, stops was filled
           from its surroundings.
    """

    stops: Float32
    lit: Float32

    @property
    def trusted(self) -> Float32:
        """[h, w] float32 in 0..1: the share of the pixel for which both the plate and the gain are known."""
        return self.lit * self.known

    def level(self) -> Float32:
        """Return its light's level, the median of the gain over what is trusted: [3] float32 stops, 0 without any.

        An engine takes it out before any arithmetic and puts it back after: so a plain grade passes exactly.
        """
        seen = self.stops[self.trusted > 0.5]
        return np.median(seen, axis=0).astype(np.float32) if len(seen) else np.zeros(3, np.float32)


@dataclass(frozen=True)
class Window:
    """A piece of the plan of a shot: frames that are relit together. All members are frame numbers.

    references  the one or two reference frames whose light reaches these frames, in ascending order.
    approaches  for each of the references, the frames between it and this window, from the reference's side to the
                window's, one every so many frames: stepping stones for an engine that tracks (empty for others).
    """

    frames: tuple[int, ...]
    references: tuple[int, ...]
    approaches: tuple[tuple[int, ...], ...]


class Propagator(Protocol):
    """An engine at work on one shot: it may keep what it learned of the references and of the frames it saw."""

    def propagate(
        self,
        frames: Sequence[WorkingFrame],
        references: Sequence[WorkingReference],
        approaches: Sequence[Sequence[Stone]],
    ) -> Float32:
        """Carry the light of the references to the frames of one window.

        The three arguments hold the frames that a Window names, in its order (of `frames`, those that could not be read
        are left out). The result is a function of them alone, never of the windows that went before.

        Returns [len(frames), h, w, 3] float32: log2 gain in stops, finite.
        """
        ...


class Traits(Protocol):
    """What is known of an engine without having it.

    window, overlap  frames it wants to see at once, and how many of them neighbouring windows share (blended in stops).
    tracks           whether it wants the approaches of a Window.
    chained          whether a window begins where the one before ended: it is given every frame on the way as its
                     approach, and a chunk of a shot would cost as much as all that lies before it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def version(self) -> str: ...  # noqa: D102

    @property
    def window(self) -> int: ...  # noqa: D102

    @property
    def overlap(self) -> int: ...  # noqa: D102

    @property
    def tracks(self) -> bool: ...  # noqa: D102

    @property
    def chained(self) -> bool: ...  # noqa: D102


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
        direct   whether it is to make pixels in place of light, as stops (see relumix.direct).
        """
        ...
