"""The buttons of the reference frames: what an artist does with the frames at which the Reference is as wanted."""

from __future__ import annotations

import nuke

from relumix_nuke import frames, knobs
from relumix_nuke.errors import RelumixError


def put(node: nuke.Node) -> None:
    """Make the current frame the only reference frame."""
    _write(node, [nuke.frame()])


def add(node: nuke.Node) -> None:
    """Add the current frame. Raises RelumixError where the knob cannot be read."""
    _write(node, [*knobs.reference_frames(node), nuke.frame()])


def delete(node: nuke.Node) -> None:
    """Take the current frame out. Raises RelumixError where it is none of them."""
    now, before = nuke.frame(), knobs.reference_frames(node)
    if now not in before:
        raise RelumixError(f"frame {now} is no reference frame{_which(before)}")
    _write(node, [frame for frame in before if frame != now])


def previous(node: nuke.Node) -> None:
    """Go to the reference frame before the current one. Raises RelumixError where there is none."""
    _go([frame for frame in knobs.reference_frames(node) if frame < nuke.frame()][-1:], node, "before")


def following(node: nuke.Node) -> None:
    """Go to the reference frame after the current one. Raises RelumixError where there is none."""
    _go([frame for frame in knobs.reference_frames(node) if frame > nuke.frame()][:1], node, "after")


def _go(to: list[int], node: nuke.Node, side: str) -> None:
    if not to:
        which = _which(knobs.reference_frames(node))
        raise RelumixError(f"there is no reference frame {side} {nuke.frame()}{which}")
    nuke.frame(to[0])


def _which(among: list[int]) -> str:
    return f": they are {frames.text(among)}" if among else ": none is written, so the first of the frame range is"


def _write(node: nuke.Node, wanted: list[int]) -> None:
    """One by one: 1001-1003 is a range to type, 1001, 1002, 1003 is a list to add to."""
    node["reference_frames"].setValue(", ".join(map(str, sorted(set(wanted)))))
