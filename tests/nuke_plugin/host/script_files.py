# ruff: noqa: N802, N815  the names are Nuke's
"""What Nuke does with files of scripts: it saves, opens and closes them, and copies and pastes nodes as their text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import script
from .group import Gizmo, Group, Root
from .knobs import Knob
from .node import Node


class Gone(dict[str, Knob]):
    """The knobs of a node that is not there any more."""

    def __missing__(self, key: str) -> Knob:
        raise ValueError("A PythonObject is not attached to a node")

    def get(self, key: str, default: Any = None) -> Any:
        return self[key]

    def __contains__(self, key: object) -> bool:
        raise ValueError("A PythonObject is not attached to a node")


class ScriptFiles:
    """That part of a session."""

    root: Root
    groups: list[Group]
    callbacks: Any
    labels: Any
    undos: Any
    quietly: Any
    selectedNodes: Any
    _remove: Any

    def scriptName(self) -> str:
        if self.root.name() == "Root":
            raise RuntimeError("no script is open under a name")
        return self.root.name()

    def modified(self, state: bool | None = None) -> bool:
        if state is not None:
            self.root._modified = state
        return self.root._modified

    def scriptSaveAs(self, filename: str | None = None, overwrite: int | bool = -1) -> None:
        if filename is None:
            raise RuntimeError("a test gives a name")
        self.callbacks.run("OnScriptSave", self.root)  # Which still has its old name.
        with self.quietly():
            self.root["name"]._state = filename
        Path(filename).write_text(script.save(self), encoding="utf-8")
        self.root._modified = False

    def scriptSave(self, filename: str | None = None) -> bool:
        self.scriptSaveAs(filename or self.scriptName(), 1)
        return True

    def scriptOpen(self, filename: str | None = None) -> None:
        assert filename is not None
        self.scriptClear()
        script.load(self, Path(filename).read_text(encoding="utf-8"), self.root)
        self.root["name"]._state = filename
        self._created(self.root._children)
        self.callbacks.run("OnScriptLoad", self.root)
        self.labels.draw_all()

    def _created(self, nodes: Sequence[Node]) -> None:
        """Tell of nodes that were read from text. Those in a gizmo are the gizmo's own affair."""
        for node in list(nodes):
            self.callbacks.run("OnCreate", node)
            if isinstance(node, Group) and not isinstance(node, Gizmo):
                self._created(node._children)

    def scriptClear(self) -> None:
        """Every node goes, and nobody who held one can use it any more."""
        self.callbacks.run("OnScriptClose", self.root)
        for node in list(self.root._children):
            self.callbacks.run("OnDestroy", node)
            self._remove(node)
            node._knobs = Gone()
        self.root = Root(self)
        self.groups[:] = [self.root]
        self.undos.steps.clear()
        self.labels.drawn.clear()

    def scriptClose(self) -> None:
        self.scriptClear()

    def scriptReadText(self, s: str) -> None:
        self._pasted(s)

    def _pasted(self, text: str) -> list[Node]:
        made = script.load(self, text, self.groups[-1])
        self._created(made)
        for node in made:
            self.labels.draw(node)
        return made

    def nodePaste(self, s: str) -> Node | None:
        """What `nodeCopy` has written, or any script, into the group that is worked in; its first nodes see nothing."""
        made = self._pasted(Path(s).read_text(encoding="utf-8"))
        return made[-1] if made else None

    def nodeCopy(self, s: str) -> None:
        """Write the selected nodes to a file, as the clipboard has them."""
        Path(s).write_text(script.written(list(reversed(self.selectedNodes()))), encoding="utf-8")
