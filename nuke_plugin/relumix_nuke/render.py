"""Renders a node's inputs to files, and leaves Nuke as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import nuke

from relumix_nuke import cache, frames
from relumix_nuke.cache import Folder, Hashes
from relumix_nuke.errors import CancelledError, RelumixError, named
from relumix_nuke.knobs import INPUTS, Request

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
    with node.parent():  # Nuke runs a group's buttons inside the group.
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
            _show_view(view)
            for other in [*nuke.selectedNodes(), *selected]:
                other.setSelected(other in selected)


def hashes_by_view(node: nuke.Node, request: Request) -> dict[str, Hashes]:
    """Return, by view, the `hash_now` of every input at each frame of the shot.

    Of the requested views if there is a viewer to show them, else of the current one alone. Moves the current frame
    and view.
    """
    found: dict[str, Hashes] = {}
    for view in request.views:
        _show_view(view)
        hashes = found.setdefault(nuke.thisView(), {name: {} for name in request.inputs})
        for frame in request.shot:
            nuke.frame(frame)
            for name in request.inputs:
                hashes[name][frame] = hash_now(node, name)
    return found


def hashes(node: nuke.Node, request: Request, by_view: dict[str, Hashes]) -> Hashes:
    """Return the hash of every input at the frames at which it is rendered: one for all requested views.

    by_view  what `hashes_by_view` returned, which is used where only one view is requested.

    It does not depend on the current view, nor on a GUI. Moves the current frame.
    """
    if len(request.views) == 1:
        (of_view,) = by_view.values()
        return {name: {frame: by[frame] for frame in request.frames_of(name)} for name, by in of_view.items()}
    found: Hashes = {name: {} for name in request.inputs}
    for name in request.inputs:
        with _in_each_view(node, name, request.views) as nodes:
            for frame in request.frames_of(name):
                nuke.frame(frame)
                found[name][frame] = _hash_of(nodes, name)
    return found


def hash_now(node: nuke.Node, name: str) -> str:
    """Return the hash of an input at the current frame and view: it changes with any pixel upstream.

    Taken from a node inside the group that reads the input alone, since the connected node may have no hash of its own
    (Dot, FrameHold).
    """
    inside = cast(nuke.Group, node).node(f"{name}Hash")
    if inside is None:
        raise RelumixError(f"{node.fullName()} has no node {name}Hash inside: make a new Relumix node")
    return _hash_of([inside], name)


def render(node: nuke.Node, request: Request, folder: Folder) -> None:
    """Render every frame of every input that the folder lacks. Raises RelumixError, CancelledError."""
    for name in request.inputs:
        missing = [
            frame
            for frame in request.frames_of(name)
            if not all(folder.file(name, view, frame).exists() for view in request.views)
        ]
        if missing:
            files = [(name, view, frame) for frame in missing for view in request.views]
            with cache.rendering(folder, files) as parts, _write(node, name, request, parts) as write:
                for first, last in frames.runs(missing):
                    _execute(write, first, last, name, request.views)


@contextmanager
def _write(node: nuke.Node, name: str, request: Request, folder: Folder) -> Iterator[nuke.Node]:
    """A Write behind an input of the node, there as long as it is needed."""
    upstream = node.input(INPUTS.index(name))
    assert upstream is not None
    write = nuke.nodes.Write(file_type="exr")
    try:
        write.setInput(0, upstream)
        write["file"].setValue(folder.pattern(name, "%V"))
        write["datatype"].setValue(_DATATYPES[request.settings.bits])
        write["channels"].setValue(_channels(upstream, name))
        write["raw"].setValue(True)
        write["views"].setValue(" ".join(request.views))
        yield write
    finally:
        nuke.delete(write)


def _hash_of(nodes: list[nuke.Node], name: str) -> str:
    with named(name):
        for each in nodes:
            each.forceValidate()
        of_nodes = [sorted(each.opHashes()) for each in nodes]
    return hashlib.sha256(repr(of_nodes).encode()).hexdigest()[:16]


@contextmanager
def _in_each_view(node: nuke.Node, name: str, views: tuple[str, ...]) -> Iterator[list[nuke.Node]]:
    """Nodes that read an input, one a view.

    Nuke gives hashes of the current view alone, and without a GUI that cannot be changed: a OneView reaches each.
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


def _show_view(view: str) -> None:
    """Make a view the current one, if a viewer is open."""
    viewer = nuke.activeViewer() if nuke.GUI and nuke.thisView() != view else None
    if viewer:
        viewer.setView(view)


def _channels(upstream: nuke.Node, name: str) -> str:
    """The channels that the job needs; the plate's others pass through the node itself."""
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
