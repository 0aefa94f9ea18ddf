"""Renders a node's inputs to files, and leaves Nuke as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import nuke

from relumix_nuke import cache, frames, knobs
from relumix_nuke.cache import Folder
from relumix_nuke.errors import CancelledError, RelumixError, named, writing
from relumix_nuke.hashes import limited
from relumix_nuke.knobs import INPUTS, Request

_DATATYPES = {"half": "16 bit half", "float": "32 bit float"}

_CALLBACKS = (
    *("beforeRender", "beforeFrameRender", "afterFrameRender", "afterRender", "renderProgress"),
    *("onCreate", "onDestroy", "knobChanged", "updateUI", "autolabel"),
)
"""Knobs that hold Python, which a studio may have given every Write."""

_NEEDED = {"raw": True, "compression": "Zip (1 scanline)", "use_limit": False, "reading": False, "disable": False}
_WHERE_THERE = {
    "autocrop": False,
    "interleave": "channels, layers and views",
    "metadata": "no metadata",
    "standard_layer_name_format": False,
    "write_full_layer_names": False,
    "premultiplied": False,
    "create_directories": False,
}
"""Knobs of a Write that decide what is in the file, against the defaults of a studio."""


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
    with node.parent():  # Nuke runs a group's buttons inside the group.
        proxy, frame = nuke.root()["proxy"], nuke.frame()
        was_proxy = proxy.value()
        # In an edition that lets Python touch ten nodes, the selected ones may be too many.
        selected = [] if limited() else nuke.selectedNodes()
        try:
            if was_proxy:
                proxy.setValue(False)
            yield
        finally:
            if was_proxy:
                proxy.setValue(True)
            if nuke.frame() != frame:
                nuke.frame(frame)
            for other in [] if limited() else [*nuke.selectedNodes(), *selected]:
                other.setSelected(other in selected)


def render(node: nuke.Node, request: Request, folder: Folder) -> None:
    """Render every frame of every input that the folder lacks. Raises RelumixError, CancelledError."""
    lacking = {name: _missing(name, request, folder) for name in request.inputs}
    if not any(lacking.values()):
        return
    with ExitStack() as made:
        chosen = _Chosen(node, made)
        write = made.enter_context(_temporary(nuke.nodes.Write, file_type="exr"))
        for name, missing in lacking.items():
            files = [(name, view, frame) for frame in missing for view in request.views]
            upstream = node.input(INPUTS.index(name))
            if not files or upstream is None:
                continue
            seen, channels = chosen.of(upstream, name)
            with cache.rendering(folder, files) as parts:
                write.setInput(0, seen)
                _set_up(write, parts.pattern(name, "%V"), request.settings.bits, request.views, channels)
                for first, last in frames.runs(missing):
                    _execute(write, first, last, name, request.views)


def one_frame(upstream: nuke.Node, path: Path, channels: str, name: str, frame: int) -> None:
    """Render a frame of a node in the view that is looked at, in 32 bit float: complete or not at all.

    name  of what it is, for errors.

    Raises RelumixError, CancelledError.
    """
    part = path.with_name(f"rendering.{cache.process()}.{path.name}")
    views = (nuke.thisView(),)
    try:
        with _temporary(nuke.nodes.Write, file_type="exr") as write:
            write.setInput(0, upstream)
            _set_up(write, part.as_posix(), "float", views, channels)
            _execute(write, frame, frame, name, views)
        with writing(path, "picture"):
            cache.replace(part, path)
    finally:
        with suppress(OSError):
            part.unlink()


def _missing(name: str, request: Request, folder: Folder) -> list[int]:
    return [
        frame
        for frame in request.frames_of(name)
        if not all(folder.file(name, view, frame).exists() for view in request.views)
    ]


@contextmanager
def _temporary(make: object, **values: object) -> Iterator[nuke.Node]:
    """A node that is there as long as it is needed."""
    made: nuke.Node = make(**values)  # type: ignore[operator]
    try:
        yield made
    finally:
        nuke.delete(made)


def _set_up(write: nuke.Node, pattern: str, bits: str, views: tuple[str, ...], channels: str) -> None:
    """Say all that decides what a Write does: what is not said is as the studio's defaults have it."""
    write["file"].setValue(pattern)
    for name, value in {**_NEEDED, "datatype": _DATATYPES[bits], "channels": channels}.items():
        write[name].setValue(value)
    for name, value in _WHERE_THERE.items():
        if (knob := write.knob(name)) is not None:
            with suppress(TypeError, ValueError):  # Knobs and choices come and go with versions of Nuke.
                knob.setValue(value)
    for name in _CALLBACKS:
        if (knob := write.knob(name)) is not None and knob.value():
            knob.setValue("")
    write["views"].setValue(" ".join(views))


class _Chosen:
    """What is rendered of each input: a node that shows it in rgb or alpha, and its channels."""

    def __init__(self, node: nuke.Node, made: ExitStack) -> None:
        """made  deletes the nodes that this takes, at its end."""
        self._node, self._made = node, made
        self._copy: nuke.Node | None = None

    def of(self, upstream: nuke.Node, name: str) -> tuple[nuke.Node, str]:
        """Return it; the plate's other channels pass through the node itself. Raises RelumixError."""
        with named(name):
            channels = upstream.channels()
        if name == "Mask":
            return self._mask(upstream, channels)
        layer, written = knobs.layer(self._node), "rgba" if "rgba.alpha" in channels else "rgb"
        if layer == "rgba" or (name == "Reference" and f"{layer}.red" not in channels):
            return upstream, written
        return self._as_rgb(upstream, layer, channels), written

    def _as_rgb(self, upstream: nuke.Node, layer: str, channels: list[str]) -> nuke.Node:
        if f"{layer}.red" not in channels:
            layers = sorted({each.split(".")[0] for each in channels})
            raise RelumixError(f"Source has no layer {layer}, it has {', '.join(layers)}: choose another as layer")
        # One for both inputs: an edition of Nuke lets Python touch ten nodes.
        self._copy = self._copy or self._made.enter_context(_temporary(nuke.nodes.Copy, disable=False))
        for number, channel in enumerate(("red", "green", "blue")):
            self._copy[f"from{number}"].setValue(f"{layer}.{channel}")
            self._copy[f"to{number}"].setValue(f"rgba.{channel}")
            self._copy.setInput(number % 2, upstream)
        return self._copy

    def _mask(self, upstream: nuke.Node, channels: list[str]) -> tuple[nuke.Node, str]:
        wanted = str(self._node["mask_channel"].value())
        if wanted not in channels:
            wanted = _only_channel(wanted, channels)
        if not self._node["mask_invert"].value():
            return upstream, wanted
        # On the pixels of Source: a matte that is smaller has nothing to invert outside.
        source = self._node.input(INPUTS.index("Source"))
        pair = {"from0": wanted, "to0": "rgba.alpha", "inputs": [source, upstream], "disable": False}
        copied = self._made.enter_context(_temporary(nuke.nodes.Copy, **pair))
        values = {"inputs": [copied], "channels": "rgba.alpha", "clamp": False, "disable": False}
        return self._made.enter_context(_temporary(nuke.nodes.Invert, **values)), "rgba.alpha"


def _only_channel(wanted: str, channels: list[str]) -> str:
    """The channel of a matte that lacks the one that is asked for: its red where nobody has chosen."""
    if wanted == "rgba.alpha" and "rgba.red" in channels:
        return "rgba.red"
    raise RelumixError(
        f"Mask has no channel {wanted}, it has {', '.join(channels) or 'none'}: choose another as mask channel"
    )


def _execute(write: nuke.Node, first: int, last: int, name: str, views: tuple[str, ...]) -> None:
    try:
        nuke.execute(write, first, last, 1, list(views))
    except nuke.CancelledError:
        raise CancelledError("cancelled while the inputs were rendered") from None
    except RuntimeError as error:
        if "cancel" in str(error).lower():
            raise CancelledError("cancelled while the inputs were rendered") from None
        raise RelumixError(f"{name} cannot be rendered at {frames.text(range(first, last + 1))}: {error}") from error
