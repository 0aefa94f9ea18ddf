# ruff: noqa: N802  the names are Nuke's
"""Groups of nodes: those in a script, those in a file of their own, and the script itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .expressions import At
from .knobs import Enumeration_Knob, File_Knob, Knob, String_Knob
from .node import Node
from .number_knobs import Boolean_Knob, Double_Knob, Int_Knob
from .pictures import Picture

if TYPE_CHECKING:
    from .session import Session


class Group(Node):
    """A node made of nodes: what goes in at its Inputs comes out at its Output."""

    _class = "Group"
    _inputs_least = 0

    def __init__(self, session: Session, parent: Group | None) -> None:
        self._children: list[Node] = []
        self._entered = 0
        super().__init__(session, parent)

    def nodes(self) -> list[Node]:
        return list(reversed(self._children))

    def numNodes(self) -> int:
        return len(self._children)

    def node(self, s: str) -> Node | None:
        name, _, rest = s.partition(".")
        found = next((node for node in self._children if node.name() == name), None)
        if not rest or found is None:
            return found
        return found.node(rest) if isinstance(found, Group) else None

    def selectedNodes(self) -> list[Node]:
        return [node for node in self._children if node.isSelected()]

    def selectedNode(self) -> Node | None:
        return next(iter(self.selectedNodes()), None)

    def output(self) -> Node | None:
        return next((node for node in self._children if node._class == "Output"), None)

    def begin(self) -> Group:
        self._session.groups.append(self)
        return self

    def end(self) -> None:
        if self._session.groups[-1] is not self:
            raise RuntimeError(f"{self.fullName()} was not begun last")
        self._session.groups.pop()

    def run(self, call: Any) -> Any:
        with self:
            return call()

    def __enter__(self) -> Group:
        return self.begin()

    def __exit__(self, type: Any, value: Any, traceback: Any) -> None:
        self.end()

    def maxInputs(self) -> int:
        return len(self._input_nodes())

    def maximumInputs(self) -> int:
        return self.maxInputs()

    def _input_nodes(self) -> Sequence[Node]:
        """By the number that each has."""
        inputs = [node for node in self._children if node._class == "Input"]
        return sorted(inputs, key=lambda node: float(node["number"].value()))

    def _picture(self, at: At) -> Picture:
        output = self.output()
        if output is None:
            raise RuntimeError(f"{self.fullName()}: no Output")
        return output._looked_at(At(output, at.frame, at.view))

    def _effects(self, at: At) -> tuple[Any, ...]:
        output = self.output()
        inside = output._effects(At(output, at.frame, at.view)) if output else None
        return (*super()._effects(at), inside)


class Gizmo(Group):
    """A group whose nodes are in a file: a script keeps its knobs alone."""

    def __init__(self, session: Session, parent: Group | None, name: str, path: str) -> None:
        self._class, self._path = name, path
        super().__init__(session, parent)

    def filename(self) -> str:
        return self._path

    def command(self) -> str:
        return self._class


class Preferences(Node):
    """The node that holds Nuke's preferences; what a plugin adds to it is kept for the user."""

    _class = "Preferences"
    _inputs_least, _inputs_most = 0, 0

    def name(self) -> str:
        return "preferences"


class Root(Group):
    """The script itself."""

    _class = "Root"

    def __init__(self, session: Session) -> None:
        super().__init__(session, None)
        self._modified = False
        self["name"]._settle()

    def _own_knobs(self) -> list[Knob]:
        knobs: list[Knob] = [Int_Knob("frame"), Int_Knob("first_frame"), Int_Knob("last_frame"), Double_Knob("fps")]
        for knob, value in zip(knobs, (1, 1, 100, 24), strict=True):
            knob._state = knob._default = (float(value),)
        switches: list[Knob] = [Boolean_Knob("proxy"), Boolean_Knob("lock_range")]
        colour: list[Knob] = [Enumeration_Knob("colorManagement", None, ["Nuke", "OCIO"])]
        texts: list[Knob] = [
            String_Knob("format", None, "2048 1556 0 0 2048 1556 1 2K"),
            File_Knob("project_directory"),
        ]
        views = String_Knob("views", None, "main")
        return [*knobs, *switches, *colour, *texts, views]

    def name(self) -> str:
        return self["name"].value() or "Root"

    def fullName(self) -> str:
        return "root"

    def firstFrame(self) -> int:
        return int(self["first_frame"].value())

    def lastFrame(self) -> int:
        return int(self["last_frame"].value())

    def realFps(self) -> float:
        return float(self["fps"].value())

    def fps(self) -> int:
        return int(self.realFps())

    def proxy(self) -> bool:
        return bool(self["proxy"].value())

    def setProxy(self, proxy: bool) -> None:
        self["proxy"].setValue(proxy)

    def modified(self) -> bool:
        return self._modified

    def setModified(self, modified: bool) -> None:
        self._modified = modified
