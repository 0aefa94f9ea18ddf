"""The scenes of a shot: what lies between its cuts."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from relumix.errors import InputError


@dataclass(frozen=True)
class Scenes:
    """The scenes of a shot. Light crosses no cut: each scene takes it from its own references.

    references  frames with a relit version, ascending.
    cuts        the first frame of each scene but the first, ascending.
    """

    references: tuple[int, ...]
    cuts: tuple[int, ...] = ()

    def split(self, frames: Sequence[int]) -> list[Sequence[int]]:
        """Return the frames, ascending, of each scene that has any."""
        edges = [0, *(bisect_left(frames, cut) for cut in self.cuts), len(frames)]
        return [frames[a:b] for a, b in pairwise(edges) if a < b]

    def around(self, frame: int) -> tuple[int | None, int | None] | None:
        """Return the cuts that a frame's scene begins and ends with; None where the shot has none."""
        at = bisect_right(self.cuts, frame)
        ends = (self.cuts[at - 1] if at else None), (self.cuts[at] if at < len(self.cuts) else None)
        return ends if self.cuts else None

    def lit_from(self, frame: int) -> tuple[int, ...]:
        """Return the references of a frame's scene, ascending."""
        at = bisect_right(self.cuts, frame)
        first = bisect_left(self.references, self.cuts[at - 1]) if at else 0
        last = bisect_left(self.references, self.cuts[at]) if at < len(self.cuts) else len(self.references)
        return self.references[first:last]

    def unlit(self, frames: Sequence[int]) -> list[Sequence[int]]:
        """Return those of the frames, ascending, whose scene has no reference, by scene."""
        return [scene for scene in self.split(frames) if not self.lit_from(scene[0])]


def refuse_unlit(frames: Sequence[int], scenes: Scenes, wanted: Sequence[int], unlit: str) -> tuple[str, ...]:
    """Return warnings about wanted frames of a shot whose scene has no reference, which stay the plate.

    unlit  as in Settings. Raises InputError where it is "error" and there are such frames.
    """
    asked, told = set(wanted), []
    for scene in scenes.unlit(frames):
        if not asked.intersection(scene):
            continue
        one = len(scene) == 1
        named = f"frame {scene[0]} is" if one else f"frames {scene[0]} to {scene[-1]} are"
        if unlit == "error":
            raise InputError(
                f"{named} a scene without a reference: give one, like -r {scene[0]}=FILE, leave "
                f"{'it' if one else 'them'} as the plate with --unlit plate, or say where scenes begin with --cuts"
            )
        told.append(f"{named} left as the plate: the scene has no reference")
    return tuple(told)
