# ruff: noqa: N801, N802  the names are Nuke's
"""Knobs that hold numbers: one or several, each a number, a curve over frames, or an expression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .expressions import At, evaluated
from .knobs import NO_ANIMATION, Knob
from .tcl import Word


@dataclass(frozen=True)
class Curve:
    """Keys, by frame. Between two of them this host goes straight, where Nuke's default is smooth."""

    keys: tuple[tuple[float, float], ...]

    def at(self, frame: float) -> float:
        frames, values = zip(*self.keys, strict=True)
        return float(np.interp(frame, frames, values))

    def with_key(self, frame: float, value: float) -> Curve:
        return Curve(tuple(sorted({**dict(self.keys), frame: value}.items())))

    def script(self) -> str:
        return "{curve " + " ".join(f"x{_plain(x)} {_plain(y)}" for x, y in self.keys) + "}"


@dataclass(frozen=True)
class Expression:
    text: str

    def script(self) -> str:
        return "{" + self.text + "}"


Field = float | Curve | Expression


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(float(number))


class Array_Knob(Knob):
    """One or several fields. Its constructor takes a name, a label and how many."""

    def __init__(self, name: str, label: str | None = None, size: int = 1) -> None:
        super().__init__(name, label)
        self._state: tuple[Field, ...] = (0.0,) * size
        self._default = self._state
        self._range: tuple[float, float] = (0.0, 1.0)

    def arraySize(self) -> int:
        return len(self._state)

    def min(self) -> float:
        return self._range[0]

    def max(self) -> float:
        return self._range[1]

    def setRange(self, a: float, b: float) -> None:
        self._range = (a, b)

    def value(self, index: int = -1) -> Any:
        return self._values(self._at() if self._node else None, index)

    def getValue(self, index: int = -1) -> Any:
        found = self._values(self._at() if self._node else None, index)
        return float(found) if isinstance(found, int) else found

    def getValueAt(self, frame: float, index: int = -1, view: str | None = None) -> Any:
        return self._values(self._at(frame, view), index)

    def valueAt(self, frame: float, index: int = -1, view: str | None = None) -> Any:
        return self._values(self._at(frame, view), index)

    def setValue(self, val: Any, index: int = -1) -> bool:
        if isinstance(val, list | tuple):
            if len(val) != len(self._state):
                raise TypeError(f"{self._name} has {len(self._state)} fields, got {len(val)} values")
            return self._become(tuple(self._set(f, v) for f, v in zip(self._state, val, strict=True)))
        return self._become(self._each(index, lambda field: self._set(field, val)))

    def setValueAt(self, val: Any, time: float, index: int = -1, view: str | None = None) -> bool:
        number = self._accepted(val)
        if self.getFlag(NO_ANIMATION):
            raise RuntimeError(f"{self._name} does not animate")
        keyed = self._each(index, lambda f: f.with_key(time, number) if isinstance(f, Curve) else number)
        return self._become(keyed)

    def setAnimated(self, index: int = -1) -> bool:
        now = self._node._session.now if self._node else 0
        return self._become(self._each(index, lambda f: f if isinstance(f, Curve) else Curve(((now, float(f)),))))

    def clearAnimated(self, index: int = -1) -> bool:
        at = self._at() if self._node else None
        return self._become(self._each(index, lambda f: self._of(f, at)))

    def isAnimated(self, index: int = -1) -> bool:
        return any(not isinstance(field, float) for field in self._chosen(index))

    def setExpression(self, expression: str, channel: int = -1, view: str | None = None) -> bool:
        return self._become(self._each(channel, lambda _: Expression(expression)))

    def hasExpression(self, index: int = -1) -> bool:
        return any(isinstance(field, Expression) for field in self._chosen(index))

    def getKeyList(self) -> list[float]:
        return sorted({x for field in self._state if isinstance(field, Curve) for x, _ in field.keys})

    def getNumKeys(self, index: int = -1) -> int:
        return len(self.getKeyList())

    def toScript(self) -> str:
        fields = [_plain(field) if isinstance(field, float) else field.script() for field in self._state]
        alone = len(fields) == 1 and isinstance(self._state[0], float)
        return fields[0] if alone else "{" + " ".join(fields) + "}"

    def defaultValue(self, index: int = 0) -> Any:
        return self._of(self._default[index], None)

    def notDefault(self) -> bool:
        return bool(self._state != self._default)

    def _chosen(self, index: int) -> Sequence[Field]:
        return self._state if index < 0 else [self._state[index]]

    def _each(self, index: int, change: Any) -> tuple[Field, ...]:
        return tuple(change(f) if index in (-1, number) else f for number, f in enumerate(self._state))

    def _set(self, field: Field, value: Any) -> Field:
        number = self._accepted(value)
        return field.with_key(self._node._session.now, number) if isinstance(field, Curve) and self._node else number

    def _accepted(self, value: Any) -> float:
        if isinstance(value, str) or not isinstance(value, int | float | np.number):
            raise TypeError(f"{self._name}: expected a number, got {value!r}")
        return float(value)

    def _of(self, field: Field, at: At | None) -> float:
        if isinstance(field, float):
            return field
        if isinstance(field, Curve):
            return field.at(at.frame if at else 0)
        if at is None:
            raise ValueError(f"{self._name} has an expression and is on no node")
        # Names in it are those of the node that has the knob, whoever asks.
        return evaluated(field.text, At(self._node or at.node, at.frame, at.view))

    def _cast(self, number: float) -> Any:
        return number

    def _values(self, at: At | None, index: int) -> Any:
        values = [self._cast(self._of(field, at)) for field in self._state]
        return values[index] if index >= 0 else values[0] if len(values) == 1 else values

    def _read(self, word: Word) -> None:
        parts = word.words() if word.quoting == "braces" else [word]
        if len(parts) == 1:
            parts *= len(self._state)
        if len(parts) != len(self._state):
            raise ValueError(f"{self._name} has {len(self._state)} fields, the script {len(parts)}: {word.text}")
        self._become(tuple(self._field(part) for part in parts))

    def _field(self, word: Word) -> Field:
        if word.quoting != "braces":
            return float(int(word.text, 16)) if word.text.startswith("0x") else float(word.text)
        if not word.text.startswith("curve "):
            return Expression(word.words()[0].text if word.text.startswith('"') else word.text)
        words = [part.text for part in word.words()]
        return Curve(tuple((float(x[1:]), float(y)) for x, y in zip(words[1::2], words[2::2], strict=True)))

    def _text(self, at: At) -> str:
        found = self._values(at, -1)
        return " ".join(f"{v:g}" for v in found) if isinstance(found, list) else f"{found:g}"

    def _number(self, at: At) -> float:
        return self._of(self._state[0], at)

    def _effect(self, at: At) -> Any:
        return self._values(at, -1)


class Double_Knob(Array_Knob):
    _user = 7


class Int_Knob(Array_Knob):
    _user = 3

    def __init__(self, name: str, label: str | None = None) -> None:
        super().__init__(name, label)

    def setValue(self, val: int) -> bool:  # type: ignore[override]
        return super().setValue(val)

    def value(self) -> int:  # type: ignore[override]
        return int(super().value())

    def _accepted(self, value: Any) -> float:
        if not isinstance(value, int | np.integer):
            raise TypeError(f"{self._name}: expected a whole number, got {value!r}")
        return float(value)

    def _cast(self, number: float) -> int:
        return int(number)


class Boolean_Knob(Array_Knob):
    _user = 6

    def __init__(self, name: str, label: str | None = None, value: bool = False) -> None:
        super().__init__(name, label)
        self._state = self._default = (float(value),)

    def setValue(self, b: bool) -> bool:  # type: ignore[override]
        return super().setValue(b)

    def value(self) -> bool:  # type: ignore[override]
        return bool(super().value())

    def toScript(self) -> str:
        (field,) = self._state
        return ("true" if field else "false") if isinstance(field, float) else super().toScript()

    def _accepted(self, value: Any) -> float:
        if not isinstance(value, int):
            raise TypeError(f"{self._name}: expected True or False, got {value!r}")
        return float(bool(value))

    def _cast(self, number: float) -> bool:
        return bool(number)

    def _default_from(self, text: str) -> None:
        super()._default_from(text.lower())

    def _field(self, word: Word) -> Field:
        words = {"true": 1.0, "false": 0.0}
        return words[word.text] if word.text in words else super()._field(word)


class Disable_Knob(Boolean_Knob):
    _user = 0


class Color_Knob(Array_Knob):
    _user = 18

    def __init__(self, name: str, label: str | None = None, size: int = 3) -> None:
        super().__init__(name, label, size)


class AColor_Knob(Color_Knob):
    _user = 19

    def __init__(self, name: str, label: str | None = None) -> None:
        super().__init__(name, label, 4)


class IArray_Knob(Array_Knob):
    """Numbers in rows and columns."""


class BBox_Knob(Array_Knob):
    _user = 15

    def __init__(self, name: str, label: str | None = None) -> None:
        super().__init__(name, label, 4)
