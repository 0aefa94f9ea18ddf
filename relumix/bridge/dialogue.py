"""A request as a dialogue with the plugin: what the bridge asks, the answers, and the outcome."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from relumix.types import Float32

SOURCE, REFERENCE = "source", "reference"
"""The clips that are looked at."""


@dataclass(frozen=True)
class Image:
    """A picture of the host, as the plugin describes it.

    fingerprint    of its pixels; None where there is no picture.
    thumbnail      see relumix.bridge.thumbnail.
    width, height  in pixels.
    alpha          whether it has alpha; colours are premultiplied by it.
    """

    clip: str
    frame: int
    fingerprint: str | None
    thumbnail: tuple[float, ...] = ()
    width: int = 0
    height: int = 0
    alpha: bool = False

    @property
    def bytes(self) -> int:
        """Size of its pixels: float32 red, green, blue and alpha."""
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
    """Progress, in thousandths: the plugin asks again at once, or hangs up to cancel."""

    permille: int
    text: str


@dataclass(frozen=True)
class Result:
    """A relit frame, its stops or its confidence: [h, w, 3] float32, rows from the top."""

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


Query = Look | Send | Wait
Outcome = Result | Absent | Done
Returned = TypeVar("Returned")
Dialogue = Generator[Query, "Image | None", Returned]
"""Yields queries, is sent an Image for each Look and Send, and returns the outcome."""
