"""Options from a TOML file, as a project's defaults; the command line wins."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from relumix.cli.parser import near
from relumix.errors import InputError

PROJECT_FILE = "relumix.toml"
"""Is looked for in the working folder and those above it."""

_NO_PRESETS = ("help", "config", "dry_run")

COMMANDS = ("relight", "serve")
"""Each has a table of its own in a file that serves both."""


def read(path: Path, command: str) -> dict[str, Any]:
    """Return the options that a file has for a command: in a table of its name, or without a table.

    Raises InputError where it cannot be read.
    """
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        # Editors on Windows begin a file with the mark of its encoding.
        found: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path} cannot be read: {reason}") from None
    own = found.get(command, {})
    if not isinstance(own, dict):
        raise InputError(f"{path}: {command} is {own!r}: expected a table, [{command}]")
    return {**{name: value for name, value in found.items() if name not in COMMANDS}, **own}


def project_file(folder: Path) -> Path | None:
    """Return the project's file that counts in a folder, None where there is none."""
    for each in (folder, *folder.parents):
        with suppress(OSError):  # a folder above that may not be looked into has none for us
            if (each / PROJECT_FILE).is_file():
                return each / PROJECT_FILE
    return None


def applied(parser: argparse.ArgumentParser, argv: Sequence[str], args: argparse.Namespace) -> argparse.Namespace:
    """Return a command line parsed once more, with the options of relight that a file sets as their defaults.

    args  as it was parsed without; `presets_for` is the parser of its command, and `config` the file that it names.
          `preset_names` are the options of relight that count for another command; without, all.

    Without a file they are returned as they are. Raises InputError, also for what is no option.
    """
    path = Path(args.config) if args.config else project_file(Path.cwd())
    if path is None:
        return args
    found = _values(path, getattr(args, "relight", args.presets_for))
    found = {name: value for name, value in found.items() if name in getattr(args, "preset_names", found)}
    # To its default, an option that may be given several times would be added; here it takes its place.
    args.presets_for.set_defaults(**{name: value for name, value in found.items() if not isinstance(value, list)})
    named, args = args.config, parser.parse_args(argv)
    for name, value in found.items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    if not named and args.progress not in ("json", "openjd"):
        print(f"relumix: with the presets of {path}", file=sys.stderr)
    return args


def _values(path: Path, relight: argparse.ArgumentParser) -> dict[str, Any]:
    """Return what a file sets, checked against relight's options. Raises InputError."""
    known = {
        action.dest: action
        for action in relight._actions
        if action.option_strings and not action.required and action.dest not in _NO_PRESETS
    }
    values = {}
    for name, value in read(path, "relight").items():
        if name not in known:
            raise InputError(f"{path}: {name} is nothing that can be set there{near(name, [*known, *COMMANDS])}")
        values[name] = _checked(path, known[name], value)
    return values


def _checked(path: Path, action: argparse.Action, value: Any) -> Any:
    """Return a value as the command line would have it; raises InputError for one of another kind."""
    from relumix.farm.parameters import is_path  # noqa: PLC0415  no parser must wait for numpy

    kind: type | tuple[type, ...]
    if action.nargs == 0:
        kind, words = bool, "true or false"
    elif isinstance(action, argparse._AppendAction):
        kind, words = list, "a list of texts"
    elif action.type is int:
        kind, words = int, "a whole number"
    elif action.type is float:
        kind, words = (int, float), "a number"
    else:
        kind, words = str, "text"
    right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if isinstance(value, list):
        right = right and all(isinstance(each, str) for each in value)
    if action.choices and value not in action.choices:
        right, words = False, f"one of {', '.join(map(str, action.choices))}"
    if not right:
        raise InputError(f"{path}: {action.dest} is {value!r}: expected {words}")
    return str(path.parent / value) if is_path(action) and isinstance(value, str) else value
