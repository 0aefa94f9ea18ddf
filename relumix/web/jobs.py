"""A shot being relit: the very command that anyone can run, as a child process, and what it says."""

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
from typing import Any

from relumix.util.child import decoder_environment, relumix_command
from relumix.web.commands import WENT_TO_THE_END, complaint
from relumix.web.errors import RefusedError, without_folders

log = logging.getLogger("relumix.web")

_MOST_WARNINGS = 20
_KILL_SECONDS = 10.0

State = str
"""One of: waiting, running, done, failed, cancelled."""


@dataclass(frozen=True)
class Order:
    """What is to be done: the arguments of `relumix relight` that decide the result, and where it goes.

    references  file by frame.
    folder      of relit/, gain/ and confidence/.
    options     further arguments.
    """

    source: str
    references: Mapping[int, Path]
    folder: Path
    options: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """Return the command's arguments."""
        return [*self.inputs(), *self.outputs()]

    def inputs(self) -> list[str]:
        """Return the command's arguments but for where results go."""
        return ["relight", self.source, *self.given(), *self.options]

    def given(self) -> list[str]:
        """Return the arguments that name the references."""
        return [argument for frame, path in self.references.items() for argument in ("-r", f"{frame}={path}")]

    def outputs(self) -> list[str]:
        """Return the arguments that say where results go."""
        folder = self.folder
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


class Job:
    """One run of an order. Thread-safe. version: of what it has said; it grows."""

    def __init__(
        self,
        order: Order,
        server: Callable[[], list[str]],
        turn: threading.Semaphore,
        on_frame: Callable[[int], None] = lambda frame: None,
    ) -> None:
        """Nothing is begun yet.

        server    returns the arguments that name it, once they are needed. Raises RefusedError where there is none.
        turn      is taken while it runs.
        on_frame  is told each frame that is on disk, on the job's own thread. `on_done` gets the job when all are.
        """
        self.order, self.told = order, Told()
        self.on_done: Callable[[Job], object] = lambda job: None
        self.server_arguments, self._turn, self._on_frame = server, turn, on_frame
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
            if self._cancelled.is_set():
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
        command = [*relumix_command(), *self.order.arguments(), *self.server_arguments(), "--progress=json"]
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
        elif code in WENT_TO_THE_END:
            self._end("done")
            self.on_done(self)
        else:
            self._end("failed", self.told.error or complaint(log.read_text(errors="replace"), code))

    def _end(self, state: State, error: str = "") -> None:
        self._update(state=state, error=error, remaining_seconds=None, message="")

    def _hear(self, event: dict[str, Any]) -> None:
        """Take an event of docs/events.md."""
        kind = event.get("event")
        if kind == "start":
            self._update(total=len(event["frames"]))
        elif kind in ("stage", "progress"):
            known = {"share", "remaining_seconds", "message", "stage"}
            self._update(**{name: value for name, value in event.items() if name in known})
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

    def suggest(self, frame: int | None) -> None:
        """Note the frame that would help most as another reference."""
        self._update(suggestion=frame)

    def touch(self) -> None:
        """Count something that was learned of its result as a change of what it says."""
        self._update()
