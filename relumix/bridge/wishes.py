"""What is said in a dialogue with a plugin, beside its bytes: wishes, what answers them, and how it ends."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from relumix.types import Float32

SOURCE, REFERENCE = "source", "reference"
"""The clips that are looked at."""


@dataclass(frozen=True)
class Image:
    """A picture of the host's, as the plugin describes it.

    fingerprint    of its pixels; None where there is no picture.
    glance         see relumix.bridge.glance.
    width, height  in pixels.
    alpha          whether it has alpha, and colours are premultiplied by it.
    """

    clip: str
    frame: int
    fingerprint: str | None
    glance: tuple[float, ...] = ()
    width: int = 0
    height: int = 0
    alpha: bool = False

    @property
    def bytes(self) -> int:
        """What its pixels take: float32 red, green, blue and alpha."""
        return self.width * self.height * 16


@dataclass(frozen=True)
class Look:
    """Describe a picture."""

    clip: str
    frame: int


@dataclass(frozen=True)
class Send:
    """Describe a picture and send its pixels; they are in the store when the dialogue goes on."""

    clip: str
    frame: int


@dataclass(frozen=True)
class Wait:
    """Ask again at once: this takes a while. `permille` of all is done."""

    permille: int
    text: str


@dataclass(frozen=True)
class Result:
    """A relit frame, or its stops: [h, w, 3] float32, rows from the top."""

    frame: int
    values: Float32


@dataclass(frozen=True)
class Absent:
    """There is no such frame, and none is made now."""

    text: str


@dataclass(frozen=True)
class Done:
    """What was asked for is done."""

    text: str


Wish = Look | Send | Wait
End = Result | Absent | Done
Returned = TypeVar("Returned")
Dialogue = Generator[Wish, "Image | None", Returned]
"""Yields wishes, is sent an Image for each Look and Send, and returns how it ended."""
