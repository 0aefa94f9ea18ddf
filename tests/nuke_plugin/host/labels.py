"""What is written on the nodes. Nuke asks for it at few events, and for that of other nodes at fewer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .node import Node
    from .session import Session


def _evaluated(label: Any) -> str:
    try:
        return str(label.evaluate())
    except ValueError:  # What is no Tcl is shown as it is written.
        return str(label.value())


class Labels:
    """drawn  the text on each node, as of the last time that it was asked for.

    asked  how often each node was asked. whole  how often every node was.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.drawn: dict[Node, str] = {}
        self.asked: Counter[str] = Counter()
        self.whole = 0

    def draw(self, node: Node) -> None:
        """A knob of this node was changed: it alone is drawn. A new wire draws nothing."""
        if not self._session.gui or self._session.loading or node is self._session.root:
            return
        with self._session.touches.of():
            said = [text for text in self._session.callbacks.run("Autolabel", node) if text]
            self.drawn[node] = str(said[0]) if said else f"{node.name()}\n{_evaluated(node['label'])}".strip()
            self.asked[node.name()] += 1

    def draw_all(self) -> None:
        """Another frame, another script: every node is drawn, which in a large script takes a second or two."""
        self.whole += 1
        for node in list(self._session.root._children):
            self.draw(node)

    def after(self, call: Callable[[], None]) -> None:
        """A call that a thread has sent to the main thread: where it has changed a knob, every node is drawn."""
        before = self._session.changes
        call()
        if self._session.changes != before:
            self.draw_all()
