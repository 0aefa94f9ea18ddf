"""How a running job shows itself in a shell."""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from relumix.events import AnyEvent, Done, Failed, OnEvent, Progress, Start, Warned
from relumix.util.words import number_of


class Show(enum.Enum):
    """Ways to show progress; AUTO is BAR on a terminal and NONE elsewhere."""

    AUTO = "auto"
    BAR = "bar"
    JSON = "json"
    NONE = "none"
    OPENJD = "openjd"


@contextmanager
def shown_as(show: Show) -> Iterator[OnEvent]:
    """Yield the receiver of a job's events."""
    if show is Show.JSON:
        yield _print_json
        return
    if show is Show.OPENJD:
        yield OpenJD()
        return
    bar = show is Show.BAR or (show is Show.AUTO and sys.stderr.isatty())
    words = _Words(bar)
    try:
        yield words
    finally:
        words.close()


@contextmanager
def counted() -> Iterator[Callable[[int, int], None]]:
    """Yield a receiver of (frames done, frames in all) that shows a bar on a terminal, and nothing elsewhere."""
    bar = _Bar()

    def update(done: int, total: int) -> None:
        if sys.stderr.isatty():
            bar.update(done, total)

    try:
        yield update
    finally:
        bar.close()


class _Bar:
    """A bar on stderr, there from its first update on."""

    def __init__(self) -> None:
        self._bar: Any = None

    def update(self, done: int, total: int) -> None:
        if self._bar is None:
            from tqdm import tqdm  # noqa: PLC0415  only who looks at a bar needs it

            self._bar = tqdm(total=total, bar_format=_FORMAT, dynamic_ncols=True)
        self._bar.update(done - self._bar.n)

    def clear(self) -> None:
        if self._bar is not None:
            self._bar.clear()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _print_json(event: AnyEvent) -> None:
    print(event.to_json(), flush=True)


class OpenJD:
    """Messages of Open Job Description on stdout: what schedulers make progress bars and reasons of failure of."""

    def __init__(self) -> None:
        self._first_failure = ""

    def __call__(self, event: AnyEvent) -> None:
        """Tell an event of a job."""
        if isinstance(event, Start):
            self.status(f"{number_of(len(event.frames), 'frame')} with {event.settings['engine']}")
        elif isinstance(event, Progress):
            self.progress(event.done, event.total)
        elif isinstance(event, Warned):
            self.status(f"warning: {event.message}")
        elif isinstance(event, Failed) and event.frame is None:
            self.fail(event.message)
        elif isinstance(event, Failed):
            self._first_failure = self._first_failure or event.message
            self.status(event.message)
        elif isinstance(event, Done):
            self.status(_summary(event).replace("\n", "; "))
            if event.failed:
                self.fail(
                    f"{event.failed} of {event.written + event.skipped + event.failed} frames failed: "
                    f"{self._first_failure}"
                )

    def progress(self, done: int, total: int) -> None:
        """Tell how far it is."""
        print(f"openjd_progress: {100 * done / total:.1f}", flush=True)

    def status(self, text: str) -> None:
        """Tell what is going on."""
        print(f"openjd_status: {text}", flush=True)

    def fail(self, text: str) -> None:
        """Tell why it fails; an exit code other than 0 has to follow."""
        print(f"openjd_fail: {text}", flush=True)


class _Words:
    """A bar and warnings on stderr while it runs, and what was made on stdout at the end."""

    def __init__(self, wanted: bool) -> None:
        self._wanted, self._bar = wanted, _Bar()

    def __call__(self, event: AnyEvent) -> None:
        if isinstance(event, Start) and self._wanted:
            self._bar.update(0, len(event.frames))
        elif isinstance(event, Progress) and self._wanted:
            self._bar.update(event.done, event.total)
        elif isinstance(event, Warned):
            self._say(f"warning: {event.message}")
        elif isinstance(event, Failed) and event.frame is not None:
            self._say(event.message)
        elif isinstance(event, Done):
            self.close()
            print(_summary(event))

    def close(self) -> None:
        self._bar.close()

    def _say(self, text: str) -> None:
        self._bar.clear()
        print(f"relumix: {text}", file=sys.stderr)


_FORMAT = "{desc}{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} frames, {elapsed} gone, {remaining} to go"


def _summary(end: Done) -> str:
    rate = f", {end.written / end.seconds:.2f} frames a second" if end.written else ""
    counts = [f"{number_of(end.written, 'frame')} relit in {end.seconds:.1f} s{rate}"]
    counts += [f"{end.skipped} {'was' if end.skipped == 1 else 'were'} up to date"] if end.skipped else []
    counts += [f"{end.failed} failed"] if end.failed else []
    return "\n".join(["; ".join(counts), *(f"wrote {path}" for path in end.outputs)])
