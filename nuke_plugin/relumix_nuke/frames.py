"""Lists of frames, between the text of a knob and the numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from relumix_nuke.errors import RelumixError

_PART = re.compile(r"(-?\d+)(?:-(-?\d+)(?:x([1-9]\d*))?)?")


def parse(text: str, knob: str) -> list[int]:
    """Return the frames of "1001-1100x2, 1200", ascending, each once; an empty text has none.

    Blanks around a dash do not matter, as in `relumix relight --frames`. Raises RelumixError, with the name of the
    knob, where a part is not a frame or a range.
    """
    found: set[int] = set()
    for part in re.sub(r"(?<=\d)\s*-\s*(?=\d)|\s+-\s+", "-", text).replace(",", " ").split():
        match = _PART.fullmatch(part)
        if match is None:
            raise RelumixError(f"{knob} has '{part}': expected frames and ranges, such as 1001, 1010-1060x10")
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        if last < first:
            raise RelumixError(f"{knob} has the range {part}, which is empty: write {last}-{first}")
        found.update(range(first, last + 1, step))
    return sorted(found)


def runs(frames: Iterable[int]) -> list[tuple[int, int]]:
    """Return (first, last) of every run of consecutive frames, ascending."""
    found: list[tuple[int, int]] = []
    for frame in sorted(set(frames)):
        if found and frame == found[-1][1] + 1:
            found[-1] = (found[-1][0], frame)
        else:
            found.append((frame, frame))
    return found


def text(frames: Iterable[int]) -> str:
    """Return frames as Nuke and relumix write them: "1001-1100,1200"."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs(frames))


def expression(frames: Iterable[int]) -> str:
    """Return a Nuke expression that is 1 on these frames and 0 elsewhere; half frames count as the nearest."""
    return "||".join(f"(frame>={first - 0.5}&&frame<{last + 0.5})" for first, last in runs(frames)) or "0"


def nearest(frames: Iterable[int]) -> str:
    """Return a Nuke expression for that of these frames which is nearest; of two, the earlier."""
    found, before = "", None
    for first, last in reversed(runs(frames)):
        inside = f"min(max(rint(frame),{first}),{last})"
        found = inside if before is None else f"(frame-{last}<={before}-frame?{inside}:{found})"
        before = first
    return found or "0"
