"""The pool of worker processes, and what becomes of a task whose worker dies."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from relumix.errors import FrameError, InputError
from relumix_server.shared_memory import MessageError, receive, send
from relumix_server.worker_tasks import Result, Task

GRACE_SECONDS = 5
"""How long after its own time limit a worker is given up on."""


class WorkerError(Exception):
    """A task could not be done, and no sentence of relumix says why."""


class WorkerDiedError(WorkerError):
    """The process that did it died: of a signal, of its time limit, or of its memory limit."""


class OverLimitError(WorkerError):
    """The task would take more than a frame may."""


class _Process:
    def __init__(self, memory_bytes: int, threads: int, scratch: Path | None) -> None:
        self.channel, theirs = socket.socketpair()
        with theirs:
            command = [
                sys.executable,
                "-m",
                "relumix_server.worker",
                str(theirs.fileno()),
                str(memory_bytes),
                str(threads),
            ]
            environment = {**os.environ, **({"TMPDIR": str(scratch)} if scratch else {})}
            self.process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment
            )

    def end(self) -> None:
        self.channel.close()
        self.process.kill()
        self.process.wait()


class Workers:
    """Worker processes, each of which does one task at a time. Thread-safe."""

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
        """Do a task in one of the workers, when one is free.

        Raises what the task raises (FrameError, InputError), OverLimitError and WorkerDiedError.
        """
        worker = self._idle.get()
        if worker is None:
            self._idle.put(None)
            raise WorkerDiedError("the server stops")
        try:
            worker.channel.settimeout(self._seconds + GRACE_SECONDS)
            send(worker.channel, (task, self._seconds))
            kind, payload = receive(worker.channel, trusted=False)
        except BaseException as error:
            self._replace(worker)
            if isinstance(error, MessageError | OSError | ValueError | EOFError):
                code = worker.process.returncode
                raise WorkerDiedError(_how(-code if code and code < 0 else 0, self._seconds)) from error
            raise
        self._idle.put(worker)
        return _result(task, kind, payload)

    def _replace(self, worker: _Process) -> None:
        with suppress(subprocess.TimeoutExpired):  # One that ended by itself leaves its signal to be read.
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


def _how(signal_number: int, seconds: float) -> str:
    if signal_number == 14:
        return f"it took longer than {seconds:g} s"
    return f"it ended the process that worked on it{f' (signal {signal_number})' if signal_number else ''}"


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
