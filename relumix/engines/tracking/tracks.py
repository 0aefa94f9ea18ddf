"""Following every frame of a window to a reference, over the keyframes between them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from relumix.engines.base import Keyframe
from relumix.engines.tracking.correspondence import Track, View, follow, stay, step
from relumix.gain.proxy import ProxyFrame, ProxyReference

_KEYFRAMES_KEPT = 4


class Tracker:
    """Tracks of one shot. It remembers those of the last few keyframes, nothing else."""

    def __init__(self) -> None:
        self._keyframes: OrderedDict[tuple[int, ...], Track] = OrderedDict()

    def tracks(
        self,
        reference: ProxyReference,
        root: View,
        keyframe_path: Sequence[Keyframe],
        frames: Sequence[ProxyFrame],
        views: Sequence[View],
        steps: Sequence[Track],
    ) -> list[Track]:
        """Return each frame's track to the reference: outwards from it, over the keyframes, then frame by frame.

        frames, views  of the window; steps: from each but the first to the one before.
        """
        tracks = [stay(root)] * len(frames)
        later = [i for i, frame in enumerate(frames) if frame.frame >= reference.frame]
        sooner = [i for i, frame in enumerate(frames) if frame.frame < reference.frame][::-1]
        for side in (later, sooner):
            if not side:
                continue
            keyframes = [
                s
                for s in keyframe_path
                if (s.frame > reference.frame) == (side is later) and s.frame != reference.frame
            ]
            track, last = self._walk(reference.frame, root, keyframes)
            moved = step(views[side[0]], last)
            for i, following in zip(side, [*side[1:], None], strict=True):
                tracks[i] = track = follow(moved, track, views[i], root)
                if following is not None:
                    moved = steps[i] if following > i else steps[following].reversed()
        return tracks

    def _walk(self, start: int, root: View, keyframes: Sequence[Keyframe]) -> tuple[Track, View]:
        """The track of the last keyframe (the reference itself where there are none), and its view.

        It begins at the farthest keyframe whose track is still known, so that no window walks the shot again.
        """
        way = (start, *(keyframe.frame for keyframe in keyframes))
        known = next((i for i in range(len(keyframes), 0, -1) if way[: i + 1] in self._keyframes), 0)
        track, last = stay(root), root
        if known and (frame := keyframes[known - 1].read()):
            track, last = self._keyframes[way[: known + 1]], View.of(frame)
            self._keyframes.move_to_end(way[: known + 1])
        for i, keyframe in enumerate(keyframes[known:], known + 1):
            if frame := keyframe.read():
                view = View.of(frame)
                track, last = follow(step(view, last), track, view, root), view
                self._keyframes[way[: i + 1]] = track
        while len(self._keyframes) > _KEYFRAMES_KEPT:
            self._keyframes.popitem(last=False)
        return track, last
