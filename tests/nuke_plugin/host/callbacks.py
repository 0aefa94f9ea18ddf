# ruff: noqa: N803  the names are Nuke's
"""The lists of calls that Nuke makes when something happens, and the knobs that hold such a call as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .knobs import Knob

if TYPE_CHECKING:
    from .node import Node
    from .session import Session

_BY_CLASS = (
    *("OnUserCreate", "OnCreate", "OnScriptLoad", "OnScriptSave", "OnScriptClose", "OnDestroy", "UpdateUI"),
    *("Autolabel", "BeforeRender", "AfterRender", "FilenameFilter"),
)
_KNOBS = ("onCreate", "onDestroy", "knobChanged", "updateUI", "autolabel")


@dataclass(frozen=True)
class _Call:
    call: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...]
    node_class: str
    node: Node | None = None

    def meant_for(self, node: Node) -> bool:
        return self.node_class in ("*", node._class) and self.node in (None, node)


class Callbacks:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._calls: dict[str, list[_Call]] = {}
        self._changing: list[Knob] = []

    def functions(self) -> dict[str, Callable[..., None]]:
        """Add and remove functions of every list, by the names that Nuke has for them."""
        made: dict[str, Callable[..., None]] = {}
        for event in _BY_CLASS:
            made[f"add{event}"], made[f"remove{event}"] = self._pair(event)

        def add_knob_changed(
            call: Any, args: Any = (), kwargs: Any = None, nodeClass: str = "*", node: Node | None = None
        ) -> None:
            self._add("KnobChanged", _call(call, args, kwargs, nodeClass, node))

        def remove_knob_changed(
            call: Any, args: Any = (), kwargs: Any = None, nodeClass: str = "*", node: Node | None = None
        ) -> None:
            self._remove("KnobChanged", _call(call, args, kwargs, nodeClass, node))

        return {**made, "addKnobChanged": add_knob_changed, "removeKnobChanged": remove_knob_changed}

    def _pair(self, event: str) -> tuple[Callable[..., None], Callable[..., None]]:
        def add(call: Any, args: Any = (), kwargs: Any = None, nodeClass: str = "*") -> None:
            self._add(event, _call(call, args, kwargs, nodeClass))

        def remove(call: Any, args: Any = (), kwargs: Any = None, nodeClass: str = "*") -> None:
            self._remove(event, _call(call, args, kwargs, nodeClass))

        return add, remove

    def _add(self, event: str, call: _Call) -> None:
        calls = self._calls.setdefault(event, [])
        if call not in calls:
            calls.append(call)

    def _remove(self, event: str, call: _Call) -> None:
        if call in self._calls.get(event, []):
            self._calls[event].remove(call)

    def run(self, event: str, node: Node, knob: Knob | None = None) -> list[Any]:
        """Make the calls of one event for one node; their results. The node's own knob of that name comes first."""
        results = []
        name = event[0].lower() + event[1:]
        with self._session.called_for(node, knob):
            if name in _KNOBS and (code := node._knobs[name]._state):
                runs = eval if name == "autolabel" else exec
                results.append(runs(compile(code, name, runs.__name__), {"nuke": self._session.module}))
            for call in list(self._calls.get(event, [])):
                if call.meant_for(node):
                    results.append(call.call(*call.args, **dict(call.kwargs)))
        return results

    def filtered(self, filename: str, node: Node) -> str:
        for call in self._calls.get("FilenameFilter", []):
            with self._session.called_for(node):
                if call.meant_for(node) and (changed := call.call(filename)):
                    filename = changed
        return filename

    def filter_path(self, filename: str) -> str:
        """What the filters make of a file name outside of a knob."""
        return self.filtered(filename, self._session.thisNode())

    def knob_changed(self, node: Node, knob: Knob) -> None:
        """As Nuke does: not while a script is read, and not for a change that the call itself makes to that knob."""
        if self._session.loading or not node._alive:
            return
        self._session.labels.draw(node)
        if knob in self._changing:
            return
        self._session.root._modified = True
        self._changing.append(knob)
        try:
            self.run("KnobChanged", node, knob)
        finally:
            self._changing.remove(knob)


def _call(call: Any, args: Any, kwargs: Any, node_class: str, node: Node | None = None) -> _Call:
    if not callable(call):
        raise TypeError(f"expected a callable, got {call!r}")
    args = args if isinstance(args, tuple) else (args,)
    return _Call(call, args, tuple((kwargs or {}).items()), node_class, node)
