"""A stand-in for Nuke: a small node graph behind the names of the module `nuke`, strict where Nuke is.

It reads scripts and gizmos, renders EXR, and lets the main thread alone touch nodes and knobs. What it does not know
it refuses; a test compares its names and arguments with the published stubs (types-nuke).
"""

from __future__ import annotations

from typing import Any

from . import knobs, number_knobs, pictures
from .group import Gizmo, Group, Root
from .knobs import Knob
from .main_thread import guarded_function
from .node import Node
from .session import REPLACE, Session
from .undo import undo_class
from .windows import ViewerWindow, progress_class

_FUNCTIONS = (
    *("thisNode", "thisKnob", "thisGroup", "thisRoot", "thisParent", "thisView", "toNode", "allNodes", "selectedNodes"),
    *(
        "selectedNode",
        "activeViewer",
        "createNode",
        "delete",
        "execute",
        "frame",
        "views",
        "filename",
        "menu",
        "toolbar",
    ),
    *("pluginAddPath", "pluginPath", "knobDefault", "scriptName", "modified", "scriptSaveAs", "scriptSave"),
    *("scriptOpen", "scriptClear", "scriptClose", "scriptReadText", "nodePaste", "nodeCopy"),
)


class Nodes:
    """nuke.nodes: a maker for every class."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getattr__(self, item: str) -> Any:
        def make(*args: Any, **values: Any) -> Node:
            return self._session.make(item, *args, **values)

        return guarded_function(self._session.touches.entered(make))


def start(gui: bool = True) -> Session:
    """Start Nuke with an empty script; its `nuke` is the session's member `module`."""
    session = Session(gui)
    nuke = session.module
    for name in _FUNCTIONS:
        setattr(nuke, name, guarded_function(session.touches.entered(getattr(session, name))))
    nuke.root = guarded_function(session.touches.entered(session.thisRoot))
    nuke.render = nuke.execute
    nuke.filenameFilter = guarded_function(session.callbacks.filter_path)
    nuke.INPUTS, nuke.HIDDEN_INPUTS, nuke.EXPRESSIONS, nuke.LINKINPUTS = 1, 2, 4, 8
    for name, function in session.callbacks.functions().items():
        setattr(nuke, name, guarded_function(function))
    nuke.executeInMainThread = session.loop.later
    nuke.executeInMainThreadWithResult = session.loop.wait_for
    for name in ("message", "ask"):
        setattr(nuke, name, guarded_function(getattr(session.dialogs, name)))
    nuke.tprint, nuke.warning = session.dialogs.tprint, session.dialogs.warning
    nuke.error = nuke.debug = session.dialogs.warning
    nuke.Undo, nuke.ProgressTask = undo_class(session.undos), progress_class(session.tasks)
    for module in (knobs, number_knobs):
        for name, member in vars(module).items():
            if isinstance(member, type) and issubclass(member, Knob):
                setattr(nuke, name, member)
    for flag in ("DISABLED", "NO_ANIMATION", "DO_NOT_WRITE", "INVISIBLE", "STARTLINE", "ENDLINE", "ALWAYS_SAVE"):
        setattr(nuke, flag, getattr(knobs, flag))
    nuke.Node, nuke.Group, nuke.Gizmo, nuke.Root = Node, Group, Gizmo, Root
    nuke.ViewerWindow = ViewerWindow
    nuke.Format, nuke.FrameRange, nuke.FrameRanges = pictures.Format, pictures.FrameRange, pictures.FrameRanges
    nuke.nodes, nuke.GUI, nuke.INTERACTIVE, nuke.REPLACE = Nodes(session), gui, gui, REPLACE
    nuke.NUKE_VERSION_MAJOR, nuke.NUKE_VERSION_MINOR, nuke.NUKE_VERSION_STRING = 15, 1, "15.1v1"
    nuke.CancelledError = type("CancelledError", (Exception,), {})
    nuke.env = {"gui": gui, "interactive": gui, "NukeVersionString": "15.1v1", "LINUX": True, "WIN32": False}
    nuke.env |= {"ExecutablePath": "/usr/local/Nuke15.1v1/Nuke15.1", "nc": False, "indie": False}
    return session
