# ruff: noqa: N801, N802  the names are Nuke's
"""Knobs that hold text, a choice or nothing; those that hold numbers are in number_knobs.

A knob refuses what Nuke refuses: a value of another type (TypeError), a choice that is not there.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from .expressions import At, text_of
from .main_thread import MainThreadOnly
from .tcl import Word, quoted

if TYPE_CHECKING:
    from .node import Node

DISABLED, NO_ANIMATION, DO_NOT_WRITE, INVISIBLE = 0x80, 0x100, 0x200, 0x400
STARTLINE, ENDLINE, ALWAYS_SAVE, HIDDEN = 0x1000, 0x2000, 0x20000, 0x40000


class Knob(MainThreadOnly):
    _user = 0
    """The number that addUserKnob has for it; 0: it has none."""

    def __init__(self, name: str, label: str | None = None) -> None:
        self._name, self._label, self._tooltip = name, label, ""
        self._node: Node | None = None
        self._flags = STARTLINE
        self._state: Any = None
        self._default: Any = None
        self._added = False

    def _touched(self) -> AbstractContextManager[None]:
        return self._node._touched() if self._node is not None else nullcontext()

    def _default_from(self, text: str) -> None:
        """What nuke.knobDefault has for it."""
        self.fromScript(text)
        self._settle()

    def Class(self) -> str:
        return type(self).__name__

    def name(self) -> str:
        return self._name

    def setName(self, name: str) -> None:
        self._name = name

    def label(self) -> str:
        return self._name if self._label is None else self._label

    def setLabel(self, label: str) -> None:
        self._label = label

    def tooltip(self) -> str:
        return self._tooltip

    def setTooltip(self, tooltip: str) -> None:
        self._tooltip = tooltip

    def node(self) -> Node | None:
        return self._node

    def fullyQualifiedName(self, channel: int = -1) -> str:
        return f"{self._node.fullName()}.{self._name}" if self._node else self._name

    def getFlag(self, flag: int) -> bool:
        return bool(self._flags & flag)

    def setFlag(self, flag: int) -> None:
        self._flags |= flag

    def clearFlag(self, flag: int) -> None:
        self._flags &= ~flag

    def enabled(self) -> bool:
        return not self.getFlag(DISABLED)

    def setEnabled(self, enabled: bool) -> None:
        self._flags = self._flags & ~DISABLED | (0 if enabled else DISABLED)

    def visible(self) -> bool:
        return not self.getFlag(INVISIBLE)

    def setVisible(self, visible: bool) -> None:
        self._flags = self._flags & ~INVISIBLE | (0 if visible else INVISIBLE)

    def value(self) -> Any:
        return self._state

    def getValue(self) -> Any:
        return self.value()

    def setValue(self, val: Any) -> bool:
        raise AttributeError(f"a {self.Class()} has no value to set: {self._name}")

    def isAnimated(self, channel: int = -1) -> bool:
        return False

    def hasExpression(self, index: int = -1) -> bool:
        return False

    def toScript(self) -> str:
        return quoted(str(self._state))

    def fromScript(self, script: str) -> None:
        self._read(Word(script, "bare"))

    def _at(self, frame: float | None = None, view: str | None = None) -> At:
        node = self._node
        if node is None:
            raise ValueError(f"{self._name} is on no node")
        session = node._session
        return At(node, session.now if frame is None else frame, view or session.view)

    def _read(self, word: Word) -> None:
        """Take the value that a script holds."""
        raise ValueError(f"a script has no value for a {self.Class()}: {self._name}")

    def _written(self) -> str | None:
        """What a script holds, or None where nothing is to be said."""
        return None if self._state == self._default or self.getFlag(DO_NOT_WRITE) else self.toScript()

    def _settle(self) -> None:
        """What it holds now is its default."""
        self._default = self._state

    def _text(self, at: At) -> str:
        return str(self.value())

    def _number(self, at: At) -> float:
        return float(self.value())

    def _effect(self, at: At) -> Any:
        """What of it decides the picture."""
        return self._text(at)

    def _become(self, state: Any) -> bool:
        """Change, tell who listens, and be undone by undo. Returns whether there was anything to change."""
        if state == self._state:
            return False
        before, self._state = self._state, state
        if self._node is not None:
            self._node._session.changes += 1

            def put_back() -> None:
                self._state = before
                if self._node is not None:
                    self._node._session.changes += 1

            self._node._changed(self)
            self._node._session.undos.record(self._name, put_back)
            self._node._session.callbacks.knob_changed(self._node, self)
        return True


class String_Knob(Knob):
    def __init__(self, name: str, label: str | None = None, value: str = "") -> None:
        super().__init__(name, label)
        self._state = self._default = value

    def setValue(self, val: str, view: str = "") -> bool:
        if not isinstance(val, str):
            raise TypeError(f"{self._name}: expected a string, got {val!r}")
        return self._become(val)

    def getText(self) -> str:
        return str(self._state)

    def setText(self, text: str) -> None:
        self.setValue(text)

    def _read(self, word: Word) -> None:
        self._become(word.text)


class EvalString_Knob(String_Knob):
    _user = 1

    def evaluate(self) -> str:
        return text_of(self._state, self._at())

    def _text(self, at: At) -> str:
        return text_of(self._state, at)


class Multiline_Eval_String_Knob(EvalString_Knob):
    _user = 43


class File_Knob(EvalString_Knob):
    _user = 2

    def getEvaluatedValue(self) -> str:
        return self.evaluate()

    def fromUserText(self, text: str) -> None:
        """`name.####.exr 1001-1100`: the range goes to the node's first and last."""
        match = re.fullmatch(r"(.*\S) +(-?\d+)-(-?\d+)", text)
        self.setValue(match[1] if match else text)
        if match and self._node is not None and self._node.knob("first") is not None:
            for name, number in (("first", 2), ("last", 3), ("origfirst", 2), ("origlast", 3)):
                self._node[name].setValue(int(match[number]))

    def fromScript(self, script: str) -> None:
        self.setValue(script)


class Text_Knob(Knob):
    """A line of text in the panel. A script does not keep it."""

    _user = 26

    def __init__(self, name: str, label: str | None = None, value: str = "") -> None:
        super().__init__(name, label)
        self._state = self._default = value

    def setValue(self, text: str) -> bool:
        if not isinstance(text, str):
            raise TypeError(f"{self._name}: expected a string, got {text!r}")
        return self._become(text)

    def _written(self) -> None:
        return None

    def _effect(self, at: At) -> str:
        return ""


class Tab_Knob(Knob):
    _user = 20

    def _written(self) -> None:
        return None


class BeginTabGroup_Knob(Tab_Knob):
    _user = 0


class EndTabGroup_Knob(Tab_Knob):
    _user = 0


class Script_Knob(String_Knob):
    def command(self) -> str:
        return str(self._state)

    def setCommand(self, cmd: str) -> None:
        self.setValue(cmd)

    def setValue(self, cmd: str) -> bool:  # type: ignore[override]
        return super().setValue(cmd)

    def execute(self) -> None:
        """What a press of the button does, in the window or from Python."""
        assert self._node is not None
        session = self._node._session
        session.touches.nodes.clear()
        with session.called_for(self._node, self, inside=True):
            exec(compile(self._state, f"{self._node.fullName()}.{self._name}", "exec"), {"nuke": session.module})

    def _effect(self, at: At) -> str:
        return ""


class PyScript_Knob(Script_Knob):
    _user = 22


class PythonKnob(String_Knob):
    """A callback's text, as in the knobs onCreate and knobChanged."""

    def _effect(self, at: At) -> str:
        return ""


class Enumeration_Knob(Knob):
    _user = 4

    def __init__(self, name: str, label: str | None, values: list[str]) -> None:
        super().__init__(name, label)
        self._values = list(values)
        self._state = self._default = self._values[0] if values else ""

    def values(self) -> list[str]:
        return list(self._values)

    def setValues(self, items: list[str]) -> None:
        self._values = list(items)

    def numValues(self) -> int:
        return len(self._values)

    def enumName(self, n: int) -> str:
        return self._values[n]

    def value(self) -> str:
        return str(self._state)

    def getValue(self) -> float:
        return float(self._values.index(self._state))

    def setValue(self, item: str | int) -> bool:
        if isinstance(item, bool) or not isinstance(item, str | int):
            raise TypeError(f"{self._name}: expected a choice or its number, got {item!r}")
        if isinstance(item, int):
            item = self._values[item]
        if item not in self._values:
            raise TypeError(f"{self._name}: {item!r} is none of {', '.join(self._values)}")
        return self._become(item)

    def _number(self, at: At) -> float:
        return self.getValue()

    def _read(self, word: Word) -> None:
        self.setValue(word.text)

    def _default_from(self, text: str) -> None:
        super()._default_from(self._values[int(text)] if text.isdigit() else text)


class Pulldown_Knob(Enumeration_Knob):
    pass


class OneView_Knob(Enumeration_Knob):
    """A view of the script."""


class Channel_Knob(Knob):
    def __init__(self, name: str, label: str | None = None, value: str = "rgba") -> None:
        super().__init__(name, label)
        self._state = self._default = value

    def value(self) -> str:
        return str(self._state)

    def setValue(self, name: str) -> bool:
        if not isinstance(name, str):
            raise TypeError(f"{self._name}: expected the name of a layer or channel, got {name!r}")
        return self._become(name)

    def _read(self, word: Word) -> None:
        self.setValue(word.text)


class ChannelMask_Knob(Channel_Knob):
    pass


class Link_Knob(Knob):
    """Shows a knob of a node inside a group, and holds what that holds. A script keeps the value."""

    _user = 41

    def __init__(self, name: str, label: str | None = None) -> None:
        super().__init__(name, label)
        self._state = self._default = ""

    def getLink(self) -> str:
        return self._target

    def setLink(self, s: str) -> None:
        self._target = s

    def getLinkedKnob(self) -> Any:
        node, _, knob = self._target.partition(".")
        group: Any = self._node
        found = next((child for child in group._children if child.name() == node), None)
        return found[knob] if found else None

    def value(self) -> Any:
        return self._state or self.getLinkedKnob().value()

    def setValue(self, value: Any) -> bool:
        self._state = value
        return bool(self.getLinkedKnob().setValue(value))

    def _read(self, word: Word) -> None:
        self._state = word.text
        if linked := self.getLinkedKnob():  # The nodes of a group are read after its knobs.
            linked._read(word)

    def _written(self) -> str | None:
        return quoted(self._state) if self._state else None
