"""Which nodes Python touches: some editions of Nuke allow it ten."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .group import Preferences, Root
from .node import Node


class Touches:
    """limit  how many nodes may be touched until a button is pressed again; None: any number.

    nodes   those that were touched since. The root and the preferences do not count.
    inside  how deep in its own code the host is: what it does with nodes there is not Python's.
    """

    def __init__(self) -> None:
        self.limit: int | None = None
        self.nodes: set[Node] = set()
        self.inside = 0

    @contextmanager
    def of(self, *nodes: Node) -> Iterator[None]:
        """Count the nodes that are touched, and let the host work on them. RuntimeError where they are too many."""
        if not self.inside:
            self.nodes.update(node for node in nodes if not isinstance(node, Root | Preferences))
            if self.limit is not None and len(self.nodes) > self.limit:
                raise RuntimeError(f"this edition of Nuke lets Python touch {self.limit} nodes")
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    def entered(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of the module: the nodes that it hands out are touched."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self.of():
                found = function(*args, **kwargs)
            listed = found if isinstance(found, list) else [found]
            with self.of(*(each for each in listed if isinstance(each, Node))):
                return found

        return call
