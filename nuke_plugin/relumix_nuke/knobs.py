"""The knobs of a Relumix node: what the artist asks for, and what the node shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import cast

import nuke

from relumix_nuke import frames
from relumix_nuke.errors import RelumixError

INPUTS = ("Source", "Reference", "Mask")
"""The inputs of the node, in their order; inside it, each has a node of that name and "Hash" whose hash is its own."""

_BITS = {"EXR 16 bit half": "half", "EXR 32 bit float": "float"}


@dataclass(frozen=True)
class Look:
    """What decides the light, beside the inputs. Another look is another folder of the cache."""

    engine: str
    work_size: int
    bits: str
    compression: str

    @classmethod
    def of(cls, node: nuke.Node) -> Look:
        """Read the knobs of a node."""
        return cls(
            engine=node["engine"].value(),
            work_size=int(node["work_size"].value()),
            bits=_BITS[node["bits"].value()],
            compression=node["compression"].value(),
        )

    def asdict(self) -> dict[str, str | int]:
        """Return every part by name, fit for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Order:
    """What the artist asks for.

    frames      to relight, ascending.
    references  frames at which the Reference is looked at, ascending.
    shot        frames of Source that are rendered: from the first to the last of both, since light is followed from one
                frame to the next.
    server      HOST:PORT, or several with commas between them; None: this machine.
    views       to relight.
    """

    frames: tuple[int, ...]
    references: tuple[int, ...]
    look: Look
    server: str | None
    views: tuple[str, ...]

    @property
    def shot(self) -> range:
        """The frames of Source that the job needs."""
        both = (*self.frames, *self.references)
        return range(min(both), max(both) + 1)

    @classmethod
    def of(cls, node: nuke.Node) -> Order:
        """Read the knobs and inputs of a node. Raises RelumixError where they ask for nothing that can be done."""
        source, _ = (_connected(node, name) for name in ("Source", "Reference"))
        _same_format(node)
        wanted = _frames(node, source)
        references = frames.parse(node["reference_frames"].value(), "reference frames") or wanted[:1]
        known = {*wanted, *range(source.firstFrame(), source.lastFrame() + 1)}
        if outside := [frame for frame in references if frame not in known]:
            raise RelumixError(
                f"reference frame {outside[0]} is not in the shot, which has {frames.text(known)}: "
                "correct the reference frames"
            )
        return cls(tuple(wanted), tuple(references), Look.of(node), _server(node), _views(node))


def connected(node: nuke.Node) -> tuple[str, ...]:
    """Return the names of the inputs that something is connected to."""
    return tuple(name for number, name in enumerate(INPUTS) if node.input(number))


def show(node: nuke.Node, status: str) -> None:
    """Show a sentence in the node's status line. Not undoable. On the main thread."""
    _change(node, {"status": status})


def show_folder(node: nuke.Node, folder: str, shot: range) -> None:
    """Point the node at a folder of the cache: undoable, so that undo brings the former result back.

    Where it is another folder than before, the node passes the plate until frames arrive.
    """
    if folder != node["folder"].value():
        node["folder"].setValue(folder)
        _arrived(node, ())
    node["result_first"].setValue(shot.start)
    node["result_last"].setValue(shot.stop - 1)


def show_arrived(node: nuke.Node, arrived: Iterable[int], status: str) -> None:
    """Show frames that are in the folder, beside those that were. Not undoable. On the main thread."""
    nuke.Undo.disable()
    try:
        before = node["arrived"].value()
        now = frames.text({*frames.parse(before, "arrived"), *arrived})
        if now != before:
            _arrived(node, frames.parse(now, "arrived"))
        node["status"].setValue(status)
    finally:
        nuke.Undo.enable()
