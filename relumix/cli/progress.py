"""Progress of a running job in a shell."""

from __future__ import annotations

import enum
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from relumix.events import AnyEvent, Done, Failed, OnEvent, Progress, Stage, Start, Suggested, Warned
from relumix.util.words import number_of, one_line


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
            bar.update(Progress(done, total, done / total))

    try:
        yield update
    finally:
        bar.close()


class _Bar:
    """A bar on stderr, there from its first update on, with a clock that ticks between updates."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._at, self._told, self._doing = Progress(0, 0), 0.0, ""
        self._lock, self._closed = threading.RLock(), threading.Event()

    def update(self, progress: Progress) -> None:
        """Show how far it is."""
        with self._lock:
            self._at, self._told = progress, time.monotonic()
            if self._bar is None:
                self._open()
            self._draw()

    def stage(self, stage: Stage) -> None:
        """Show what is worked on."""
        with self._lock:
            self._doing = stage.message
            self.update(replace(self._at, share=stage.share, remaining_seconds=stage.remaining_seconds))

    def clear(self) -> None:
        """Make room for a line of text."""
        with self._lock:
            if self._bar is not None:
                self._bar.clear()

    def close(self) -> None:
        """Leave the bar as it is."""
        self._closed.set()
        with self._lock:
            if self._bar is not None:
                self._doing = ""
                self._draw()
                self._bar.close()
                self._bar = None

    def _open(self) -> None:
        from tqdm import tqdm  # noqa: PLC0415  only who looks at a bar needs it

        # A delay keeps it from drawing itself before there is anything to say.
        form = "{percentage:3.0f}% |{bar}| {desc}"
        size = {"ncols": _COLUMNS, "nrows": _ROWS} if _is_of_no_size() else {"dynamic_ncols": True}
        self._bar = tqdm(total=1.0, bar_format=form, file=sys.stderr, delay=1e-9, **size)
        threading.Thread(target=self._tick, name="relumix-clock", daemon=True).start()

    def _tick(self) -> None:
        while not self._closed.wait(_TICK_SECONDS):
            with self._lock:
                if self._bar is not None:
                    self._draw()

    def _draw(self) -> None:
        self._bar.n = self._at.share
        self._bar.set_description_str(self._words(), refresh=True)

    def _words(self) -> str:
        """Frames, time gone and to go, and what is worked on."""
        words = [f"{self._at.done}/{self._at.total} frames", f"{_clock(self._bar.format_dict['elapsed'])} gone"]
        if self._at.remaining_seconds is not None and self._at.share < 1:
            left = self._at.remaining_seconds - (time.monotonic() - self._told)
            words.append(f"about {_clock(left)} to go" if left >= 1 else "taking longer than estimated")
        return ", ".join([*words, *([self._doing] if self._doing else [])])


_TICK_SECONDS = 1.0

_COLUMNS, _ROWS = 80, 24
"""Taken for the size of a terminal that says it has none."""


def _is_of_no_size() -> bool:
    """Tell whether stderr is a terminal of 0 columns or rows, as under `script`, a CI job or an empty `ssh -t`."""
    try:
        return 0 in os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError):
        return False


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes > 59 else f"{minutes}:{rest:02d}"


def _print_json(event: AnyEvent) -> None:
    print(event.to_json(sys.stdout.encoding), flush=True)


class OpenJD:
    """Messages of Open Job Description on stdout: what schedulers make progress bars and reasons of failure of."""

    def __init__(self) -> None:
        self._first_failure = self._stage = self._percent = ""

    def __call__(self, event: AnyEvent) -> None:
        """Tell an event of a job."""
        if isinstance(event, Start):
            self.status(f"{number_of(len(event.frames), 'frame')} with {event.settings['engine']}")
        elif isinstance(event, Stage):
            self._share(event.share)
            if event.message != self._stage:
                self._stage = event.message
                self.status(event.message)
        elif isinstance(event, Progress):
            self._share(event.share)
        elif isinstance(event, Warned):
            self.status(f"warning: {event.message}")
        elif isinstance(event, Suggested):
            self.status(event.message)
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
        self._share(done / total)

    def _share(self, share: float) -> None:
        percent = f"{100 * share:.1f}"
        if percent != self._percent:
            self._percent = percent
            print(f"openjd_progress: {percent}", flush=True)

    def status(self, text: str) -> None:
        """Tell what is going on."""
        print(f"openjd_status: {one_line(text)}", flush=True)

    def fail(self, text: str) -> None:
        """Tell why it fails; an exit code other than 0 has to follow."""
        print(f"openjd_fail: {one_line(text)}", flush=True)


class _Words:
    """A bar and warnings on stderr while it runs, and what was made on stdout at the end."""

    def __init__(self, wanted: bool) -> None:
        self._wanted, self._bar = wanted, _Bar()

    def __call__(self, event: AnyEvent) -> None:
        if isinstance(event, Start) and self._wanted:
            self._bar.update(Progress(0, len(event.frames)))
        elif isinstance(event, Stage) and self._wanted:
            self._bar.stage(event)
        elif isinstance(event, Progress) and self._wanted:
            self._bar.update(event)
        elif isinstance(event, Warned):
            self._say(f"warning: {event.message}")
        elif isinstance(event, Suggested) or (isinstance(event, Failed) and event.frame is not None):
            self._say(event.message)
        elif isinstance(event, Done):
            self.close()
            print(_summary(event))

    def close(self) -> None:
        self._bar.close()

    def _say(self, text: str) -> None:
        self._bar.clear()
        print(f"relumix: {one_line(text)}", file=sys.stderr)


def _summary(end: Done) -> str:
    rate = f", {end.written / end.seconds:.2f} frames a second" if end.written else ""
    counts = [f"{number_of(end.written, 'frame')} relit in {end.seconds:.1f} s{rate}"]
    counts += [f"{end.skipped} {'was' if end.skipped == 1 else 'were'} up to date"] if end.skipped else []
    counts += [f"{end.failed} failed"] if end.failed else []
    outputs = end.outputs if end.written or end.skipped else ()
    return "\n".join(["; ".join(counts), *(f"wrote {path}" for path in outputs)])
