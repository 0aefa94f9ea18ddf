"""Following every frame of a window to a reference, over the stepping stones between them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from relumix.engines.base import Stone, WorkingFrame, WorkingReference
from relumix.engines.flow.correspondence import Track, View, follow, stay, step

_STONES_KEPT = 4


class Tracker:
    """Tracks of one shot. It remembers those of the last few stepping stones, nothing else."""

    def __init__(self) -> None:
        self._stones: OrderedDict[tuple[int, ...], Track] = OrderedDict()

    def tracks(
        self,
        reference: WorkingReference,
        root: View,
        approach: Sequence[Stone],
        frames: Sequence[WorkingFrame],
        views: Sequence[View],
        steps: Sequence[Track],
    ) -> list[Track]:
        """Return each frame's track to the reference: outwards from it, over the stepping stones, then frame by frame.

        frames, views  of the window; steps: from each but the first to the one before.
        """
        tracks = [stay(root)] * len(frames)
        later = [i for i, frame in enumerate(frames) if frame.frame >= reference.frame]
        sooner = [i for i, frame in enumerate(frames) if frame.frame < reference.frame][::-1]
        for side in (later, sooner):
            if not side:
                continue
            stones = [
                s for s in approach if (s.frame > reference.frame) == (side is later) and s.frame != reference.frame
            ]
            track, last = self._walk(reference.frame, root, stones)
            moved = step(views[side[0]], last)
            for i, following in zip(side, [*side[1:], None], strict=True):
                tracks[i] = track = follow(moved, track, views[i], root)
                if following is not None:
                    moved = steps[i] if following > i else steps[following].reversed()
        return tracks

    def _walk(self, start: int, root: View, stones: Sequence[Stone]) -> tuple[Track, View]:
        """The track of the last stepping stone (the reference itself where there are none), and its view.

        It begins at the farthest stone whose track is still known, so that a shot is not walked again for each window.
        """
        way = (start, *(stone.frame for stone in stones))
        known = next((i for i in range(len(stones), 0, -1) if way[: i + 1] in self._stones), 0)
        track, last = stay(root), root
        if known and (frame := stones[known - 1].read()):
            track, last = self._stones[way[: known + 1]], View.of(frame)
            self._stones.move_to_end(way[: known + 1])
        for i, stone in enumerate(stones[known:], known + 1):
            if frame := stone.read():
                view = View.of(frame)
                track, last = follow(step(view, last), track, view, root), view
                self._stones[way[: i + 1]] = track
        while len(self._stones) > _STONES_KEPT:
            self._stones.popitem(last=False)
        return track, last
