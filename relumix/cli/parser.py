"""The argument parser: help with examples, and one-line errors."""

from __future__ import annotations

import argparse
import difflib
import itertools
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from relumix.errors import InputError

_NO_CHOICE = re.compile(r"invalid choice: '(.*?)'")


_REQUIRED = "the following arguments are required"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose help begins with examples, and which says in one line what is wrong with a command line.

    examples  what people mostly type, each a line of a shell.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._examples = examples
        self._words: list[str] = []

    def format_help(self) -> str:
        """Return the help, the examples first."""
        examples = "examples:\n" + textwrap.indent("\n".join(self._examples), "  ") + "\n\n"
        return (examples if self._examples else "") + super().format_help()

    def error(self, message: str) -> NoReturn:
        """Raise InputError with a message, and where there is help."""
        if message.startswith(_REQUIRED) and (unknown := self._unknown_options()):
            message = self._what_is(unknown)  # argparse looks at what is missing first, and the mistake is here
        if match := _NO_CHOICE.search(message):
            message += near(match[1], re.findall(r"[\w-]+", message.partition("choose from")[2]))
        raise InputError(f"{message} (see {self.prog} --help)")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse; what is not known is an error of the command that it was given to, not of the one above it."""
        self._words = sys.argv[1:] if args is None else list(args)
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._what_is(unknown))
        return found, []

    def _unknown_options(self) -> list[str]:
        """Return the words that look like options and are none, before those of a subcommand."""
        words = list(itertools.takewhile(lambda word: word != "--", self._words))
        names = (word.partition("=")[0] for word in words if re.match(r"--\w", word))
        return (
            []
            if self._subparsers
            else [name for name in names if not any(known.startswith(name) for known in self._option_string_actions)]
        )

    def _what_is(self, unknown: Sequence[str]) -> str:
        first = unknown[0]
        if not first.startswith("-") and Path(first).is_file():
            files = f"{first} and {len(unknown) - 1} more" if len(unknown) > 1 else first
            return (
                f"one file is expected where {files} came too: a pattern that the shell made files of goes in quotes, "
                "with # for the digits of the frame, like -r 'relit.####.exr'"
            )
        name = first.partition("=")[0]
        return f"unrecognized arguments: {' '.join(unknown)}{near(name, self._option_string_actions)}"


class OneShot(argparse.Action):
    """An argument that names one shot: a pattern, a file, a folder, or its files as shells list them."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Keep what was given; several files as the pattern that stands for them. Raises InputError."""
        setattr(namespace, self.dest, values[0] if len(values) == 1 else _pattern_of(values, str(self.metavar)))


def _pattern_of(files: Sequence[str], what: str) -> str:
    from relumix.shot.sequence import Sequence as Shot  # noqa: PLC0415  not before it is needed: it loads numpy

    if missing := [name for name in files if not Path(name).is_file()]:
        raise InputError(f"{what} is one pattern, file or folder: got {files[0]} and {missing[-1]}")
    return Shot.pattern_of([Path(name) for name in files])


def near(word: str, known: Iterable[str]) -> str:
    """Return a question for the word that may have been meant, to be put behind a sentence; '' where none is near."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
