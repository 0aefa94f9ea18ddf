"""The pool of worker processes; a task whose worker dies is tried once more."""

from __future__ import annotations

import queue
import signal
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from relumix.errors import FrameError, InputError
from relumix.util.child import command as command_of
from relumix.util.child import decoder_environment
from relumix_server.shared_memory import MessageError, receive, send
from relumix_server.worker_tasks import Result, Task

GRACE_SECONDS = 5
"""How long after its own time limit a worker is killed."""

WALL_FACTOR = 4
"""Wall-clock limit over the limit on processor time: a task may wait for storage and for other programs."""


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
        self._idle: queue.SimpleQueue[_Process | None] = queue.SimpleQueue()
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
        self._idle.put(fresh)

    def pids(self) -> list[int]:
        """Return the process ids of all workers."""
        with self._lock:
            return [each.process.pid for each in self._all]

    def call(self, task: Task[Result]) -> Result:
        """Run a task in the next free worker.

        Raises what the task raises (FrameError, InputError), OverLimitError and WorkerDiedError.
        """
        try:
            return self._do(task)
        except WorkerDiedError as death:
            # Perhaps not this task's fault, but the previous one's or a machine out of memory: try once more.
            if death.late or self._closed:
                raise
            return self._do(task)

    def _do(self, task: Task[Result]) -> Result:
        worker = self._living()
        try:
            worker.channel.settimeout(WALL_FACTOR * self._seconds + GRACE_SECONDS)
            send(worker.channel, (task, self._seconds))
            kind, payload = receive(worker.channel, trusted=False)
        except BaseException as error:
            self._replace(worker)
            if isinstance(error, MessageError | OSError | ValueError | EOFError):
                raise self._death(worker.process.returncode, late=isinstance(error, TimeoutError)) from error
            raise
        self._idle.put(worker)
        return _result(task, kind, payload)

    def _living(self) -> _Process:
        """Wait for a worker that is idle and alive. Raises WorkerDiedError where the server stops."""
        while (worker := self._idle.get()) is not None:
            if worker.process.poll() is None:
                return worker
            self._replace(worker)
        self._idle.put(None)
        raise WorkerDiedError("the server stops")

    def _death(self, code: int | None, *, late: bool) -> WorkerError:
        """Return the error for a worker's exit code; late: it was killed for its time limit."""
        if code is not None and code > 0:  # Not a signal: the worker itself failed.
            return WorkerError(f"a worker process ended with exit code {code}")
        number = -(code or 0)
        if late or number in (signal.SIGALRM, signal.SIGPROF):
            return WorkerDiedError(f"it took longer than {self._seconds:g} s", late=True)
        told = f" (signal {number})" if number else ""
        return WorkerDiedError(f"it ended the process that worked on it{told}")

    def _replace(self, worker: _Process) -> None:
        with suppress(subprocess.TimeoutExpired):  # It may have died by itself: read its exit code.
            worker.process.wait(timeout=1)
        worker.end()
        with self._lock:
            self._all.discard(worker)
            self.deaths += 1
        self._start()

    def close(self) -> None:
        """End all processes; calls that still run raise WorkerDiedError."""
        with self._lock:
            self._closed, every = True, list(self._all)
        self._idle.put(None)
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
