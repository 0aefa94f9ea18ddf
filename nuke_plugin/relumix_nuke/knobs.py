"""The knobs of a Relumix node: what the artist asks for, and what the node shows."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import cast

import nuke

from relumix_nuke import frames
from relumix_nuke.errors import RelumixError, named

INPUTS = ("Source", "Reference", "Mask")
"""The inputs of the node, in their order."""

_NOT_RELIT = "not relit yet"
_BITS = {"EXR 16 bit half": "half", "EXR 32 bit float": "float"}


@dataclass(frozen=True)
class RenderSettings:
    """Settings that frames are made with, besides the inputs. Other settings go to another folder of the cache."""

    engine: str
    work_size: int
    bits: str
    compression: str
    options: str
    mask: str
    layer: str

    @classmethod
    def of(cls, node: nuke.Node) -> RenderSettings:
        """Read the knobs of a node."""
        return cls(
            engine=node["engine"].value(),
            work_size=int(node["work_size"].value()),
            bits=_BITS[node["bits"].value()],
            compression=node["compression"].value(),
            options=str(node["options"].value() or "").strip(),
            mask=mask_of(node),
            layer=layer(node),
        )

    def asdict(self) -> dict[str, str | int]:
        """Return every part by name, fit for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Request:
    """What the artist asks for.

    frames      to relight, ascending.
    references  frames of the Reference, ascending.
    settings    how frames are relit and written.
    device      where the engine runs; None: as it sees fit.
    server      HOST:PORT, or several with commas between them; None: this machine.
    views       to relight.
    inputs      names of the inputs that something is connected to.
    options     further options of the command, passed as written.
    """

    frames: tuple[int, ...]
    references: tuple[int, ...]
    settings: RenderSettings
    device: str | None
    server: str | None
    views: tuple[str, ...]
    inputs: tuple[str, ...]
    options: tuple[str, ...]

    @classmethod
    def of(cls, node: nuke.Node) -> Request:
        """Read the knobs and inputs of a node. Raises RelumixError where they do not fit together."""
        source = _checked_source(node)
        wanted = _frames(node, source)
        references = reference_frames(node) or wanted[:1]
        known = {*wanted, *range(source.firstFrame(), source.lastFrame() + 1)}
        if outside := [frame for frame in references if frame not in known]:
            raise RelumixError(
                f"reference frame {outside[0]} is not in the shot, which has {frames.text(known)}: "
                "correct the reference frames"
            )
        settings = RenderSettings.of(node)
        return cls(
            frames=tuple(wanted),
            references=tuple(references),
            settings=settings,
            device=None if (device := str(node["device"].value())) == "auto" else device,
            server=_server(node),
            views=_views(node),
            inputs=connected(node),
            options=words(settings.options, "more options"),
        )

    @property
    def shot(self) -> range:
        """The frames of Source that are rendered: no gaps, since light is followed from one frame to the next."""
        both = (*self.frames, *self.references)
        return range(min(both), max(both) + 1)

    def frames_of(self, name: str) -> tuple[int, ...]:
        """Return the frames at which an input is rendered."""
        return {"Source": tuple(self.shot), "Reference": self.references, "Mask": self.frames}[name]


def is_ours(node: nuke.Node) -> bool:
    """Tell whether a node is a Relumix: the gizmo, or the group that is the same without one."""
    return node.Class() == "Relumix" or (node.Class() == "Group" and node.knob("not_relit") is not None)


def text(node: nuke.Node, name: str) -> str:
    """Return what a knob says, with expressions and variables in it evaluated."""
    knob = node[name]
    found = knob.evaluate() if hasattr(knob, "evaluate") else knob.value()
    return os.path.expandvars(str(found or "")).strip()


def path(node: nuke.Node, name: str) -> str:
    """Return the path that a knob says, on this machine: as the studio's file name filters translate it."""
    written = text(node, name)
    translated: Callable[[str], str | None] = nuke.filenameFilter
    return str(translated(written) or written) if written else ""


def layer(node: nuke.Node) -> str:
    """Return the layer that is relit: "rgba" for the main one."""
    chosen = str(node["layer"].value()).split(".")[0]
    return "rgba" if chosen in ("rgb", "rgba", "none", "all", "") else chosen


def mask_of(node: nuke.Node) -> str:
    """Return what of the Mask input counts: its channel, and whether it is inverted; nothing where there is none."""
    if node.input(INPUTS.index("Mask")) is None:
        return ""
    return f"{node['mask_channel'].value()}{' inverted' if node['mask_invert'].value() else ''}"


def connected(node: nuke.Node) -> tuple[str, ...]:
    """Return the names of the inputs that something is connected to."""
    return tuple(name for number, name in enumerate(INPUTS) if node.input(number))


def reference_frames(node: nuke.Node) -> list[int]:
    """Return the reference frames as written; none stand for the first frame. Raises RelumixError."""
    return frames.parse(text(node, "reference_frames"), "reference frames")


def words(text: str, knob: str) -> tuple[str, ...]:
    r"""Return the words of a command line. Quotes keep spaces; a backslash is one, as in C:\studio\token.

    Raises RelumixError, with the name of the knob, where a quote is not closed.
    """
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    try:
        return tuple(lexer)
    except ValueError as error:
        raise RelumixError(f"{knob} cannot be read, as {text}: {str(error).lower()}") from error


@contextmanager
def not_undoable() -> Iterator[None]:
    """Leave what is done out of what Undo takes back."""
    nuke.Undo.disable()
    try:
        yield
    finally:
        nuke.Undo.enable()


def show(node: nuke.Node, status: str, arrived: Iterable[int] = ()) -> None:
    """Show a sentence in the status line, and add frames that have arrived in the folder. Not undoable."""
    with not_undoable():
        before = frames.parse(node["arrived"].value(), "arrived")
        if new := set(arrived).difference(before):
            _set_arrived(node, new.union(before))
        if node["status"].value() != status:
            node["status"].setValue(status)


def show_checked(node: nuke.Node, verdict: str) -> None:
    """Let the label say what a check has found: "stale", "unknown", or nothing. Not undoable."""
    if node["checked"].value() != verdict:
        with not_undoable():
            node["checked"].setValue(verdict)


def show_folder(node: nuke.Node, folder: str, shot: range, layer: str) -> None:
    """Point the node at a folder of the cache with frames of a layer. Undoable: undo brings the former result back.

    Where it is another folder than before, the node passes the plate until frames arrive.
    """
    if folder != node["folder"].value():
        node["folder"].setValue(folder)
        _set_arrived(node, ())
    node["result_first"].setValue(shot.start)
    node["result_last"].setValue(shot.stop - 1)
    if layer != (node["result_layer"].value() or "rgba"):
        node["result_layer"].setValue(layer)
        show_layer(node)


def show_layer(node: nuke.Node) -> None:
    """Let the nodes inside take from Source, and put into it, the layer that was relit. A gizmo does not keep it."""
    shown = str(node["result_layer"].value() or "rgba")
    for name, end in (("FromLayer", "from"), ("ToLayer", "to")):
        inside = cast("nuke.Group", node).node(name)
        for number, channel in enumerate(("red", "green", "blue")):
            if inside is not None:
                inside[f"{end}{number}"].setValue(f"{shown}.{channel}")


def show_nothing(node: nuke.Node) -> None:
    """Let the node pass the plate, as before it was ever relit. Not undoable."""
    with not_undoable():
        node["folder"].setValue("")
        node["checked"].setValue("")
        _set_arrived(node, ())
        node["status"].setValue(_NOT_RELIT)


def _set_arrived(node: nuke.Node, arrived: Iterable[int]) -> None:
    arrived = sorted(arrived)
    node["arrived"].setValue(frames.text(arrived))
    node["ready"].setExpression(frames.expression(arrived))
    node["nearest"].setExpression(frames.nearest(arrived))
    node["arrived_count"].setValue(len(arrived))


def _checked_source(node: nuke.Node) -> nuke.Node:
    """Return the node that Source is connected to. Raises RelumixError where an input is missing or of another size."""
    source, sizes = None, {}
    for number, name in enumerate(INPUTS):
        upstream = node.input(number)
        if upstream is None:
            if name != "Mask":
                what = "the plate" if name == "Source" else "the plate as you relit it"
                raise RelumixError(f"{name} is not connected: connect {what}")
            continue
        source = source or upstream
        with named(name):
            size = upstream.format()
        sizes[name] = f"{size.width()}x{size.height()}"
        if sizes[name] != sizes["Source"]:
            raise RelumixError(f"{name} is {sizes[name]}, but Source is {sizes['Source']}: expected the same format")
    assert source is not None
    return source


def _frames(node: nuke.Node, source: nuke.Node) -> list[int]:
    kind = node["range"].value()
    if kind == "custom":
        wanted = frames.parse(text(node, "frames"), "frame range")
        if not wanted:
            raise RelumixError("frame range is custom but empty: write frames beside it, such as 1001-1100")
        return wanted
    ends = source if kind == "input" else nuke.root()
    first, last = ends.firstFrame(), ends.lastFrame()
    if last < first:
        raise RelumixError(f"frame range {first}-{last} is empty: correct it, or choose custom and write frames")
    return list(range(first, last + 1))


def _server(node: nuke.Node) -> str | None:
    if node["where"].value() != "server":
        return None
    # Not evaluated: [::1]:50051 is an address.
    address = str(node["server"].value() or "").strip()
    if not address:
        raise RelumixError("no server is named: write HOST:PORT beside where, or choose this machine")
    return address


def _views(node: nuke.Node) -> tuple[str, ...]:
    return tuple(nuke.views()) if node["views"].value() == "all" else (nuke.thisView(),)
