"""Undo: what was done, in steps that are taken back one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .main_thread import MainThreadOnly

Inverse = Callable[[], None]


class Undos:
    """steps  (name, how to take it back) of each; what happens outside of a begun step is a step of its own."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, list[Inverse]]] = []
        self.open: list[tuple[str, list[Inverse]]] = []
        self.off = 0

    def record(self, name: str, inverse: Inverse) -> None:
        if self.off:
            return
        if self.open:
            self.open[-1][1].append(inverse)
        else:
            self.steps.append((name, [inverse]))

    def end(self) -> None:
        name, inverses = self.open.pop()
        if self.open:
            self.open[-1][1].extend(inverses)
        elif inverses:
            self.steps.append((name, inverses))

    def take_back(self, inverses: list[Inverse]) -> None:
        self.off += 1
        try:
            for inverse in reversed(inverses):
                inverse()
        finally:
            self.off -= 1


def undo_class(undos: Undos) -> type:
    """Nuke's class for one session."""

    class Undo(MainThreadOnly):
        def __init__(self, name: str = "") -> None:
            self._name = name

        @staticmethod
        def begin(name: str = "") -> None:
            undos.open.append((name, []))

        @staticmethod
        def name(name: str) -> None:
            undos.open[-1] = (name, undos.open[-1][1])

        @staticmethod
        def end() -> None:
            undos.end()

        @staticmethod
        def cancel() -> None:
            undos.take_back(undos.open.pop()[1])

        @staticmethod
        def disable() -> None:
            undos.off += 1

        @staticmethod
        def enable() -> None:
            undos.off -= 1

        @staticmethod
        def undo() -> None:
            if undos.steps:
                undos.take_back(undos.steps.pop()[1])

        def __enter__(self) -> Any:
            undos.open.append((self._name, []))
            return self

        def __exit__(self, type: Any, value: Any, traceback: Any) -> None:
            undos.end()

    return Undo
