# ruff: noqa: N802, N803  the names are Nuke's
"""One run of Nuke: its script, and the functions of the module `nuke`."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import script
from .callbacks import Callbacks
from .expressions import At
from .files import Read, Write, at_frame
from .group import Gizmo, Group, Preferences, Root
from .kinds import SIMPLE
from .knobs import Knob
from .labels import Labels
from .main_thread import MainLoop
from .node import Context, Node
from .pictures import Format, FrameRanges, Picture
from .scene import SCENE
from .script_files import Gone, ScriptFiles
from .tcl import commands, quoted
from .touches import Touches
from .undo import Undos
from .windows import Dialogs, Menu, Tasks, ViewerWindow

KINDS: dict[str, type[Node]] = {**SIMPLE, **SCENE, "Read": Read, "Write": Write}
REPLACE = 4


class Session(ScriptFiles):
    """What the functions of `nuke` work on; a test looks at its members.

    gui       whether there is a window: dialogs, and a main loop that takes calls of other threads.
    rendered  (full name of a Write, frame) of every frame that was rendered, in order.
    validations        the node and frame of every validation, each of which costs Nuke time.
    labels             what is written on the nodes, and how often that was asked for.
    touches            the nodes that Python has touched, and of how many it may.
    keeps_old_ops      whether a node goes on having hashes of ops that nothing uses any more.
    down               how far the Viewer that looks reduces the picture.
    """

    def __init__(self, gui: bool) -> None:
        self.gui = gui
        self.version = "15.1 v1"
        self.module: Any = types.ModuleType("nuke")
        self.labels = Labels(self)
        self.loop, self.dialogs, self.tasks = MainLoop(gui, self.labels.after), Dialogs(gui), Tasks()
        self.undos, self.callbacks = Undos(), Callbacks(self)
        self.menus = {name: Menu(name, self._run_text) for name in ("Nuke", "Nodes", "Viewer", "Node Graph")}
        self.plugin_path: list[str] = []
        self.knob_defaults: dict[str, str] = {}
        self.panels: set[Node] = set()
        self.redrawn: list[str] = []
        self.rendered: list[tuple[str, int]] = []
        self.validations: list[tuple[str, int]] = []
        self.touches = Touches()
        self.keeps_old_ops = False
        self.down = 1
        self.changes = 0
        self.layers = {"rgb", "rgba", "alpha", "depth", "motion", "forward", "backward", "mask", "other", "none", "all"}
        self.preferences: Node | None = None
        self.loading = False
        self.view = "main"
        self._context: list[tuple[Node, Knob | None]] = []
        self._rendering = 0
        self._frame_now: float | None = None
        self.root = Root(self)
        self.groups: list[Group] = [self.root]
        self.preferences = Preferences(self, self.root)

    # What other parts of the host ask.

    @property
    def now(self) -> float:
        """The frame that is looked at."""
        return float(self.root["frame"]._state[0]) if self._frame_now is None else self._frame_now

    def context(self, at: At, down: int = 1) -> Context:
        return Context(at.frame, at.view, bool(self.root["proxy"]._state[0]), down)

    def validated(self, node: Node) -> None:
        self.validations.append((node.fullName(), int(self.now)))

    def nothing(self) -> Picture:
        """What an input that is not connected gives."""
        return Picture({}, 0, 0, self.root_format())

    def root_format(self) -> Format:
        words = str(self.root["format"].value()).split()
        return Format(int(words[0]), int(words[1]), float(words[6]), " ".join(words[7:]))

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Read a script: nobody is called, nothing is to be undone."""
        before, self.loading = self.loading, True
        self.undos.off += 1
        try:
            yield
        finally:
            self.loading = before
            self.undos.off -= 1

    @contextmanager
    def rendering(self, node: Node) -> Iterator[None]:
        if self._rendering > 200:
            raise RuntimeError(f"{node.fullName()}: the graph goes in circles")
        self._rendering += 1
        try:
            yield
        finally:
            self._rendering -= 1

    @contextmanager
    def called_for(
        self, node: Node, knob: Knob | None = None, inside: bool = False, frame: float | None = None
    ) -> Iterator[None]:
        """Run something of a node: thisNode and thisKnob are its; a button of a group runs inside the group."""
        before, self._frame_now = self._frame_now, self._frame_now if frame is None else frame
        inside, self.touches.inside = self.touches.inside, 0
        self._context.append((node, knob))
        depth = len(self.groups)
        self.groups.append(node if inside and isinstance(node, Group) else node._group or self.root)
        try:
            yield
        finally:
            del self.groups[depth:]
            self._context.pop()
            self._frame_now, self.touches.inside = before, inside

    def free_name(self, node: Node) -> str:
        taken = {n.name() for n in node.parent()._children if n is not node}
        stem = node.Class()
        return next(f"{stem}{n}" for n in range(1, 1 << 20) if f"{stem}{n}" not in taken)

    def new_node(self, name: str, group: Group) -> Node:
        """A node of a class, or of a gizmo on the plugin path, without a name. RuntimeError where there is none."""
        if isinstance(group, Gizmo) and not self.loading:
            raise RuntimeError(f"{group.fullName()} is a gizmo: a node made inside it would be lost with the script")
        if name in KINDS:
            node = KINDS[name](self, group)
        elif name == "Group":
            node = Group(self, group)
        else:
            node = self._new_gizmo(name.removesuffix(".gizmo"), group)
        group._children.append(node)
        self.apply_defaults(node)
        return node

    def apply_defaults(self, node: Node, file_type: str = "") -> None:
        """Give a new node what nuke.knobDefault has for its class: also to nodes that a script or a gizmo makes.

        file_type  of a Write, whose knobs come with it: `Write.exr.compression`, and `Write.exr.channels` as well.
        """
        prefix = f"{node.Class()}.{file_type}." if file_type else f"{node.Class()}."
        with self.quietly():
            for name, value in self.knob_defaults.items():
                knob = node.knob(name.removeprefix(prefix)) if name.startswith(prefix) else None
                if knob is not None:
                    knob._default_from(value)

    def _new_gizmo(self, name: str, group: Group) -> Gizmo:
        for folder in self.plugin_path:
            path = Path(folder) / f"{name}.gizmo"
            if path.is_file():
                gizmo = Gizmo(self, group, name, str(path))
                script.load_gizmo(self, gizmo, path)
                return gizmo
        raise RuntimeError(f"{name}: Unknown command")

    def _run_text(self, text: str) -> None:
        exec(compile(text, "a menu", "exec"), {"nuke": self.module})

    # Functions of the module, by their names there.

    def thisNode(self) -> Node:
        return self._context[-1][0] if self._context else self.root

    def thisKnob(self) -> Knob | None:
        return self._context[-1][1] if self._context else None

    def thisGroup(self) -> Group:
        return self.groups[-1]

    def thisRoot(self) -> Root:
        return self.root

    def thisParent(self) -> Group | None:
        return self.thisNode()._group

    def thisView(self) -> str:
        return self.view

    def toNode(self, s: str) -> Node | None:
        if s in ("root", "Root"):
            return self.root
        if s == "preferences":
            return self.preferences
        return self.groups[-1].node(s.removeprefix("root."))

    def allNodes(self, filter: str = "", group: Group | None = None, recurseGroups: bool = False) -> list[Node]:
        nodes: list[Node] = []
        for node in (group or self.groups[-1]).nodes():
            nodes += [node] if filter in ("", node.Class()) else []
            if recurseGroups and isinstance(node, Group):
                nodes += self.allNodes(filter, node, True)
        return nodes

    def selectedNodes(self, filter: str = "") -> list[Node]:
        return [n for n in reversed(self.groups[-1]._children) if n.isSelected() and filter in ("", n.Class())]

    def selectedNode(self) -> Node:
        if not (nodes := self.selectedNodes()):
            raise ValueError("no node selected")
        return nodes[0]

    def createNode(self, typ: str, knobs: str = "", inpanel: bool = True) -> Node:
        group, selected = self.groups[-1], self.selectedNodes()
        node = self._made(typ, group)
        if knobs:
            script.read_knobs(node, _lines(knobs))
        for number, source in enumerate(selected[: node.maxInputs()]):
            node.setInput(number, source)
        for other in group._children:
            other.setSelected(other is node)
        if inpanel and self.gui:
            node.showControlPanel()
        self.callbacks.run("OnUserCreate", node)
        return node

    def _made(self, typ: str, group: Group) -> Node:
        node = self.new_node(typ, group)
        with self.quietly():
            node.setName(self.free_name(node))
        self.undos.record(f"create {node.name()}", lambda: self._remove(node))
        self.root._modified = True
        self.changes += 1
        self.callbacks.run("OnCreate", node)
        self.labels.draw(node)
        return node

    def make(self, typ: str, inputs: Sequence[Node | None] = (), **values: Any) -> Node:
        """nuke.nodes.X(...): no selection is looked at or changed."""
        node = self._made(typ, self.groups[-1])
        for name, value in values.items():
            if name == "name":
                node.setName(value)
            elif isinstance(value, str):
                node[name].fromScript(value)
            else:
                node[name].setValue(value)
        for number, source in enumerate(inputs):
            if not node.setInput(number, source):
                raise ValueError(f"{node.fullName()} takes no input {number}")
        return node

    def delete(self, n: Node | None) -> None:
        if n is None:
            return
        self.callbacks.run("OnDestroy", n)
        group = n.parent()
        places = [(other, list(other._wires)) for other in group._children if n in other._wires]
        for other, _ in places:
            other._wires = [None if wire is n else wire for wire in other._wires]
        self._remove(n)

        def put_back() -> None:
            n._alive, n._knobs = True, knobs
            group._children.append(n)
            for other, wires in places:
                other._wires = wires

        knobs = n._knobs
        n._knobs = Gone()
        self.changes += 1
        self.undos.record(f"delete {n._class}", put_back)

    def _remove(self, node: Node) -> None:
        node._alive = False
        node.parent()._children.remove(node)
        self.panels.discard(node)

    def execute(
        self,
        nameOrNode: Any,
        start: Any = None,
        end: int | None = None,
        incr: int = 1,
        views: list[str] | None = None,
        continueOnError: bool = False,
    ) -> None:
        node = self.toNode(nameOrNode) if isinstance(nameOrNode, str) else nameOrNode
        if not isinstance(node, Write):
            raise RuntimeError(f"{nameOrNode} has nothing to execute")
        ranged = isinstance(start, FrameRanges)
        if not ranged and not (isinstance(start, int) and isinstance(end, int)):
            raise TypeError(f"expected whole frame numbers, got {start!r} to {end!r}")
        frames = start.toFrameList() if ranged else list(range(start, end + 1, incr))
        if unknown := [view for view in views or () if view not in self.views()]:
            raise RuntimeError(f"no view is named {unknown[0]}")
        self.callbacks.run("BeforeRender", node)
        for frame in node._render(frames, views or self.views()):
            self.rendered.append((node.fullName(), frame))
        self.callbacks.run("AfterRender", node)

    def frame(self, f: int | None = None) -> int:
        if f is not None:
            if not isinstance(f, int):
                raise TypeError(f"expected a whole frame, got {f!r}")
            moved = self.root["frame"]._state != (float(f),)
            self.root["frame"]._state = (float(f),)
            if moved:
                self.labels.draw_all()
        return int(self.now)

    def views(self) -> list[str]:
        return str(self.root["views"]._state).split()

    def activeViewer(self) -> ViewerWindow | None:
        """The window of a Viewer; where the script has none, there is none."""
        viewers = [node for node in self.root._children if node.Class() == "Viewer"]
        return ViewerWindow(self) if viewers and self.gui else None

    def filename(self, node: Node, i: int = 0) -> str | None:
        if not isinstance(node, Read | Write):
            return None
        pattern = node._pattern(node._now())
        return at_frame(pattern, int(self.now), self.view) if i == REPLACE else pattern or None

    def menu(self, name: str) -> Menu | None:
        return self.menus.get(name) if self.gui else None

    def toolbar(self, name: str, create: bool = True) -> Menu | None:
        return self.menu(name)

    def pluginAddPath(self, args: Any, addToSysPath: bool = True) -> None:
        for path in [args] if isinstance(args, str) else args:
            if path not in self.plugin_path:
                self.plugin_path.insert(0, path)
            if addToSysPath and path not in sys.path:
                sys.path.insert(0, path)

    def pluginPath(self) -> list[str]:
        return list(self.plugin_path)

    def knobDefault(self, classknob: str, value: str | None = None) -> str | None:
        if value is None:
            return self.knob_defaults.get(classknob)
        self.knob_defaults[classknob] = value
        return None

    def drawn_label(self, node: Node) -> str:
        """What is written on a node now: as of the last event that made Nuke draw it."""
        return self.labels.drawn.get(node, node.name())


def _lines(knobs: str) -> str:
    """`name value name value`, as createNode takes it, one a line."""
    words = [word for command in commands(knobs) for word in command]
    shown = ["{" + word.text + "}" if word.quoting == "braces" else quoted(word.text) for word in words]
    return "\n".join(f"{name} {value}" for name, value in zip(shown[::2], shown[1::2], strict=True))
