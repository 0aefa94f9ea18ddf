"""Values of a JSON object, strictly checked: errors name the file, the light and the field.

Any number or list of numbers may change over time. It is then an object of its values by frame number, between which
it is linear, and beyond which it stays:

    "position": {"1001": [0, 2, 1], "1020": [3, 2, 1]}
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relumix.errors import InputError

Vector = NDArray[np.float64]
Object = dict[str, Any]
Course = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Frames, [n] ascending, and the values of a field at them, [numbers, n]."""

MOST = 1e9
"""The largest number there may be, of either sign: what is made of larger ones overflows."""

_FRAME = re.compile(r"[+-]?[0-9]{1,9}")
_WORDS = {2: "two", 3: "three"}


class Fields:
    """The fields of one object at one frame. Each is asked for once; `done` then refuses all others."""

    def __init__(self, values: Any, where: str, frame: int, courses: dict[int, Course] | None = None) -> None:
        """Look at an object at a frame.

        where    names the object in errors: the file, and the light.
        courses  of fields that change, by their objects' identity: as those are read once, other frames are cheap.
        """
        if not isinstance(values, dict):
            raise InputError(f"{where}: got {_shown(values)}, expected an object in braces")
        self._values, self.where, self._frame = values, where, frame
        self._courses = {} if courses is None else courses
        self._known: list[str] = []

    def has(self, name: str) -> bool:
        """Tell whether a field is given."""
        self._known.append(name)
        return name in self._values

    def number(
        self, name: str, default: float | None = None, *, least: float = -math.inf, most: float = math.inf
    ) -> float:
        """Return a number from `least` to `most`."""
        (value,) = self._numbers(name, None if default is None else (default,), 1)
        if not least <= value <= most:
            limits = f"from {least:g} to {most:g}" if most < math.inf else f"of {least:g} or more"
            raise self.wrong(name, f"is {value:g}, expected a number {limits}")
        return value

    def positive(self, name: str, default: float | None = None) -> float:
        """Return a number above 0."""
        value = self.number(name, default)
        if value <= 0:
            raise self.wrong(name, f"is {value:g}, expected a number above 0")
        return value

    def vector(self, name: str, default: tuple[float, ...] | None = None) -> Vector:
        """Return three numbers, [3]."""
        return np.array(self._numbers(name, default, 3))

    def direction(self, name: str, default: tuple[float, ...] | None = None) -> Vector:
        """Return three numbers as a unit vector, [3]."""
        vector = self.vector(name, default)
        length = float(np.linalg.norm(vector))
        if length < 1e-9:
            raise self.wrong(name, f"is {vector.tolist()} at frame {self._frame}, which points nowhere")
        return vector / length

    def color(self, name: str = "color") -> Vector:
        """Return a colour of 0 or more, [3]; white where none is given."""
        color = self.vector(name, (1.0, 1.0, 1.0))
        if color.min() < 0:
            raise self.wrong(name, f"is {color.tolist()}, expected numbers of 0 or more")
        return color

    def size(self, name: str) -> tuple[float, float]:
        """Return a width and a height above 0."""
        wide, high = self._numbers(name, None, 2)
        if min(wide, high) <= 0:
            raise self.wrong(name, f"is [{wide:g}, {high:g}], expected two numbers above 0")
        return wide, high

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text."""
        value = self._value(name, default)
        if not isinstance(value, str):
            raise self.wrong(name, f"is {_shown(value)}, expected a text in quotes")
        return value

    def truth(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self._value(name, default)
        if not isinstance(value, bool):
            raise self.wrong(name, f"is {_shown(value)}, expected true or false")
        return value

    def objects(self, name: str, most: int) -> list[Any]:
        """Return a list of at most so many objects, at least one."""
        value = self._value(name, None)
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            got = f"a list of {len(value)}" if isinstance(value, list) else _shown(value)
            raise self.wrong(name, f"is {got}, expected a list of 1 to {most} lights")
        return value

    def object(self, name: str, where: str) -> Fields:
        """Return the fields of an object in a field."""
        return Fields(self._value(name, None), where, self._frame, self._courses)

    def done(self) -> None:
        """Raise InputError where a field was given that nobody asked for."""
        if unknown := [name for name in self._values if name not in self._known]:
            known = ", ".join(sorted(dict.fromkeys(self._known)))
            raise InputError(f"{self.where}: unknown field {unknown[0]!r}, expected some of {known}")

    def wrong(self, name: str, what: str) -> InputError:
        """Return the error that a field is wrong."""
        return InputError(f"{self.where}: {name} {what}")

    def _value(self, name: str, default: Any) -> Any:
        self._known.append(name)
        if name in self._values:
            return self._values[name]
        if default is None:
            raise InputError(f"{self.where}: {name} is missing")
        return default

    def _numbers(self, name: str, default: Any, count: int) -> tuple[float, ...]:
        value = self._value(name, default)
        if not isinstance(value, dict):
            return self._checked(name, value, count)
        if id(value) not in self._courses:
            self._courses[id(value)] = self._course(name, value, count)
        frames, values = self._courses[id(value)]
        return tuple(float(np.interp(self._frame, frames, each)) for each in values)

    def _course(self, name: str, value: Object, count: int) -> Course:
        if not value:
            raise self.wrong(name, "has no frames, expected an object of values by frame number")
        keys: dict[int, tuple[float, ...]] = {}
        for key, each in value.items():
            frame = self._frame_of(name, key)
            if frame in keys:
                raise self.wrong(name, f"has two values for frame {frame}: keep one")
            keys[frame] = self._checked(f"{name} at frame {key}", each, count)
        frames = sorted(keys)
        return np.array(frames, np.float64), np.array([keys[frame] for frame in frames]).T.copy()

    def _frame_of(self, name: str, key: str) -> int:
        if not _FRAME.fullmatch(key):
            raise self.wrong(name, f'has a value for {key!r}, expected a frame number such as "1001"')
        return int(key)

    def _checked(self, name: str, value: Any, count: int) -> tuple[float, ...]:
        numbers = (value,) if count == 1 and not isinstance(value, (list, tuple)) else value
        kinds = "a number" if count == 1 else f"{_WORDS[count]} numbers"
        sound = isinstance(numbers, (list, tuple)) and len(numbers) == count and all(map(_is_number, numbers))
        if not sound:
            raise self.wrong(name, f"is {_shown(value)}, expected {kinds}")
        if not all(abs(each) <= MOST for each in numbers):
            raise self.wrong(name, f"is {_shown(value)}, expected {kinds} from {-MOST:g} to {MOST:g}")
        return tuple(float(each) for each in numbers)


def frames_in(values: Any) -> set[int]:
    """Return the frame numbers at which something in a JSON value changes its course."""
    if isinstance(values, list):
        return set().union(*map(frames_in, values))
    if not isinstance(values, dict):
        return set()
    own = {int(key) for key in values if _FRAME.fullmatch(key)}
    return own.union(*map(frames_in, values.values()))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def _shown(value: Any, most: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."
