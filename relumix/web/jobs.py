"""A shot being relit, a reference or a movie being made: the command that anyone can run, and what it says."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from relumix.util.child import decoder_environment, relumix_command
from relumix.web.commands import WENT_TO_THE_END, complaint
from relumix.web.errors import RefusedError, without_folders

log = logging.getLogger("relumix.web")

_MOST_WARNINGS = 20
_KILL_SECONDS = 10.0

State = str
"""One of: waiting, running, done, failed, cancelled."""


class Command(Protocol):
    """What a job runs: `relumix` with these arguments, in a folder."""

    @property
    def folder(self) -> Path: ...  # noqa: D102

    @property
    def ends_well(self) -> tuple[int, ...]: ...  # noqa: D102  exit codes

    def arguments(self) -> list[str]: ...  # noqa: D102


Ordered = TypeVar("Ordered", bound=Command)


@dataclass(frozen=True)
class Order:
    """What is to be done: the arguments of `relumix relight` that decide the result, and where it goes.

    references  file by frame.
    folder      of relit/, gain/ and confidence/.
    options     further arguments.
    movie       file of a movie that the result goes into instead.
    """

    source: str
    references: Mapping[int, Path]
    folder: Path
    options: tuple[str, ...] = ()
    movie: Path | None = None

    @property
    def ends_well(self) -> tuple[int, ...]:
        """Exit codes with which all that can be made is there."""
        return WENT_TO_THE_END

    def arguments(self) -> list[str]:
        """Return the command's arguments."""
        return ["relight", self.source, *self.given(), *self.options, *self.outputs()]

    def given(self) -> list[str]:
        """Return the arguments that name the references."""
        return [argument for frame, path in self.references.items() for argument in ("-r", f"{frame}={path}")]

    def outputs(self) -> list[str]:
        """Return the arguments that say where results go."""
        folder = self.folder
        if self.movie:
            return [f"--output={self.movie}"]
        return [
            f"--output={folder / 'relit' / 'relit.####.exr'}",
            f"--gain-out={folder / 'gain' / 'gain.####.exr'}",
            f"--confidence-out={folder / 'confidence' / 'confidence.####.exr'}",
        ]


@dataclass
class Told:
    """What a job has said so far.

    share, remaining_seconds  as of relumix.events.Stage.
    frames      version of each frame that is on disk: it changes when the frame is written anew.
    failed      what is wrong with each frame that failed.
    suggestion  the frame that would help most as another reference, None where none would.
    """

    state: State = "waiting"
    stage: str = ""
    message: str = ""
    share: float = 0.0
    remaining_seconds: float | None = None
    total: int = 0
    seconds: float = 0.0
    frames: dict[int, str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    error: str = ""
    suggestion: int | None = None


class Job(Generic[Ordered]):
    """One run of a command. Thread-safe. version: of what it has said; it grows."""

    def __init__(
        self,
        order: Ordered,
        turn: threading.Semaphore,
        *,
        server: Callable[[], list[str]] = list,
        on_frame: Callable[[int], None] = lambda frame: None,
        finish: Callable[[], None] = lambda: None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Nothing is begun yet. All of these are called on the job's own thread.

        turn      is taken while it runs.
        server    returns the arguments that name one, once they are needed. Raises RefusedError where there is none.
        on_frame  is told each frame that is on disk. `on_end` gets the job when it has ended, however it did.
        finish    does what is left when the command has ended well. Raises RefusedError where it cannot.
        wanted    tells whether anybody waits for it still: it is cancelled where nobody does.
        """
        self.order, self.told = order, Told()
        self.on_end: Callable[[Job[Ordered]], object] = lambda job: None
        self._server, self._turn, self._on_frame = server, turn, on_frame
        self._finish, self._wanted = finish, wanted
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self.version = 0
        self._thread = threading.Thread(target=self._run, name="relumix-web-job", daemon=True)

    def start(self) -> None:
        """Begin, when it is its turn."""
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it waits or works."""
        return self.told.state in ("waiting", "running")

    def snapshot(self) -> dict[str, Any]:
        """Return what it has said, fit for JSON."""
        with self._lock:
            told = dict(vars(self.told))
            return {**told, "frames": dict(told["frames"]), "failed": dict(told["failed"]), "version": self.version}

    def cancel(self) -> None:
        """Stop it; finished frames are kept."""
        self._cancelled.set()
        if (process := self._process) is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Stop it, and return when it has stopped."""
        self.cancel()
        if self._thread.ident is not None:
            self._thread.join(2 * _KILL_SECONDS)

    def _run(self) -> None:
        while not self._turn.acquire(timeout=0.2):
            if self._cancelled.is_set() or not self._wanted():
                self._end("cancelled")
                return
        try:
            if self._cancelled.is_set():
                self._end("cancelled")
            else:
                self._work()
        except RefusedError as error:
            self._end("failed", str(error))
        except OSError as error:
            self._end("failed", f"it cannot be started: {error.strerror or error}")
        except Exception:
            log.exception("a job broke")
            self._end("failed", "it broke; the page's log says how")
        finally:
            self._turn.release()

    def _work(self) -> None:
        self._update(state="running", message="starting")
        began = time.monotonic()
        command = [*relumix_command(), *self.order.arguments(), *self._server(), "--progress=json"]
        self.order.folder.mkdir(parents=True, exist_ok=True)
        log = self.order.folder / "log"
        with log.open("w", encoding="utf-8") as told:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=told,
                text=True,
                env=decoder_environment(),
                cwd=self.order.folder,
            )
        self._process = process
        if self._cancelled.is_set():
            process.terminate()
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._hear(json.loads(line))
                if not self._wanted():
                    self.cancel()
        self._leave(process)
        self._update(seconds=time.monotonic() - began)
        self._conclude(process.returncode, log)

    def _leave(self, process: subprocess.Popen[str]) -> None:
        try:
            process.wait(_KILL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _conclude(self, code: int, log: Path) -> None:
        if self._cancelled.is_set():
            self._end("cancelled")
        elif code in self.order.ends_well:
            self._finish()
            self._end("done")
        else:
            self._end("failed", self.told.error or complaint(log.read_text(errors="replace"), code))

    def _end(self, state: State, error: str = "") -> None:
        self._update(state=state, error=error, remaining_seconds=None, message="")
        self.on_end(self)

    def _hear(self, event: dict[str, Any]) -> None:
        """Take an event of docs/events.md."""
        kind = event.get("event")
        if kind == "start":
            self._update(total=len(event["frames"]))
        elif kind in ("stage", "progress"):
            known = {"share", "remaining_seconds", "message", "stage"}
            told = {name: value for name, value in event.items() if name in known}
            self._update(**told | {"message": without_folders(event.get("message", ""))})
        elif kind == "frame":
            self._frame(int(event["frame"]), Path(event["path"]))
        elif kind == "warning":
            self._update(warnings=[*self.told.warnings, without_folders(event["message"])][:_MOST_WARNINGS])
        elif kind == "error":
            self._failed(event["frame"], event["message"])

    def _frame(self, frame: int, path: Path) -> None:
        version = f"{path.stat().st_mtime_ns:x}"
        self._update(frames={**self.told.frames, frame: version})
        self._on_frame(frame)

    def _failed(self, frame: int | None, message: str) -> None:
        if frame is None:
            self._update(error=without_folders(message))
        else:
            self._update(failed={**self.told.failed, frame: without_folders(message)})

    def _update(self, **changes: Any) -> None:
        with self._lock:
            for name, value in changes.items():
                setattr(self.told, name, value)
            self.version += 1

    def keep(self, frames: Mapping[int, str]) -> None:
        """Note frames that are on disk from before, where it made none."""
        if not self.told.frames:
            self._update(frames=dict(frames))

    def suggest(self, frame: int | None) -> None:
        """Note the frame that would help most as another reference."""
        self._update(suggestion=frame)

    def touch(self) -> None:
        """Count something that was learned of its result as a change of what it says."""
        self._update()


@dataclass(frozen=True)
class Making:
    """Something else that is being made of a clip, or was made last.

    what   "match", "lights" or "text", of a frame; "movie" or "before-after".
    frame  that gets a reference; None for movies.
    """

    what: str
    frame: int | None
    job: Job[Any]

    def described(self) -> dict[str, Any]:
        """Return it, and what its job has said, fit for JSON."""
        return {"what": self.what, "frame": self.frame, **self.job.snapshot()}
