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
    """Work at full size beside a node, and put proxy mode, the current frame and the selection back."""
    with node.parent():  # A button of a group is run inside of it.
        proxy, frame, selected = nuke.root()["proxy"], nuke.frame(), nuke.selectedNodes()
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
            for other in [*nuke.selectedNodes(), *selected]:
                other.setSelected(other in selected)


def hashes(node: nuke.Node, order: Order) -> Hashes:
    """Return the hash of every input at each frame of the shot. It moves the current frame."""
    found: Hashes = {name: {} for name in order.inputs}
    for frame in order.shot:
        nuke.frame(frame)
        for name in order.inputs:
            found[name][frame] = hash_now(node, name)
    return found


def hash_now(node: nuke.Node, name: str) -> str:
    """Return the hash of an input at the current frame: it changes with any pixel upstream.

    It is that of a node inside, which looks at the input alone: what is connected may be one that has no hash of its
    own, such as a Dot or a FrameHold.
    """
    inside = cast(nuke.Group, node).node(f"{name}Hash")
    if inside is None:
        raise RelumixError(f"{node.fullName()} has no node {name}Hash inside: make a new Relumix node")
    with named(name):
        inside.forceValidate()
        return hashlib.sha256(repr(sorted(inside.opHashes())).encode()).hexdigest()[:16]


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
