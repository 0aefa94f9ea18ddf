# ruff: noqa: N802, N803  the names are Nuke's
"""What all nodes have in common."""

from __future__ import annotations

import functools
import hashlib
import re
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

from .expressions import At
from .knobs import Knob, Multiline_Eval_String_Knob, PythonKnob, String_Knob
from .main_thread import MainThreadOnly
from .number_knobs import Boolean_Knob, Disable_Knob, Double_Knob, Int_Knob
from .pictures import Box, Format, FrameRange, Picture

if TYPE_CHECKING:
    from .group import Group
    from .session import Session


class Context(NamedTuple):
    """What an op of a node is made for: down is how far the Viewer that looks reduces it."""

    frame: float
    view: str
    proxy: bool
    down: int


_HIDDEN_NUMBERS = ("tile_color", "gl_color", "note_font_color", "note_font_size", "lifetimeStart", "lifetimeEnd")
_HIDDEN_TEXTS = ("onCreate", "onDestroy", "knobChanged", "updateUI", "autolabel")
_HIDDEN_SWITCHES = ("selected", "hide_input", "cached", "postage_stamp", "bookmark", "useLifetime")
_NO_EFFECT = {
    *("name", "label", "note_font", "icon", "help", "xpos", "ypos", "indicators", "dope_sheet"),
    *(*_HIDDEN_NUMBERS, *_HIDDEN_TEXTS, *_HIDDEN_SWITCHES),
}


class Node(MainThreadOnly):
    """A node of any class; those that make pictures override _picture. After nuke.delete it is a ValueError to ask it.

    _inputs_least, _inputs_most  how many it takes.
    """

    _class = "NoOp"
    _inputs_least, _inputs_most = 1, 1

    def __init__(self, session: Session, parent: Group | None) -> None:
        self._session, self._group, self._alive = session, parent, True
        self._live: dict[Context, int] = {}
        self._knobs: dict[str, Knob] = {}
        self._wires: list[Node | None] = []
        for knob in [*self._common_knobs(), *self._own_knobs()]:
            self._put(knob)

    def _common_knobs(self) -> list[Knob]:
        texts: list[Knob] = [PythonKnob(name) for name in _HIDDEN_TEXTS]
        texts += [String_Knob("name"), Multiline_Eval_String_Knob("label"), String_Knob("note_font")]
        texts += [String_Knob("icon"), String_Knob("help"), Disable_Knob("disable")]
        numbers: list[Knob] = [Int_Knob(name) for name in ("xpos", "ypos", "indicators")]
        numbers += [Double_Knob(name) for name in _HIDDEN_NUMBERS]
        return [*texts, *numbers, *(Boolean_Knob(name) for name in (*_HIDDEN_SWITCHES, "dope_sheet"))]

    def _own_knobs(self) -> list[Knob]:
        return []

    def _touched(self) -> AbstractContextManager[None]:
        return self._session.touches.of(self)

    def _put(self, knob: Knob) -> None:
        knob._node = self
        self._knobs[knob._name] = knob

    def _changed(self, knob: Knob) -> None:
        """What a node does where a knob of its own has changed."""

    # What a script can ask of any node.

    def Class(self) -> str:
        return self._class

    def name(self) -> str:
        return str(self._knobs["name"]._state)

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = False) -> None:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ValueError(f"{name!r} is no name for a node")
        taken = {node.name() for node in self.parent()._children if node is not self} if self._group else set()
        if name in taken and uncollide:
            stem = name.rstrip("0123456789")
            name = next(f"{stem}{n}" for n in range(1, 1 << 20) if f"{stem}{n}" not in taken)
        self._knobs["name"]._become(name)

    def fullName(self) -> str:
        if self._group is None or self._group._group is None:
            return self.name()
        return f"{self._group.fullName()}.{self.name()}"

    def parent(self) -> Group:
        assert self._group is not None
        return self._group

    def rootNode(self) -> Group:
        return self._session.root

    def help(self) -> str:
        return str(self._knobs["help"]._state)

    def knob(self, p: str | int, follow_link: bool = True) -> Knob | None:
        if isinstance(p, int):
            return list(self._knobs.values())[p] if p < len(self._knobs) else None
        return self._knobs.get(p)

    def knobs(self) -> dict[str, Knob]:
        return dict(self._knobs)

    def allKnobs(self) -> list[Knob]:
        return list(self._knobs.values())

    def numKnobs(self) -> int:
        return len(self._knobs)

    def __getitem__(self, name: str) -> Knob:
        if name not in self._knobs:
            raise NameError(f"knob {name} does not exist")
        return self._knobs[name]

    def addKnob(self, knob: Knob) -> None:
        if knob._name in self._knobs:
            raise ValueError(f"{self.fullName()} has a knob {knob._name} already")
        knob._added = True
        self._put(knob)
        self._session.undos.record(f"add {knob._name}", functools.partial(self._knobs.pop, knob._name, None))

    def removeKnob(self, knob: Knob) -> None:
        if self._knobs.get(knob._name) is not knob or not knob._added:
            raise ValueError(f"{knob._name} is no knob that was added to {self.fullName()}")
        del self._knobs[knob._name]

    def isSelected(self) -> bool:
        return bool(self._knobs["selected"]._state[0])

    def setSelected(self, selected: bool) -> None:
        self._knobs["selected"]._state = (float(selected),)

    def selectOnly(self) -> None:
        for node in self.parent()._children:
            node.setSelected(node is self)

    def xpos(self) -> int:
        return int(self._knobs["xpos"]._state[0])

    def ypos(self) -> int:
        return int(self._knobs["ypos"]._state[0])

    def setXpos(self, x: int) -> None:
        self["xpos"].setValue(x)

    def setYpos(self, y: int) -> None:
        self["ypos"].setValue(y)

    def setXYpos(self, x: int, y: int) -> None:
        self.setXpos(x)
        self.setYpos(y)

    def screenWidth(self) -> int:
        return 80

    def screenHeight(self) -> int:
        return 20

    def redraw(self) -> None:
        self._session.redrawn.append(self.fullName())

    def showControlPanel(self, forceFloat: bool = False) -> None:
        self._session.panels.add(self)
        self._session.callbacks.run("KnobChanged", self, String_Knob("showPanel"))

    def hideControlPanel(self) -> None:
        self._session.panels.discard(self)

    def shown(self) -> bool:
        return self in self._session.panels

    # Wires.

    def minInputs(self) -> int:
        return self._inputs_least

    def minimumInputs(self) -> int:
        return self._inputs_least

    def maxInputs(self) -> int:
        return self._inputs_most

    def maximumInputs(self) -> int:
        return self._inputs_most

    def inputs(self) -> int:
        return len(self._wires)

    def input(self, index: int) -> Node | None:
        return self._wires[index] if index < len(self._wires) else None

    def canSetInput(self, i: int, node: Node | None) -> bool:
        return i < self.maxInputs() and (node is None or (node._group is self._group and self not in node._upstream()))

    def connectInput(self, i: int, node: Node | None) -> bool:
        free = next((n for n in range(i, self.maxInputs()) if self.input(n) is None), i)
        return self.setInput(free, node)

    def setInput(self, i: int, node: Node | None) -> bool:
        if node is not None and not isinstance(node, Node):
            raise TypeError(f"expected a node or None, got {node!r}")
        if not self.canSetInput(i, node):
            return False
        before = list(self._wires)
        self._wires += [None] * (i + 1 - len(self._wires))
        self._wires[i] = node
        while self._wires and self._wires[-1] is None:
            self._wires.pop()

        def put_back() -> None:
            self._wires = before

        self._session.changes += 1
        self._session.undos.record(f"connect {self.name()}", put_back)
        if not self._session.loading:
            self._session.callbacks.run("KnobChanged", self, String_Knob("inputChange"))
        return True

    def dependencies(self, mask: int) -> list[Node]:
        return [node for node in self._wires if node is not None]

    def dependent(self, mask: int, forceEvaluate: bool = True) -> list[Node]:
        return [node for node in self.parent()._children if self in node._wires]

    def _upstream(self) -> set[Node]:
        """This node and all that it sees, itself included."""
        found, open_ends = set(), [self]
        while open_ends:
            node = open_ends.pop()
            if node not in found:
                found.add(node)
                open_ends += [wire for wire in node._wires if wire is not None]
        return found

    # Pictures, as they are at the current frame.

    def _now(self) -> At:
        return At(self, self._session.now, self._session.view)

    def _looked_at(self, at: At) -> Picture:
        """The picture at a frame and view; RuntimeError says why there is none."""
        self._live[self._session.context(at, self._session.down)] = self._session.changes
        with self._session.rendering(self):
            if self._knobs["disable"]._number(At(self, at.frame, at.view)):
                return self._input_picture(0, at)
            return self._picture(At(self, at.frame, at.view))

    def _input_picture(self, number: int, at: At) -> Picture:
        node = self.input(number)
        if node is None:
            if number < self._inputs_least:
                raise RuntimeError(f"{self.fullName()}: missing input")
            return self._session.nothing()
        return node._looked_at(At(node, at.frame, at.view))

    def _picture(self, at: At) -> Picture:
        return self._input_picture(0, at)

    def _validated(self) -> Picture:
        """Where there is an error, what Nuke says of it: nothing, in the format of the script."""
        try:
            return self._looked_at(self._now())
        except RuntimeError:
            return self._session.nothing()

    def channels(self) -> list[str]:
        return sorted(self._validated().channels)

    def format(self) -> Format:
        return self._validated().format

    def bbox(self) -> Box:
        return self._validated().bbox()

    def width(self) -> int:
        return self.format().width()

    def height(self) -> int:
        return self.format().height()

    def pixelAspect(self) -> float:
        return self.format().pixelAspect()

    def metadata(self, key: str = "", time: float | None = None, view: str = "") -> Any:
        at = At(self, self._session.now if time is None else time, view or self._session.view)
        found = self._looked_at(at).metadata
        return found.get(key) if key else dict(found)

    def sample(self, channel: str, x: float, y: float) -> float:
        return self._looked_at(self._now()).sample(channel, x, y)

    def hasError(self) -> bool:
        return self.treeHasError()

    def error(self) -> bool:
        return self.treeHasError()

    def treeHasError(self) -> bool:
        try:
            self._looked_at(self._now())
        except RuntimeError:
            return True
        return False

    def frameRange(self) -> FrameRange:
        ranges = [node.frameRange() for node in self._wires if node is not None]
        if not ranges:
            return FrameRange(self._session.root.firstFrame(), self._session.root.lastFrame(), 1)
        return FrameRange(min(r.first() for r in ranges), max(r.last() for r in ranges), 1)

    def upstreamFrameRange(self, i: int) -> FrameRange | None:
        node = self.input(i)
        return node.frameRange() if node is not None else None

    def firstFrame(self) -> int:
        return self.frameRange().first()

    def lastFrame(self) -> int:
        return self.frameRange().last()

    def forceValidate(self) -> None:
        self._session.validated(self)
        context = self._session.context(self._now())
        as_of = self._live.pop(context, self._session.changes)
        if self._session.keeps_old_ops and as_of != self._session.changes:
            self._live[context._replace(down=-as_of)] = as_of
        self._live[context] = self._session.changes

    def opHashes(self) -> list[int]:
        """One number for each frame, view and proxy state that it was looked at or validated in, oldest first.

        Each changes with whatever decides that picture, here and upstream, once it is validated again.
        """
        return [self._hash(context, as_of) for context, as_of in self._live.items()]

    def _hash(self, context: Context, as_of: int) -> int:
        if as_of == self._session.changes:
            seen: Any = self._effects(At(self, context.frame, context.view))
        else:
            seen = ("not validated since", id(self), as_of, context)
        effects = repr((seen, context.proxy, context.down)).encode()
        return int.from_bytes(hashlib.blake2b(effects, digest_size=8).digest(), "big")

    def _effects(self, at: At) -> tuple[Any, ...]:
        own = tuple(
            (name, repr(knob._effect(At(self, at.frame, at.view))))
            for name, knob in self._knobs.items()
            if name not in _NO_EFFECT
        )
        return self._class, own, tuple(node._effects(at) if node is not None else None for node in self._wires)

    # As text.

    def writeKnobs(self, flags: int = 0) -> str:
        lines = [(name, knob._written()) for name, knob in self._knobs.items() if name != "selected"]
        return "\n".join(f"{name} {text}" for name, text in lines if text is not None)

    def readKnobs(self, s: str) -> None:
        from .script import read_knobs

        read_knobs(self, s)

    def __repr__(self) -> str:
        return f"<{self._class} {self.name() if self._alive else 'deleted'}>"
