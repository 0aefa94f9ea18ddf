"""Tracks every frame of a window to a reference, over the keyframes between them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from relumix.engines.base import Keyframe
from relumix.engines.tracking.correspondence import Track, extend_track, identity_track, track_neighbour
from relumix.engines.tracking.log_frame import LogFrame
from relumix.gain.proxy import ProxyFrame

_KEYFRAMES_KEPT = 8
"""How many keyframes' tracks are cached: windows come in order, so the next one needs the last few."""


@dataclass(frozen=True)
class WindowMotion:
    """The frames of a window, and the motion between them: the same for all references.

    frames  in ascending order.
    steps   one fewer: steps[i] is the track from frame i + 1 to frame i.
    """

    frames: Sequence[LogFrame]
    steps: Sequence[Track]

    @classmethod
    def of(cls, frames: Sequence[ProxyFrame]) -> WindowMotion:
        """Solve the motion of a window."""
        log_frames = [LogFrame.of(frame) for frame in frames]
        return cls(log_frames, [track_neighbour(frame, before) for before, frame in pairwise(log_frames)])


class Tracker:
    """Tracks of one shot. It caches those of the last few keyframes."""

    def __init__(self) -> None:
        # Keyed by the frame numbers of the whole path: a track depends on that alone, so a cached one equals a
        # new one, whichever windows came before.
        self._keyframes: OrderedDict[tuple[int, ...], Track] = OrderedDict()

    def tracks(
        self,
        reference: LogFrame,
        keyframe_path: Sequence[Keyframe],
        window: WindowMotion,
        on_track: Callable[[], None] = lambda: None,
    ) -> list[Track]:
        """Return each frame's track to the reference: outwards from it, over the keyframes, then frame by frame.

        on_track  is called after each.
        """
        tracks = [identity_track(reference)] * len(window.frames)
        numbers = [frame.frame for frame in window.frames]
        later = [i for i, number in enumerate(numbers) if number >= reference.frame]
        sooner = [i for i, number in enumerate(numbers) if number < reference.frame][::-1]
        for side in (later, sooner):
            if not side:
                continue
            keyframes = [k for k in keyframe_path if (k.frame > reference.frame) == (side is later)]
            track, last = self._walk(reference, [k for k in keyframes if k.frame != reference.frame])
            step = track_neighbour(window.frames[side[0]], last)
            for i, following in zip(side, [*side[1:], None], strict=True):
                tracks[i] = track = extend_track(step, track, window.frames[i], reference)
                on_track()
                if following is not None:
                    # Going back in time, the same steps are used in reverse.
                    step = window.steps[i] if following > i else window.steps[following].reversed()
        return tracks

    def _walk(self, reference: LogFrame, keyframes: Sequence[Keyframe]) -> tuple[Track, LogFrame]:
        """Return the track of the last keyframe (the reference itself where there are none), and that frame.

        Starts at the farthest keyframe whose track is cached, so that no window walks the shot from its beginning.
        """
        path = (reference.frame, *(keyframe.frame for keyframe in keyframes))
        known = next((i for i in range(len(keyframes), 0, -1) if path[: i + 1] in self._keyframes), 0)
        track, last = identity_track(reference), reference
        if known and (frame := keyframes[known - 1].read()):
            track, last = self._keyframes[path[: known + 1]], LogFrame.of(frame)
            self._keyframes.move_to_end(path[: known + 1])
        for i, keyframe in enumerate(keyframes[known:], known + 1):
            if frame := keyframe.read():  # an unreadable one is skipped
                log_frame = LogFrame.of(frame)
                step = track_neighbour(log_frame, last)
                track, last = extend_track(step, track, log_frame, reference), log_frame
                self._keyframes[path[: i + 1]] = track
        while len(self._keyframes) > _KEYFRAMES_KEPT:
            self._keyframes.popitem(last=False)
        return track, last
