"""The grammar of a script: Tcl's words, and the few commands that knobs hold in square brackets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_BARE = re.compile(r"[^\s\"{}\[\]$;\\]+")


@dataclass(frozen=True)
class Word:
    """A word and how it was quoted; in a quoted or bare one escapes are undone, in a braced one they stand."""

    text: str
    quoting: Literal["bare", "quotes", "braces"]

    def words(self) -> list[Word]:
        """Those of a list in braces."""
        return [word for command in commands(self.text) for word in command]


def commands(text: str) -> Iterator[list[Word]]:
    """Yield each command as its words. Raises ValueError for what Nuke would not read, or would run."""
    place, command = 0, []
    while place < len(text):
        sign = text[place]
        if sign in "\n;":
            if command:
                yield command
            place, command = place + 1, []
        elif sign.isspace():
            place += 1
        elif text.startswith("\\\n", place):
            place += 2
        elif sign == "#" and not command:
            place = _line_end(text, place)
        else:
            word, place = _word(text, place, in_set=bool(command) and command[0].text in ("set", "push"))
            command.append(word)
    if command:
        yield command


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def _word(text: str, place: int, in_set: bool) -> tuple[Word, int]:
    if text[place] == "{":
        end = _closing(text, place)
        return _followed(text, Word(text[place + 1 : end], "braces"), end + 1)
    if text[place] == '"':
        inner, end = _unescaped(text, place + 1, lambda sign: sign == '"', in_set)
        if end >= len(text):
            raise ValueError(f"a quote is not closed: {text[place : place + 60]!r}")
        return _followed(text, Word(inner, "quotes"), end + 1)
    if in_set and text.startswith("[stack 0]", place):
        return Word("[stack 0]", "bare"), place + len("[stack 0]")
    inner, end = _unescaped(text, place, lambda sign: sign.isspace() or sign == ";", in_set)
    return Word(inner, "bare"), end


def _followed(text: str, word: Word, end: int) -> tuple[Word, int]:
    if end < len(text) and not (text[end].isspace() or text[end] == ";"):
        raise ValueError(f"extra characters after a closing quote or brace: {text[end : end + 40]!r}")
    return word, end


def _closing(text: str, place: int) -> int:
    """Where the brace at `place` closes. Quotes do not hide a brace from Tcl, a backslash does."""
    depth, at = 0, place
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] in "{}":
            depth += 1 if text[at] == "{" else -1
            if not depth:
                return at
        at += 1
    raise ValueError(f"a brace is not closed: {text[place : place + 60]!r}")


def _unescaped(text: str, place: int, ends: Callable[[str], bool], in_set: bool) -> tuple[str, int]:
    parts: list[str] = []
    while place < len(text) and not ends(text[place]):
        sign = text[place]
        if sign == "\\" and place + 1 < len(text):
            place += 1
            parts.append(_ESCAPES.get(text[place], text[place]))
        elif sign == "[" or (sign == "$" and not in_set):
            raise ValueError(f"Nuke runs {text[place : place + 40]!r} when it reads the script; it wants a backslash")
        else:
            parts.append(sign)
        place += 1
    return "".join(parts), place


def quoted(text: str) -> str:
    """A value as one word: bare where that is safe, else in quotes with what Tcl would act on escaped."""
    if _BARE.fullmatch(text):
        return text
    return '"' + re.sub(r'([\\"\[{}$])', r"\\\1", text).replace("\n", "\\n") + '"'


def braced(words: Iterable[str]) -> str:
    return "{" + " ".join(quoted(word) for word in words) + "}"


def substitute(text: str, run: Callable[[list[Word]], str]) -> str:
    """The text with every [command] replaced by what `run` makes of it, and backslashes undone, as Nuke evaluates."""
    parts: list[str] = []
    place = 0
    while place < len(text):
        sign = text[place]
        if sign == "\\" and place + 1 < len(text):
            parts.append(text[place + 1])
            place += 2
        elif sign == "[":
            end = _bracket(text, place)
            parts.append(_ran(text[place + 1 : end], run))
            place = end + 1
        else:
            parts.append(sign)
            place += 1
    return "".join(parts)


def _ran(text: str, run: Callable[[list[Word]], str]) -> str:
    words: list[Word] = []
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
        elif text[place] == "{":
            end = _closing(text, place)
            words.append(Word(text[place + 1 : end], "braces"))
            place = end + 1
        else:
            quote = text[place] == '"'
            start = place = place + quote
            while place < len(text) and not (text[place] == '"' if quote else text[place].isspace()):
                place = _bracket(text, place) + 1 if text[place] == "[" else place + 1
            words.append(Word(substitute(text[start:place], run), "quotes" if quote else "bare"))
            place += quote
    return run(words)


def _bracket(text: str, place: int) -> int:
    depth = 0
    for at in range(place, len(text)):
        depth += {"[": 1, "]": -1}.get(text[at], 0)
        if not depth:
            return at
    raise ValueError(f"a bracket is not closed: {text[place : place + 60]!r}")
