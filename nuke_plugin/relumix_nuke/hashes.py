"""What decides the pixels of an input, as one key for each frame and view.

A key is Nuke's hash of the input at that frame and view, at full size, and the state of the files upstream. Nuke has
a hash for every frame, view and size that a node was looked at in, so the hashes of a node in use say nothing of one
frame. These are asked of nodes that nothing else sees, behind a node that holds the frame and one that holds the view;
so Nuke's own frame and view stay where they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import nuke

from relumix_nuke.errors import named
from relumix_nuke.knobs import INPUTS, layer, mask_of, not_undoable
from relumix_nuke.upstream import Files

Keys = dict[str, dict[str, dict[int, "str | None"]]]
"""Of each view, each input and each frame. None where it cannot be known: such a frame counts as changed."""

Told = Callable[[str, float], None]
"""Is told before each step what it is and how much of all is done (0..1); raises CancelledError to stop."""

_KEY_DIGITS = 16


def limited() -> bool:
    """Tell whether this is an edition in which Python may touch ten nodes: Indie and Non-commercial."""
    return bool(nuke.env.get("indie") or nuke.env.get("nc"))


def keys(
    node: nuke.Node, wanted: Mapping[str, Sequence[int]], views: Sequence[str], files: Mapping[str, Files], told: Told
) -> Keys:
    """Return the keys of a node's inputs. Nuke has to be at full size; its frame, view and selection stay.

    wanted  frames of each input, by its name.
    files   the files upstream of each input.

    Raises RelumixError where an input has an error, and what `told` raises.
    """
    found: Keys = {view: {name: {} for name in wanted} for view in views}
    count, done = len(views) * sum(map(len, wanted.values())), 0
    with _probe() as probe:
        for name, frames in wanted.items():
            upstream = node.input(INPUTS.index(name))
            assert upstream is not None
            rendered = mask_of(node) if name == "Mask" else layer(node)
            for view in views:
                for frame in frames:
                    told(f"checking {name} {frame}", done / count)
                    with named(name):
                        hash_now = probe.hash(upstream, view, frame)
                    stamp = files[name].stamp(frame)
                    found[view][name][frame] = None if hash_now is None else _digest(f"{hash_now} {rendered} {stamp}")
                    done += 1
    return found


class Probe:
    """Nodes that show one frame and view of another node. Made in the group that is worked in; to be deleted."""

    def __init__(self) -> None:
        self._nodes: list[nuke.Node] = []
        self._upstream: nuke.Node | None = None
        self._make()

    def hash(self, upstream: nuke.Node, view: str, frame: int) -> int | None:
        """Return Nuke's hash of a node at a view and frame; None where Nuke has several and does not say which."""
        if upstream is not self._upstream:
            self.connect(upstream)
        values = self._values(view, frame)
        if len(values) != 1 and not limited():
            # It has kept hashes of what was looked at before: those of new nodes are of this frame alone.
            self.delete()
            self._make()
            self.connect(upstream)
            values = self._values(view, frame)
        return values.pop() if len(values) == 1 else None

    def connect(self, upstream: nuke.Node) -> None:
        """Look at a node from now on."""
        self._nodes[0].setInput(0, upstream)
        self._upstream = upstream

    def values_before(self) -> list[int]:
        """Return all hashes that Nuke has without a validation."""
        return list(self._nodes[-1].opHashes())

    def values(self, view: str, frame: int) -> list[int]:
        """Return all hashes that Nuke has after it has validated a view and frame."""
        one_view, hold, end = self._nodes
        one_view["view"].setValue(view)
        (hold.knob("first_frame") or hold["firstFrame"]).setValue(frame)
        end.forceValidate()
        return list(end.opHashes())

    def delete(self) -> None:
        """Take the nodes away."""
        while self._nodes:
            nuke.delete(self._nodes.pop())

    def _values(self, view: str, frame: int) -> set[int]:
        return set(self.values(view, frame))

    def _make(self) -> None:
        # A studio may have defaults for every class: what decides is set here.
        self._nodes.append(nuke.nodes.OneView(disable=False))
        self._nodes.append(nuke.nodes.FrameHold(inputs=[self._nodes[0]], disable=False, increment=0))
        # The others may have no hash of their own.
        self._nodes.append(nuke.nodes.Multiply(inputs=[self._nodes[1]], disable=False, channels="all"))


@contextmanager
def _probe() -> Iterator[Probe]:
    """Give nodes to ask, which leave nothing to undo."""
    with not_undoable():
        probe = Probe()
        try:
            yield probe
        finally:
            probe.delete()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]


def self_check(upstream: nuke.Node, frames: Sequence[int]) -> list[str]:
    """Return lines on what the hashes of this Nuke do at two frames of a node: for a person to read, once.

    They are what `keys` leans on. Moves nothing; Nuke has to be at full size.
    """
    view, (one, other) = nuke.thisView(), frames
    with _probe() as probe:
        before = probe.values_before()
        probe.connect(upstream)
        first = probe.values(view, one)
        again = probe.values(view, one)
        second = probe.values(view, other)
        back = probe.values(view, one)
    asked = upstream.opHashes()
    return [
        f"Nuke {nuke.NUKE_VERSION_STRING}, {upstream.fullName()}, frames {one} and {other}",
        f"hashes of a new node before it is validated: {len(before)} (0 expected)",
        f"after it: {len(first)} (1 expected); asked again: {'the same' if again == first else again}",
        f"at the other frame: {len(second)} (1 expected), {_same(second, first)} (another expected)",
        f"back at the first: {len(back)} (1 expected), {_same(back, first)} (the same expected)",
        f"hashes of the node itself: {len(asked)} (one for each frame, view and size that was looked at)",
        "All is as expected."
        if (len(first), again, len(second), back) == (1, first, 1, first) and second != first
        else "This Nuke is not as expected: Relight may render more than it has to. Please report these lines.",
    ]


def _same(one: list[int], other: list[int]) -> str:
    return "the same" if set(one) == set(other) else "another"
