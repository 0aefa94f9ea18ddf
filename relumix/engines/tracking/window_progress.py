"""How far an engine is with a window, told step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_MOST = 0.99
"""The last share that is told: when a window is done its result says so."""


class WindowProgress:
    """Counts the steps of a window; all are taken to last equally long. For `Reporting`."""

    def __init__(self) -> None:
        self._tell: Callable[[float], None] = lambda share: None
        self._steps, self._done = 1, 0

    def report_to(self, tell: Callable[[float], None]) -> None:
        """See `Reporting`."""
        self._tell = tell

    def begin(self, steps: int) -> None:
        """Begin a window of so many steps."""
        self._steps, self._done = max(steps, 1), 0

    def step(self) -> None:
        """Count a step that is done."""
        self._done += 1
        self._tell(min(self._done / self._steps, _MOST))

    def each(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items, each of which is a step."""
        for item in items:
            self.step()
            yield item
