"""The command as a child process, followed by its JSON lines. Touches nothing of Nuke's, so any thread may run it."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from relumix_nuke import command
from relumix_nuke.errors import CancelledError, RelumixError, writing

Event = dict[str, Any]
"""One line of the command: "event" names its kind (docs/events.md)."""

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 10.0
_LOG_TAIL_BYTES = 4096
_DONE, _SOME_FAILED = 0, 3


def events(arguments: Sequence[str], log: Path, cancelled: Callable[[], bool]) -> Generator[Event, None, None]:
    """Run the command and yield what it tells, as it tells it.

    log        file for what it writes on stderr.
    cancelled  is asked ten times a second; where it says True, the command is ended, politely at first.

    Raises CancelledError; RelumixError with what the command said where it fails as a whole, or the end of its log
    where it said nothing. The command ends with the generator in any case.
    """
    said: str | None = None
    with _opened(log) as errors:
        child = _start(arguments, errors)
        try:
            for event in _lines(child, cancelled):
                if event.get("event") == "error" and event.get("frame") is None:
                    said = str(event.get("message"))
                yield event
            code = child.wait()
        finally:
            _end(child)
    if code not in (_DONE, _SOME_FAILED):
        raise RelumixError(said or _crash(arguments[0], code, log))


def output(arguments: Sequence[str], log: Path, cancelled: Callable[[], bool]) -> str:
    """Run a command to its end and return what it prints.

    cancelled  is asked ten times a second; where it says True, the command is ended.

    Raises CancelledError; RelumixError with what the command said last where it fails.
    """
    said: str | None = None
    with _opened(log) as errors:
        child = _start(arguments, errors)
        try:
            while said is None:
                if cancelled():
                    raise CancelledError("cancelled")
                with suppress(subprocess.TimeoutExpired):
                    said, _ = child.communicate(timeout=_POLL_SECONDS)
        finally:
            _end(child)
            _close(child)
    if child.returncode != _DONE:
        raise RelumixError(_last_words(log) or _crash(arguments[0], child.returncode, log))
    return said


def _opened(log: Path) -> IO[str]:
    with writing(log):
        return log.open("w", encoding="utf-8")


def _start(arguments: Sequence[str], errors: IO[str]) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            errors="replace",
            env=command.environment(arguments),
            creationflags=command.no_window(),
        )
    except OSError as error:
        raise RelumixError(f"{arguments[0]} cannot be started ({error.strerror}): correct the executable") from error


def _lines(child: subprocess.Popen[str], cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Yield what the child says until it closes its end, or end it where that is asked for."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(child, lines), name="relumix output", daemon=True).start()
    while True:
        if cancelled():
            raise CancelledError("cancelled; finished frames are kept, Relight goes on from there")
        try:
            line = lines.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            continue
        if line is None:
            return
        try:
            event = json.loads(line)
        except ValueError:  # Some library below spoke up on stdout: nothing that we know of.
            continue
        if isinstance(event, dict):
            yield event


def _read(child: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    assert child.stdout is not None
    with child.stdout:
        for line in child.stdout:
            lines.put(line)
    lines.put(None)


def _end(child: subprocess.Popen[str]) -> None:
    """End a child that still runs: it finishes what it is writing, or is killed after a while."""
    if child.poll() is not None:
        return
    child.terminate()
    deadline = time.monotonic() + _GRACE_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    if child.poll() is None:
        child.kill()
        child.wait()


def _close(child: subprocess.Popen[str]) -> None:
    if child.stdout is not None:
        child.stdout.close()


def _crash(executable: str, code: int, log: Path) -> str:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    last = _last_words(log)
    return f"{executable} {how}{': ' + last if last else ''} (all that it said is in {log})"


def _last_words(log: Path) -> str:
    """The last line that is not empty."""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - _LOG_TAIL_BYTES, 0))
        lines = file.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
