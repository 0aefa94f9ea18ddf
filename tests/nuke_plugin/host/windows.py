# ruff: noqa: N802, N803  the names are Nuke's
"""What Nuke shows beside its graph: messages, progress bars and menus."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .main_thread import MainThreadOnly

if TYPE_CHECKING:
    from .session import Session


class Dialogs:
    """messages, questions  the text of each dialog that was shown. answers  what the next questions get."""

    def __init__(self, gui: bool) -> None:
        self._gui = gui
        self.messages: list[str] = []
        self.questions: list[str] = []
        self.printed: list[str] = []
        self.answers: list[bool] = []

    def message(self, prompt: str) -> None:
        self._show(prompt, self.messages)

    def ask(self, prompt: str) -> bool:
        self._show(prompt, self.questions)
        return self.answers.pop(0)

    def _show(self, prompt: str, among: list[str]) -> None:
        if not self._gui:
            raise RuntimeError(f"a dialog without a window: {prompt}")
        among.append(prompt)

    def tprint(self, *args: Any, sep: str = " ", end: str = "\n", file: Any = None) -> None:
        self.printed.append(sep.join(map(str, args)))

    def warning(self, message: str) -> None:
        self.printed.append(message)


class Tasks:
    """The progress bars that are open: those that something still holds on to.

    cancel_after  how many more times a bar may be asked until its button is pressed; None: nobody presses it.
    """

    def __init__(self) -> None:
        self.cancel_after: int | None = None
        self.open: weakref.WeakSet[Any] = weakref.WeakSet()
        self.history: list[tuple[str, int | str]] = []

    def cancel(self) -> None:
        """Press the button of every one."""
        for task in self.open:
            task._cancelled = True


def progress_class(tasks: Tasks) -> type:
    """Nuke's class for one session. Any thread may tell progress."""

    class ProgressTask:
        def __init__(self, text: str) -> None:
            self._text, self._cancelled = text, False
            tasks.open.add(self)

        def setProgress(self, value: int) -> None:
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
                raise TypeError(f"expected a whole number of percent, got {value!r}")
            tasks.history.append((self._text, value))

        def setMessage(self, message: str) -> None:
            if not isinstance(message, str):
                raise TypeError(f"expected a string, got {message!r}")
            tasks.history.append((self._text, message))

        def isCancelled(self) -> bool:
            if tasks.cancel_after is not None:
                tasks.cancel_after -= 1
                if tasks.cancel_after <= 0:
                    self._cancelled, tasks.cancel_after = True, None
            return bool(self._cancelled)

    return ProgressTask


class ViewerWindow(MainThreadOnly):
    def __init__(self, session: Session) -> None:
        self._session = session

    def view(self) -> str:
        return self._session.view

    def setView(self, view: str) -> None:
        if view not in self._session.views():
            raise ValueError(f"no view is named {view}")
        self._session.view = view


class Menu(MainThreadOnly):
    """A menu, a toolbar or an entry of one: `/` in a name goes a level down."""

    def __init__(self, name: str, run: Callable[[str], None], command: Any = None, icon: str = "") -> None:
        self._name, self._run, self._command, self._icon = name, run, command, icon
        self._items: dict[str, Menu] = {}

    def name(self) -> str:
        return self._name

    def icon(self) -> str:
        return self._icon

    def script(self) -> str:
        return self._command if isinstance(self._command, str) else ""

    def items(self) -> list[Menu]:
        return list(self._items.values())

    def menu(self, name: str) -> Menu | None:
        return self.findItem(name)

    def findItem(self, name: str) -> Menu | None:
        first, _, rest = name.partition("/")
        found = self._items.get(first)
        return found.findItem(rest) if found is not None and rest else found

    def addMenu(self, name: str, icon: str = "", tooltip: str = "", index: int = -1) -> Menu:
        first, _, rest = name.partition("/")
        found = self._items.setdefault(first, Menu(first, self._run, icon=icon))
        return found.addMenu(rest, icon) if rest else found

    def addCommand(
        self,
        name: str,
        command: Any = None,
        shortcut: str = "",
        icon: str = "",
        tooltip: str = "",
        index: int = -1,
        readonly: bool = False,
        shortcutContext: int = 0,
    ) -> Menu:
        first, _, rest = name.partition("/")
        if rest:
            return self.addMenu(first).addCommand(rest, command, shortcut, icon)
        self._items[first] = Menu(first, self._run, command, icon)
        return self._items[first]

    def addSeparator(self) -> None:
        pass

    def removeItem(self, name: str) -> None:
        self._items.pop(name, None)

    def invoke(self) -> None:
        """What choosing it does."""
        if callable(self._command):
            self._command()
        else:
            self._run(self._command)
