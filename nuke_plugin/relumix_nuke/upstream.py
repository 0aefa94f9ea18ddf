"""Files that an input is made from: one that is written over in place changes the picture, and not Nuke's hash."""

from __future__ import annotations

import functools
import glob
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import nuke

State = tuple[int, int]
"""Time of change in nanoseconds, and size in bytes."""

_FRAME = re.compile(r"#+|%0?\d*d")
_ANY = re.compile(r"#+|%0?\d*d|%[vV]")

_KEEP_TIME = {
    *("Read", "Dot", "NoOp", "Input", "Output", "Group", "Grade", "Multiply", "Add", "Gamma", "ColorCorrect"),
    *("Saturation", "Exposure", "EXPTool", "Blur", "Merge2", "Copy", "Shuffle", "Shuffle2", "Premult", "Unpremult"),
    *("Transform", "Reformat", "Crop", "Keymix", "ChannelMerge", "Roto", "Invert", "Clamp", "Constant", "Switch"),
    *(
        "Colorspace",
        "OCIOColorSpace",
        "Dissolve",
        "JoinViews",
        "OneView",
        "StickyNote",
        "BackdropNode",
        "CheckerBoard2",
    ),
}
"""Classes whose picture at a frame comes from their inputs at that frame. Of any other it is not known."""


class _Sequence:
    """The files of one node, by a name with # or %04d for the frame. They are looked at when they are asked for."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def at(self, frame: int) -> dict[str, State]:
        """Return the files that a frame is read from; the first or last one's where it is outside."""
        if "%V" not in self._pattern and "%v" not in self._pattern:
            path = _FRAME.sub(lambda match: _number(match[0], frame), self._pattern)
            if found := _state(path):
                return {path: found}
        still, by_frame = self._listed
        if not by_frame:
            return still
        inside = min(max(frame, min(by_frame)), max(by_frame))
        return {**still, **by_frame.get(inside, {})}

    def all(self) -> dict[str, State]:
        """Return every file."""
        still, by_frame = self._listed
        files = dict(still)
        for of in by_frame.values():
            files.update(of)
        return files

    @functools.cached_property
    def _listed(self) -> tuple[dict[str, State], dict[int, dict[str, State]]]:
        """The files without a number, and those of each frame."""
        name = re.compile("".join(_as_expression(self._pattern)))
        still: dict[str, State] = {}
        by_frame: dict[int, dict[str, State]] = {}
        pattern = _ANY.sub("*", glob.escape(self._pattern))
        for path in glob.iglob(pattern):  # noqa: PTH207  folders may have a frame as well
            match, found = name.fullmatch(path.replace("\\", "/")), _state(path)
            if match and found:
                of = by_frame.setdefault(int(match[1]), {}) if match.groups() else still
                of[path] = found
        return still, by_frame


@dataclass
class Files:
    """The files upstream of an input.

    known     whether all nodes upstream could be asked.
    in_time   whether a frame of the input is made from the same frame of each file.
    """

    known: bool = True
    in_time: bool = True
    readers: list[nuke.Node] = field(default_factory=list)
    sequences: list[_Sequence] = field(default_factory=list)

    def stamp(self, frame: int) -> str:
        """Return a text that changes with the files that a frame may be made from."""
        parts = [each.at(frame) if self.in_time else each.all() for each in self.sequences]
        return repr([sorted(part.items()) for part in parts])

    def state(self) -> dict[str, State]:
        """Return every file with its state."""
        return {path: state for each in self.sequences for path, state in each.all().items()}


def files_of(node: nuke.Node | None, limited: bool) -> Files:
    """Return the files of every node that reads one, upstream of a node and itself included.

    limited  whether Python may touch ten nodes: then none is looked for, and Files.known is False.
    """
    if limited or node is None:
        return Files(known=not limited)
    found = Files()
    for each in _upstream([node]):
        found.in_time = found.in_time and _keeps_time(each)
        for pattern in _patterns(each):
            found.readers.append(each)
            found.sequences.append(_Sequence(pattern))
    return found


def read_again(files: Iterable[Files], before: dict[str, State]) -> None:
    """Make nodes read files again that have changed since: Nuke keeps what it has once read.

    before  the state of the files, by path.
    """
    for each in files:
        for reader, sequence in zip(each.readers, each.sequences):
            changed = any(before.get(path, state) != state for path, state in sequence.all().items())
            if changed and (reload := reader.knob("reload")) is not None:
                cast("nuke.Script_Knob", reload).execute()


def _upstream(nodes: list[nuke.Node]) -> Iterator[nuke.Node]:
    """Yield nodes and all that they see, and what is inside those that are groups, each once."""
    met, waiting = set(nodes), list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        seen = [*node.dependencies(nuke.INPUTS | nuke.HIDDEN_INPUTS | nuke.EXPRESSIONS)]
        seen += node.nodes() if isinstance(node, nuke.Group) else []
        if node.Class() == "Input":  # Of a group that we are in: what is wired to the group.
            seen += node.parent().dependencies(nuke.INPUTS)
        waiting += [each for each in seen if each not in met]
        met.update(seen)


def _keeps_time(node: nuke.Node) -> bool:
    if node.Class() not in _KEEP_TIME:
        return False
    shift = node.knob("frame") if node.Class() == "Read" else None
    return shift is None or not str(shift.value() or "")


def _patterns(node: nuke.Node) -> list[str]:
    """The file names of a node, with # or %04d for the frame."""
    if node.Class().startswith(("Write", "DeepWrite")) and not (node.knob("reading") and node["reading"].value()):
        return []
    names = [nuke.filename(node)] if node.knob("file") is not None else []
    if node.knob("vfield_file") is not None:
        names.append(cast("nuke.File_Knob", node["vfield_file"]).evaluate())
    return [name for name in names if name]


def _state(path: str) -> State | None:
    """The state of a file; None where it has gone or may not be looked at: Nuke says so where it reads it."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _number(sign: str, frame: int) -> str:
    """A frame as #### or %04d write it."""
    width = len(sign) if sign[0] == "#" else int(sign[1:-1] or 0)
    return f"{frame:0{width}d}"


def _as_expression(pattern: str) -> Iterator[str]:
    """A regular expression for the files of a pattern: its first group is the frame."""
    place, numbered = 0, False
    for match in _ANY.finditer(pattern):
        yield re.escape(pattern[place : match.start()])
        frame = _FRAME.fullmatch(match[0])
        yield (r"-?\d+" if numbered else r"(-?\d+)") if frame else ".+?"
        numbered, place = numbered or bool(frame), match.end()
    yield re.escape(pattern[place:])
