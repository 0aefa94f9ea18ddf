"""A worker process: runs tasks from its socket, one by one, within limits, until the socket closes.

Started by relumix_server.workers, with FD MEMORY_BYTES THREADS WALL_FACTOR. What a hostile file does to a decoder,
it does here.
"""

from __future__ import annotations

import math
import resource
import signal
import socket
import sys
from typing import Any

import cv2
import OpenImageIO as oiio

from relumix.errors import FrameError, InputError
from relumix_server.frame_files import TooLargeError
from relumix_server.shared_memory import MessageError, receive, send
from relumix_server.worker_tasks import Task


def main() -> None:
    """Work until the other side goes away."""
    descriptor, memory_bytes, threads, wall_factor = map(int, sys.argv[1:5])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _limit(memory_bytes, threads)
    with socket.socket(fileno=descriptor) as channel:
        while True:
            try:
                task, seconds = receive(channel, trusted=True)
            except (MessageError, OSError):
                return
            # Ends the process whatever the decoder is doing, and even if the server is gone.
            signal.alarm(math.ceil(wall_factor * seconds) + 1)
            signal.setitimer(signal.ITIMER_PROF, threads * seconds)
            answer = _answer(task)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
            try:
                send(channel, answer)
            except OSError as error:
                if channel.fileno() < 0 or isinstance(error, BrokenPipeError | ConnectionError):
                    return
                send(channel, ("full", str(error)))


def _limit(memory_bytes: int, threads: int) -> None:
    """Limit memory to `memory_bytes` beyond what the process has now."""
    oiio.attribute("threads", threads)
    oiio.attribute("exr_threads", threads)
    cv2.setNumThreads(threads)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            pages = int(file.read().split()[0])
        limit = pages * resource.getpagesize() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _answer(task: object) -> tuple[str, Any]:
    """Run a task; returns the kind of outcome and its value, in plain types."""
    if not isinstance(task, Task):
        return "bug", f"{type(task).__name__} is no task"
    try:
        return "done", vars(task.run())
    except FrameError as error:
        return "frame", (error.frame, str(error))
    except InputError as error:
        return "input", str(error)
    except (TooLargeError, MemoryError) as error:
        large = isinstance(error, TooLargeError)
        return "limit", str(error) if large else "it takes more memory than a frame may"
    except Exception as error:
        return "bug", f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
