"""The options of `relumix relight` as the parameters of a farm's job, and back into a command line.

Which options there are is asked of the command's own parser, so that none can be forgotten. In a job every value is
text, and empty text stands for an option that is not given.
"""

from __future__ import annotations

import argparse
import os
import re
from argparse import Action, ArgumentParser
from collections.abc import Mapping
from typing import Any

from fileseq.frameset import FrameSet

from relumix.errors import InputError
from relumix.shot.sequence import parse_frames
from relumix.util.words import is_utf8, one_line

Definition = dict[str, Any]
"""A job parameter as Open Job Description's 2023-09 template schema has it."""

MOST_CHARACTERS = 1024
"""Of a job parameter's value, says that schema."""

_FARM_DECIDES = ("help", "frames", "progress", "dry_run", "config")
_IS_PATH = re.compile(r"SOURCE|OUTPUT|FILE|PATTERN|PATH|DIR")
_RANGE = re.compile(r"(-?\d+)(?:-(-?\d+)(?::(-?\d+))?)?")


def options(relight: ArgumentParser) -> list[Action]:
    """Return the options and arguments of relight's parser that a job passes on, in its order."""
    # argparse has no public list of what was added.
    return [action for action in relight._actions if action.dest not in _FARM_DECIDES]


def parameter_name(action: Action) -> str:
    """Return what an option is called in a job: WorkSize for --work-size."""
    return "".join(word.capitalize() for word in action.dest.split("_"))


def is_path(action: Action) -> bool:
    """Tell whether an option names files."""
    return bool(_IS_PATH.search(str(action.metavar)))


def definition(action: Action, value: str | None = None) -> Definition:
    """Return the definition of an option's parameter.

    value  this job's, which becomes the default; None: the option's own default, or none where it has to be given.

    All paths are plain text: a default of type PATH may not lie outside of the bundle, and patterns are no files.
    """
    found: Definition = {"name": parameter_name(action), "type": "STRING"}
    control = "LINE_EDIT"
    if _is_flag(action):
        found["allowedValues"], control = ["true", "false"], "CHECK_BOX"
    elif action.choices:
        found["allowedValues"], control = [*([] if action.default else [""]), *action.choices], "DROPDOWN_LIST"
    elif action.type in (int, float) and action.default is not None:
        found["type"], control = "INT" if action.type is int else "FLOAT", "SPIN_BOX"
    elif _is_list(action):
        control = "MULTILINE_EDIT"
    found["userInterface"] = {"control": control, "label": action.dest.replace("_", " ").capitalize()}
    found["description"] = _help(action) + (", one a line" if _is_list(action) else "")
    if value is not None or not action.required:
        text = as_text(action, action.default) if value is None else value
        found["default"] = {"INT": int, "FLOAT": float}.get(found["type"], str)(text)
    return found


def as_text(action: Action, value: Any) -> str:
    """Return the value of an option, as a parsed command line has it, as a job's."""
    if _is_flag(action):
        return "true" if value else "false"
    if isinstance(value, list):
        return "\n".join(value)
    return "" if value is None else str(value)


def values(relight: ArgumentParser, args: argparse.Namespace) -> dict[str, str]:
    """Return a parsed command line as a job's values, by option; relative paths are taken from the working folder."""
    found = {}
    for action in options(relight):
        value = getattr(args, action.dest)
        if is_path(action) and isinstance(value, str):
            value = absolute(value)
        found[action.dest] = as_text(action, value)
    return found


def absolute(path: str) -> str:
    """Return a path or pattern that does not depend on the working folder; a slash at its end stays: it says folder."""
    return os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118  pathlib would take the slash away


def check_text(name: str, text: str) -> None:
    """Raise InputError where a job parameter cannot hold a text."""
    if not is_utf8(text):
        raise InputError(f"{name} is '{one_line(text)}', no UTF-8: a farm's job cannot hold it; rename the file")
    if len(text) > MOST_CHARACTERS:
        raise InputError(
            f"{name} takes {len(text)} characters: expected {MOST_CHARACTERS} at most in a farm's job; use shorter "
            "paths, fewer references, or an unbroken range of frames"
        )


def arguments(relight: ArgumentParser, given: Mapping[str, str]) -> list[str]:
    """Return the command line of relight that a job's values stand for.

    given  texts by option (its name with _ for -); empty ones, and options that are not there, are not given.

    Raises InputError for what is no option, and for a flag that is neither true nor false.
    """
    known = {action.dest: action for action in options(relight)}
    if unknown := sorted(set(given) - set(known)):
        raise InputError(f"{unknown[0]} is no option of relight: expected one of {', '.join(known)}")
    line: list[str] = []
    places: list[str] = []
    for name, action in known.items():
        text = given.get(name, "")
        if _is_flag(action):
            if text not in ("", "true", "false"):
                raise InputError(f"{name} is '{text}': expected true or false")
            line += [action.option_strings[0]] if text == "true" else []
        elif not action.option_strings:
            places += [text] if text else []
        else:
            each = text.splitlines() if _is_list(action) else [text]
            line += [f"{action.option_strings[-1]}={one}" for one in each if one]
    return [*line, *(["--", *places] if places else [])]


def as_range(frames: tuple[int, ...]) -> str:
    """Return frames, ascending, as a range expression of Open Job Description: 1001-1100, 1-9:2,20."""
    text: str = FrameSet.framesToFrameRange(frames, sort=True)
    return text.replace("x", ":")


def of_range(text: str) -> str:
    """Return a range expression as the frames of relight's --frames: 1-9x2,20. Raises InputError."""
    parts = [part.strip() for part in text.split(",")]
    if not all(_RANGE.fullmatch(part) for part in parts):
        raise InputError(f"'{text}' is no range of frames: expected something like 1001-1100, 1-9:2 or 1,5,10-20")
    frames = ",".join(part.replace(":", "x") for part in parts)
    parse_frames(frames)
    return frames


def _is_flag(action: Action) -> bool:
    return action.nargs == 0


def _is_list(action: Action) -> bool:
    return isinstance(action, argparse._AppendAction)


def _help(action: Action) -> str:
    text = (action.help or "") % {**vars(action), "prog": "relumix relight"}
    return text[:1].upper() + text[1:]
