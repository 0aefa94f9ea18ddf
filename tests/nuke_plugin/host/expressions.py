"""Expressions in knobs, as far as a gizmo needs them: arithmetic, comparisons, ?:, and knobs by their names."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .tcl import Word, substitute

if TYPE_CHECKING:
    from .node import Node

_TOKEN = re.compile(r"\s*(\$gui\b|\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|[A-Za-z_][\w.]*|&&|\|\||[<>=!]=|[-+*/%<>!?:(),])")
_LEVELS: tuple[dict[str, Callable[[float, float], float]], ...] = (
    {"||": lambda a, b: float(bool(a) or bool(b))},
    {"&&": lambda a, b: float(bool(a) and bool(b))},
    {"==": lambda a, b: float(a == b), "!=": lambda a, b: float(a != b)},
    {
        "<": lambda a, b: float(a < b),
        ">": lambda a, b: float(a > b),
        "<=": lambda a, b: float(a <= b),
        ">=": lambda a, b: float(a >= b),
    },
    {"+": lambda a, b: a + b, "-": lambda a, b: a - b},
    {"*": lambda a, b: a * b, "/": lambda a, b: a / b, "%": lambda a, b: a % b},
)
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "int": lambda a: float(int(a)),
    "rint": lambda a: float(math.floor(a + 0.5)),
    "clamp": lambda a, low=0.0, high=1.0: min(max(a, low), high),
}


@dataclass(frozen=True)
class At:
    """Where and when a knob is evaluated."""

    node: Node
    frame: float
    view: str


def evaluated(text: str, at: At) -> float:
    """Raises ValueError for what is no expression that this host knows, or names no knob."""
    plain = substitute(text, lambda words: run(words, at))
    tokens: list[str] = []
    place = 0
    while place < len(plain.rstrip()):
        match = _TOKEN.match(plain, place)
        if not match:
            raise ValueError(f"{at.node.fullName()}: {plain!r} is no expression")
        tokens.append(match[1])
        place = match.end()
    parser = _Parser(tokens, at)
    value = parser.choice()
    if parser.tokens:
        raise ValueError(f"{at.node.fullName()}: {plain!r} has {parser.tokens[0]!r} too much")
    return value


class _Parser:
    def __init__(self, tokens: list[str], at: At) -> None:
        self.tokens, self.at = tokens, at

    def _take(self, *wanted: str) -> str | None:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in wanted else None

    def _need(self, wanted: str) -> None:
        if not self._take(wanted):
            raise ValueError(f"{self.at.node.fullName()}: an expression lacks {wanted!r}")

    def choice(self) -> float:
        condition = self._binary(0)
        if not self._take("?"):
            return condition
        yes = self.choice()
        self._need(":")
        no = self.choice()
        return yes if condition else no

    def _binary(self, level: int) -> float:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while sign := self._take(*_LEVELS[level]):
            left = _LEVELS[level][sign](left, self._binary(level + 1))
        return left

    def _unary(self) -> float:
        if sign := self._take("-", "!", "+"):
            value = self._unary()
            return -value if sign == "-" else float(not value) if sign == "!" else value
        if self._take("("):
            value = self.choice()
            self._need(")")
            return value
        if not self.tokens:
            raise ValueError(f"{self.at.node.fullName()}: an expression ends early")
        token = self.tokens.pop(0)
        if token[0].isdigit() or token[0] == ".":
            return float(token)
        if self._take("("):
            values = [self.choice()]
            while self._take(","):
                values.append(self.choice())
            self._need(")")
            if token not in _FUNCTIONS:
                raise ValueError(f"this host does not know the function {token}")
            return _FUNCTIONS[token](*values)
        if token in ("$gui", "frame"):
            return float(self.at.node._session.gui if token == "$gui" else self.at.frame)
        return float(knob_named(token, self.at)._number(self.at))


def knob_named(path: str, at: At) -> Any:
    """The knob `parent.x`, `this.x`, `root.x`, `input.x`, `Sibling.x` or `x`. Raises ValueError where there is none."""
    *way, name = path.split(".")
    node: Any = at.node
    for number, step in enumerate(way):
        relative = {
            "this": lambda n: n,
            "parent": lambda n: n.parent(),
            "root": lambda n: n._session.root,
            "input": lambda n: n.input(0),
        }
        if step in relative:
            node = relative[step](node)
        else:
            within = node if number else node.parent()
            node = next((n for n in getattr(within, "_children", ()) if n.name() == step), None)
        if node is None:
            raise ValueError(f"{at.node.fullName()}: nothing named {path}")
    knob = node.knob(name)
    if knob is None:
        raise ValueError(f"{at.node.fullName()}: nothing named {path}")
    return knob


def text_of(text: str, at: At) -> str:
    """A string as Nuke evaluates it."""
    return substitute(text, lambda words: run(words, at))


def run(words: list[Word], at: At) -> str:
    """What a [command] gives. Raises ValueError for one that this host does not know."""
    match [word.text for word in words]:
        case ["value", path]:
            found = str(knob_named(path, at)._text(at))
        case ["expression", *parts]:
            found = f"{evaluated(' '.join(parts), at):g}"
        case ["frame"]:
            found = f"{at.frame:g}"
        case ["getenv", name]:
            found = os.environ.get(name, "")
        case ["python", *parts]:
            found = _python(" ".join(parts), at)
        case ["if", condition, yes, *others]:
            found = text_of(yes if evaluated(condition, at) else others[-1] if others else "", at)
        case ["file", "exists", path]:
            found = str(int(os.path.exists(text_of(path, at))))  # noqa: PTH110
        case texts:
            raise ValueError(f"this host does not know the command {' '.join(texts)}")
    return found


def _python(code: str, at: At) -> str:
    session = at.node._session
    with session.called_for(at.node, frame=at.frame):
        result = eval(code, {"nuke": session.module})
    if isinstance(result, bool):
        return str(int(result))
    return "" if result is None else str(result)
