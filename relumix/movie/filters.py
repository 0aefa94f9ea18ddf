"""Frames through FFmpeg's filters: whole pictures of interlaced ones, and flags that say that frames are interlaced."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import av
from av.filter import Graph

_ORDERS = {"TOPFIRST": "tff", "BOTTOMFIRST": "bff"}
"""What FFmpeg's filters call the order of fields, by what expressions call it."""

_SHARE_OF_FIELDS = 0.75
"""Frames of a movie that show two times, of those that are looked at, before all are taken to."""


def deinterlaced(before: Any | None, frame: Any, after: Any | None, *, order: str = "") -> Any:
    """Return one whole picture of an interlaced av.VideoFrame, by FFmpeg's bwdif, which looks at its neighbours too.

    None stands for a neighbour that there is not. order: "tff" or "bff" says which field comes first, "" that the frame
    says it.
    """
    frames = [each for each in (before, frame, after) if each is not None]
    parity = f":parity={order}" if order else ""
    return _filtered(frames, ("bwdif", f"mode=send_frame:deint=all{parity}"))[0 if before is None else 1]


def field_order(frames: list[Any]) -> str:
    """Return which field comes first in frames that follow each other, by what they show: "tff" the upper, "bff".

    "" where they look whole, as also where nothing moves. By FFmpeg's idet; what frames say does not count.
    """
    for name, order in _ORDERS.items():
        steps = (("setfield", "mode=prog"), ("idet", ""), ("select", f"eq(interlace_type,{name})"))
        if len(_filtered(frames, *steps)) > _SHARE_OF_FIELDS * len(frames):
            return order
    return ""


def said_order(frame: Any) -> str:
    """Return which field an av.VideoFrame says comes first: "tff", "bff", or "" where it says that it is whole."""
    found = (order for name, order in _ORDERS.items() if _filtered([frame], ("select", f"eq(interlace_type,{name})")))
    return next(found, "")


def flagged_interlaced(frame: Any) -> Any:
    """Return an av.VideoFrame that says of itself that it holds two fields, the upper one first."""
    return _filtered([frame], ("setfield", "mode=tff"))[0]


def _filtered(frames: list[Any], *filters: tuple[str, str]) -> list[Any]:
    """Return what filters, each a name and its options, make of frames."""
    like, graph = frames[0], Graph()
    source = graph.add_buffer(width=like.width, height=like.height, format=like.format, time_base=like.time_base)
    steps = [source, *(graph.add(name, options) for name, options in filters), graph.add("buffersink")]
    for first, second in pairwise(steps):
        first.link_to(second)
    graph.configure()
    for frame in frames:
        graph.push(frame)
    graph.push(None)
    found: list[Any] = []
    while len(found) < len(frames):
        try:
            found.append(graph.pull())
        except (av.error.BlockingIOError, av.error.EOFError):
            break
    return found
