"""The pool of worker processes; a task whose worker dies is tried once more."""

from __future__ import annotations

import select
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from relumix.errors import FrameError, InputError
from relumix.util.child import command as command_of
from relumix.util.child import decoder_environment
from relumix_server.frame_files import HEADER_SECONDS, link_prefix
from relumix_server.shared_memory import MessageError, receive, send
from relumix_server.status_errors import SessionCancelledError
from relumix_server.turns import LONG_SECONDS, ClosedError, Owner, Turns
from relumix_server.worker_tasks import Result, Task

GRACE_SECONDS = 5
"""How long after its own time limit a worker is killed."""

WALL_FACTOR = 4
"""Wall-clock limit over the limit on processor time: a task may wait for storage and for other programs."""


LEFT_SECONDS = 2.0
"""How long a task may still run that nobody waits for: most end by themselves sooner than a fresh worker starts."""

TICK_SECONDS = 0.5
"""How often a running task is looked after."""


class WorkerError(Exception):
    """A task failed without an error of relumix's own."""


class WorkerDiedError(WorkerError):
    """The worker died, by a signal or one of its limits. late: by its time limit."""

    def __init__(self, message: str, *, late: bool = False) -> None:
        super().__init__(message)
        self.late = late


class OverLimitError(WorkerError):
    """The task exceeds the limits of a frame."""


class _Process:
    def __init__(self, memory_bytes: int, threads: int, scratch: Path | None) -> None:
        self.channel, theirs = socket.socketpair()
        with theirs:
            command = [
                *command_of("relumix_server.worker", Path(__file__).parents[1]),
                str(theirs.fileno()),
                str(memory_bytes),
                str(threads),
                str(WALL_FACTOR),
            ]
            environment = {**decoder_environment(), **({"TMPDIR": str(scratch)} if scratch else {})}
            self.process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment
            )

    def end(self) -> None:
        self.channel.close()
        self.process.kill()
        self.process.wait()


class Workers:
    """Worker processes, one task at a time each. Thread-safe."""

    def __init__(
        self, count: int, *, memory_bytes: int, seconds: float, threads: int = 1, scratch: Path | None = None
    ) -> None:
        """Start `count` processes.

        memory_bytes  of each.
        seconds       of one task.
        threads       of each.
        scratch       their folder for temporary files; None: the system's.
        """
        self._memory_bytes, self._seconds, self._threads, self._scratch = memory_bytes, seconds, threads, scratch
        self.turns: Turns[_Process] = Turns(count)
        self._lock, self._closed = threading.Lock(), False
        self._all: set[_Process] = set()
        self.deaths = 0
        for _ in range(count):
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._closed:
                return
            fresh = _Process(self._memory_bytes, self._threads, self._scratch)
            self._all.add(fresh)
        self.turns.put(fresh)

    def pids(self) -> list[int]:
        """Return the process ids of all workers."""
        with self._lock:
            return [each.process.pid for each in self._all]

    def call(self, task: Task[Result], owner: Owner | None = None) -> Result:
        """Run a task in a worker, when it is its owner's turn.

        Raises what the task raises (FrameError, InputError), OverLimitError and WorkerDiedError; SessionCancelledError
        once its owner has left: such a task is not begun, or ended with its process.
        """
        owner = owner or Owner()
        try:
            return self._do(task, owner)
        except WorkerDiedError as death:
            # Perhaps not this task's fault, but the previous one's or a machine out of memory: try once more.
            if death.late or self._closed:
                raise
            return self._do(task, owner)

    def _do(self, task: Task[Result], owner: Owner) -> Result:
        worker, began = self._living(owner), time.monotonic()
        try:
            worker.channel.settimeout(WALL_FACTOR * self._seconds + GRACE_SECONDS)
            send(worker.channel, (task, self._seconds))
            self._await_answer(worker, owner, began)
            kind, payload = receive(worker.channel, trusted=False)
        except BaseException as error:
            self.turns.done(owner)
            self._replace(worker)
            if isinstance(error, MessageError | OSError | ValueError | EOFError):
                raise self._death(worker.process.returncode, late=isinstance(error, TimeoutError)) from error
            raise
        self.turns.done(owner)
        self.turns.put(worker)
        return _result(task, kind, payload)

    def _await_answer(self, worker: _Process, owner: Owner, began: float) -> None:
        """Return when an answer begins. Raises TimeoutError, and SessionCancelledError once its owner has left."""
        poll = select.poll()
        poll.register(worker.channel, select.POLLIN)
        while not poll.poll(TICK_SECONDS * 1000):
            seconds = time.monotonic() - began
            if seconds > WALL_FACTOR * self._seconds + GRACE_SECONDS:
                raise TimeoutError
            if seconds > LEFT_SECONDS and owner.left.is_set():
                raise SessionCancelledError
            if seconds > LONG_SECONDS:
                self.turns.takes_long(owner)

    def _living(self, owner: Owner) -> _Process:
        """Wait for a worker that is idle and alive. Raises WorkerDiedError where the server stops."""
        while True:
            try:
                worker = self.turns.take(owner)
            except ClosedError:
                raise WorkerDiedError("the server stops") from None
            if worker.process.poll() is None:
                return worker
            self.turns.done(owner)
            self._replace(worker)

    def _death(self, code: int | None, *, late: bool) -> WorkerError:
        """Return the error for a worker's exit code; late: it was killed for its time limit."""
        if code is not None and code > 0:  # Not a signal: the worker itself failed.
            return WorkerError(f"a worker process ended with exit code {code}")
        number = -(code or 0)
        if late or number in (signal.SIGALRM, signal.SIGPROF):
            return WorkerDiedError(f"it took longer than {self._seconds:g} s", late=True)
        if number == signal.SIGVTALRM:
            return WorkerDiedError(f"its header took longer than {HEADER_SECONDS:g} s", late=True)
        told = f" (signal {number})" if number else ""
        return WorkerDiedError(f"it ended the process that worked on it{told}")

    def _replace(self, worker: _Process) -> None:
        with suppress(subprocess.TimeoutExpired):  # It may have died by itself: read its exit code.
            worker.process.wait(timeout=1)
        worker.end()
        for link in self._scratch.glob(f"{link_prefix(worker.process.pid)}*") if self._scratch else ():
            link.unlink(missing_ok=True)
        with self._lock:
            self._all.discard(worker)
            self.deaths += 1
        self._start()

    def close(self) -> None:
        """End all processes; calls that still run raise WorkerDiedError."""
        with self._lock:
            self._closed, every = True, list(self._all)
        self.turns.close()
        for worker in every:
            worker.end()


def _result(task: Task[Result], kind: str, payload: Any) -> Result:
    if kind == "done":
        return cast("Result", task.result_type(**payload))
    if kind == "frame":
        raise FrameError(int(payload[0]), str(payload[1]))
    if kind == "input":
        raise InputError(str(payload))
    if kind == "limit":
        raise OverLimitError(str(payload))
    raise WorkerError(str(payload))
