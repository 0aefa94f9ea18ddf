"""Finds the cuts of a shot: where a frame shows another place than the one before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from relumix.errors import InputError
from relumix.shot.likeness import LIKE, UNLIKE, Edges, edges_of, is_noise, log_luminance, shift_between, shrunk
from relumix.shot.sequence import parse_frames
from relumix.types import Float32

LOOK_PX = 128
"""Least long edge at which frames are compared."""

AUTO, NONE = "auto", "none"


@dataclass(frozen=True)
class Look:
    """What of a frame is compared: its edges, and whether they are hardly more than noise."""

    edges: Edges
    noise: bool


_Seen = tuple[int, Look]
"""A frame, and its look."""


def given_cuts(text: str, frames: Sequence[int]) -> tuple[int, ...] | None:
    """Return the cuts that `Settings.cuts` names, ascending: none for "none", and None for "auto".

    Raises InputError for what is no list of frames, and for a cut that is not between the shot's frames.
    """
    if text in (AUTO, NONE):
        return None if text == AUTO else ()
    cuts = tuple(sorted(set(parse_frames(text))))
    for cut in cuts:
        if not frames[0] < cut <= frames[-1]:
            raise InputError(
                f"cuts has {cut}: expected first frames of scenes, from {frames[0] + 1} to {frames[-1]}, auto or none"
            )
    return cuts


def told_cuts(cuts: Sequence[int]) -> str:
    """Return a line for people about cuts that were found."""
    if len(cuts) == 1:
        return f"there is a cut before frame {cuts[0]}, which light does not cross (--cuts none if there is none)"
    listed = ", ".join(map(str, cuts))
    return f"there are cuts before frames {listed}, which light does not cross (--cuts none or a list if not so)"


def look_at(rgb: Float32) -> Look | None:
    """Return what of a picture [h, w, 3], scene-linear, is compared; None where it shows nothing."""
    values = log_luminance(shrunk(rgb, LOOK_PX))
    edges = edges_of(values)
    return None if edges is None else Look(edges, is_noise(values))


def find_cuts(looks: Iterable[tuple[int, Look | None]]) -> tuple[int, ...]:
    """Return the first frame of each scene but the first.

    looks  frame numbers, ascending, and their looks: None for a frame that shows nothing, or cannot be read.

    A cut is where two frames are unlike, the frames around them are unlike across it too, and those on either side are
    alike: so a flash, flicker, a fade, and a whip pan, of which no two frames are alike, are none. What shows nothing
    is looked past: frames of black belong to the scene before them.
    """
    seen = ((frame, look) for frame, look in looks if look is not None)
    return tuple(_cuts(seen))


def _cuts(looks: Iterator[_Seen]) -> Iterator[int]:
    around: deque[_Seen | None] = deque([None, None, None], maxlen=4)
    links: deque[float | None] = deque([None, None], maxlen=3)
    for look in chain(looks, (None,)):  # None: the frame behind the last
        links.append(_likeness(around[-1], look))
        around.append(look)
        if _is_cut(links, around) and (cut := around[2]):
            yield cut[0]


def _is_cut(links: Sequence[float | None], around: Sequence[_Seen | None]) -> bool:
    """Tell whether there is a cut in the middle of four frames; `links` is how like their neighbours they are."""
    before, here, after = links
    if here is None or here >= UNLIKE:
        return False
    sides = [side for side in (before, after) if side is not None]
    if not sides or min(sides) < LIKE:
        return False
    first, second, third, fourth = around
    if any(seen and seen[1].noise for seen in (second, third)):
        return False
    across = (_likeness(first, third), _likeness(second, fourth), _likeness(first, fourth))
    return all(likeness is None or likeness < UNLIKE for likeness in across)


def _likeness(one: _Seen | None, other: _Seen | None) -> float | None:
    """Return how far the correlation of two looks stands out; None where either is missing."""
    if one is None or other is None:
        return None
    return shift_between(one[1].edges, other[1].edges).peak
