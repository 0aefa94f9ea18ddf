"""A thread pool that yields results in the order of submission."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

WRITERS = 2
"""Threads that make and write full-size frames while the engine works on the next."""


def ordered(calls: Iterable[Callable[[], Result]], threads: int, name: str) -> Iterator[Result]:
    """Run calls on threads of that name and yield what they return, in order; no call is taken before it can begin.

    What a call raises is raised here in its turn. Leaving early waits for the calls that have begun.
    """
    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    try:
        for call in calls:
            pending.append(pool.submit(call))
            if len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
