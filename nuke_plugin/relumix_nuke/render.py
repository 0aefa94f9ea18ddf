"""Rendering what is connected to a node into files, and leaving Nuke as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import nuke

from relumix_nuke import cache, frames
from relumix_nuke.cache import Folder, Hashes
from relumix_nuke.errors import CancelledError, RelumixError, named
from relumix_nuke.knobs import INPUTS, Order

_DATATYPES = {"half": "16 bit half", "float": "32 bit float"}


@contextmanager
def undo_step(name: str) -> Iterator[None]:
    """Make one undo step of all changes."""
    nuke.Undo.begin(name)
    try:
        yield
    finally:
        nuke.Undo.end()


@contextmanager
def left_as_it_was(node: nuke.Node) -> Iterator[None]:
    """Work at full size beside a node, and put proxy mode, the current frame and view and the selection back."""
    with node.parent():  # A button of a group is run inside of it.
        proxy, frame, view, selected = nuke.root()["proxy"], nuke.frame(), nuke.thisView(), nuke.selectedNodes()
        was_proxy = proxy.value()
        try:
            if was_proxy:
                proxy.setValue(False)
            yield
        finally:
            if was_proxy:
                proxy.setValue(True)
            if nuke.frame() != frame:
                nuke.frame(frame)
            _look_at(view)
            for other in [*nuke.selectedNodes(), *selected]:
                other.setSelected(other in selected)


def seen(node: nuke.Node, order: Order) -> dict[str, Hashes]:
    """Return, by view, what `hash_now` says of every input at each frame of the shot.

    Of the views that are asked for where there is a viewer to show them, else of the current one alone. It moves the
    current frame and view.
    """
    found: dict[str, Hashes] = {}
    for view in order.views:
        _look_at(view)
        hashes = found.setdefault(nuke.thisView(), {name: {} for name in order.inputs})
        for frame in order.shot:
            nuke.frame(frame)
            for name in order.inputs:
                hashes[name][frame] = hash_now(node, name)
    return found


def hashes(node: nuke.Node, order: Order, by_view: dict[str, Hashes]) -> Hashes:
    """Return the hash of every input at the frames at which it is rendered: one for all views that are asked for.

    by_view  what `seen` returned, which says it where only one view is asked for.

    It is the same whichever view is looked at, and with a window or without. It moves the current frame.
    """
    if len(order.views) == 1:
        (of_view,) = by_view.values()
        return {name: {frame: by[frame] for frame in order.frames_of(name)} for name, by in of_view.items()}
    found: Hashes = {name: {} for name in order.inputs}
    for name in order.inputs:
        with _in_each_view(node, name, order.views) as looks:
            for frame in order.frames_of(name):
                nuke.frame(frame)
                found[name][frame] = _hash_of(looks, name)
    return found


def hash_now(node: nuke.Node, name: str) -> str:
    """Return the hash of an input at the current frame and view: it changes with any pixel upstream.

    It is that of a node inside, which looks at the input alone: what is connected may be one that has no hash of its
    own, such as a Dot or a FrameHold.
    """
    inside = cast(nuke.Group, node).node(f"{name}Hash")
    if inside is None:
        raise RelumixError(f"{node.fullName()} has no node {name}Hash inside: make a new Relumix node")
    return _hash_of([inside], name)


def render(node: nuke.Node, order: Order, folder: Folder) -> None:
    """Render every frame of every input that the folder lacks. Raises RelumixError, CancelledError."""
    for name in order.inputs:
        missing = [
            frame
            for frame in order.frames_of(name)
            if not all(folder.file(name, view, frame).exists() for view in order.views)
        ]
        if missing:
            files = [(name, view, frame) for frame in missing for view in order.views]
            with cache.rendering(folder, files) as parts, _write(node, name, order, parts) as write:
                for first, last in frames.runs(missing):
                    _execute(write, first, last, name, order.views)


@contextmanager
def _write(node: nuke.Node, name: str, order: Order, folder: Folder) -> Iterator[nuke.Node]:
    """A Write behind an input of the node, there as long as it is needed."""
    upstream = node.input(INPUTS.index(name))
    assert upstream is not None
    write = nuke.nodes.Write(file_type="exr")
    try:
        write.setInput(0, upstream)
        write["file"].setValue(folder.pattern(name, "%V"))
        write["datatype"].setValue(_DATATYPES[order.look.bits])
        write["channels"].setValue(_channels(upstream, name))
        write["raw"].setValue(True)
        write["views"].setValue(" ".join(order.views))
        yield write
    finally:
        nuke.delete(write)


def _hash_of(looks: list[nuke.Node], name: str) -> str:
    with named(name):
        for look in looks:
            look.forceValidate()
        told = [sorted(look.opHashes()) for look in looks]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


@contextmanager
def _in_each_view(node: nuke.Node, name: str, views: tuple[str, ...]) -> Iterator[list[nuke.Node]]:
    """Nodes that look at an input, each in a view of its own.

    Nuke tells hashes in the current view alone, and without a window there is no other: a OneView reaches them all.
    """
    made: list[nuke.Node] = []
    try:
        for view in views:
            made.append(nuke.nodes.OneView(view=view, inputs=[node.input(INPUTS.index(name))]))
            made.append(nuke.nodes.Multiply(inputs=[made[-1]]))  # A OneView may have no hash of its own.
        yield made[1::2]
    finally:
        for each in reversed(made):
            nuke.delete(each)


def _look_at(view: str) -> None:
    """Make a view the current one, if there is a viewer that could."""
    viewer = nuke.activeViewer() if nuke.GUI and nuke.thisView() != view else None
    if viewer:
        viewer.setView(view)


def _channels(upstream: nuke.Node, name: str) -> str:
    """What of an input the job needs: every other channel of the plate goes through the node itself."""
    with named(name):
        channels = upstream.channels()
    if "rgba.alpha" not in channels:
        return "rgb"
    return "alpha" if name == "Mask" else "rgba"


def _execute(write: nuke.Node, first: int, last: int, name: str, views: tuple[str, ...]) -> None:
    try:
        nuke.execute(write, first, last, 1, list(views))
    except nuke.CancelledError:
        raise CancelledError("cancelled while the inputs were rendered") from None
    except RuntimeError as error:
        if "cancel" in str(error).lower():
            raise CancelledError("cancelled while the inputs were rendered") from None
        raise RelumixError(f"{name} cannot be rendered at {frames.text(range(first, last + 1))}: {error}") from error
