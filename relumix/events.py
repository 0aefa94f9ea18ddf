"""The events of a running job: the JSON lines of `--progress json` (docs/events.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from relumix.util.words import as_json


@dataclass(frozen=True)
class Event:
    """Base of all events; `event` names the kind."""

    event: ClassVar[str]

    def to_json(self, encoding: str | None = "utf-8") -> str:
        """Return the event as one line of JSON, which `encoding` can say: what it lacks is escaped."""
        return as_json({"event": self.event, **asdict(self)}, encoding=encoding)


@dataclass(frozen=True)
class Start(Event):
    """The input passed all checks and work begins.

    `frames` are to be delivered, `settings` are Settings.asdict(), `cuts` the first frames of scenes but the first.
    """

    event: ClassVar[str] = "start"
    version: str
    source: str
    output: str
    frames: list[int]
    references: dict[int, str]
    settings: dict[str, Any]
    cuts: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Progress(Event):
    """`done` frames of `total` are finished, failed or were up to date. share, remaining_seconds: as of a Stage."""

    event: ClassVar[str] = "progress"
    done: int
    total: int
    share: float = 0.0
    remaining_seconds: float | None = None


@dataclass(frozen=True)
class Stage(Event):
    """The current stage, sent as it begins and within it: "references", "send", "light" or "movie"; `message` says it.

    share              of the job's time that is over, as far as that can be told, 0..1.
    remaining_seconds  how long the rest takes at the pace so far; None while nothing was measured.
    """

    event: ClassVar[str] = "stage"
    stage: str
    message: str
    share: float = 0.0
    remaining_seconds: float | None = None


@dataclass(frozen=True)
class FrameDone(Event):
    """A frame is on disk at `path`. `skipped`: it was there already, up to date."""

    event: ClassVar[str] = "frame"
    frame: int
    path: str
    skipped: bool = False
    nonfinite_pixels: int = 0


@dataclass(frozen=True)
class Warned(Event):
    """A warning; the job goes on."""

    event: ClassVar[str] = "warning"
    message: str
    frame: int | None = None


@dataclass(frozen=True)
class Suggested(Event):
    """Some frames are mostly a guess. `message` says it in words.

    guessed  first and last frame of each stretch of them.
    frame    that would help most as another reference.
    """

    event: ClassVar[str] = "suggestion"
    message: str
    guessed: list[tuple[int, int]]
    frame: int


@dataclass(frozen=True)
class Failed(Event):
    """A frame, or with `frame` null the job, could not be done."""

    event: ClassVar[str] = "error"
    message: str
    frame: int | None = None


@dataclass(frozen=True)
class Done(Event):
    """The job is over. `seconds` is its wall time, `stage_seconds` the work of all threads by stage."""

    event: ClassVar[str] = "done"
    written: int
    skipped: int
    failed: int
    seconds: float
    stage_seconds: dict[str, float] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)


AnyEvent = Start | Stage | Progress | FrameDone | Warned | Suggested | Failed | Done
OnEvent = Callable[[AnyEvent], None]


def ignore(event: AnyEvent) -> None:
    """Do nothing with an event."""
