"""Progress of an engine within a window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_MOST = 0.99
"""The highest share reported: that a window is finished, its result tells."""


class WindowProgress:
    """Counts the steps of a window; assumed to take equally long. For `Reporting`."""

    def __init__(self) -> None:
        self._tell: Callable[[float], None] = lambda share: None
        self._steps, self._done = 1, 0

    def report_to(self, tell: Callable[[float], None]) -> None:
        """See `Reporting`."""
        self._tell = tell

    def begin(self, steps: int) -> None:
        """Start counting for a window of `steps` steps."""
        self._steps, self._done = max(steps, 1), 0

    def step(self) -> None:
        """Count a finished step."""
        self._done += 1
        self._tell(min(self._done / self._steps, _MOST))

    def each(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items, each of which is a step."""
        for item in items:
            self.step()
            yield item
