"""Frames through FFmpeg's filters: whole pictures of interlaced ones, and flags that say that frames are interlaced."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import av
from av.filter import Graph


def deinterlaced(before: Any | None, frame: Any, after: Any | None) -> Any:
    """Return one whole picture of an interlaced av.VideoFrame, by FFmpeg's bwdif, which looks at its neighbours too.

    None stands for a neighbour that there is not.
    """
    frames = [each for each in (before, frame, after) if each is not None]
    return _filtered(frames, "bwdif", "mode=send_frame:deint=all")[0 if before is None else 1]


def flagged_interlaced(frame: Any) -> Any:
    """Return an av.VideoFrame that says of itself that it holds two fields, the upper one first."""
    return _filtered([frame], "setfield", "mode=tff")[0]


def _filtered(frames: list[Any], name: str, options: str) -> list[Any]:
    """Return what a filter makes of frames, one for each."""
    like, graph = frames[0], Graph()
    source = graph.add_buffer(width=like.width, height=like.height, format=like.format, time_base=like.time_base)
    steps = [source, graph.add(name, options), graph.add("buffersink")]
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
