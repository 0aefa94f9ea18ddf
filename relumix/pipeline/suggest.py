"""Which frames to relight next: those that show most of what no reference shows, counted over the shot.

Nothing is relit for it. At a small size every frame is tracked to every other one of its scene, which tells how much of
it a reference at any frame would show, and so what error is left with it. No track crosses a cut, as no light does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from relumix.errors import FrameError, InputError
from relumix.gain.proxy import ProxyFrame
from relumix.gain.proxy_shot import Light, ProxyShot
from relumix.pipeline.shown import PERFECT_DECIBELS, Shown
from relumix.shot.scenes import Scenes

WORK_SIZE = 128
"""Long edge in pixels at which frames are compared. Steps from frame to frame are chained, and none may be lost to fine
texture: what counts is which surfaces a frame shows."""

MOST_FRAMES, LEAST_FRAMES = 48, 3
"""Most frames of a shot that are compared, evenly spaced, but at least some of every scene; the time goes with the
square."""

_LEAST_WORTH_DB = 0.05
_READERS = 2


@dataclass(frozen=True)
class Suggested:
    """A frame to relight next.

    error_stops  the error that is then expected of the light, mean over the shot.
    """

    frame: int
    error_stops: float


@dataclass(frozen=True)
class Suggestion:
    """What more references would bring.

    error_stops  the error expected of the light with those there are, mean over the shot. A scene without any lacks
                 what they add elsewhere.
    unlit        first and last frame of each scene without a reference.
    guessed      first and last frame of each stretch of other frames of which most is a guess.
    frames       the frames to relight next: one for each scene without a reference, however many were asked for, and
                 then others, up to that many. Of both the first brings most, the second most beside it, and so on.
                 Fewer than asked for where more bring nothing.
    """

    error_stops: float
    unlit: tuple[tuple[int, int], ...]
    guessed: tuple[tuple[int, int], ...]
    frames: tuple[Suggested, ...]


def spans(stretches: Iterable[tuple[int, int]]) -> str:
    """Return stretches of frames in words, as `1001, 1009 to 1016`."""
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in stretches)


def sampled(frames: Sequence[int], references: Sequence[int], cuts: Sequence[int] = ()) -> list[int]:
    """Return about MOST_FRAMES of the frames, evenly spaced in each scene, and all references; ascending."""
    chosen = set(references)
    for scene in Scenes((), tuple(cuts)).split(frames):
        most = max(LEAST_FRAMES, round(MOST_FRAMES * len(scene) / len(frames)))
        chosen.update(scene[i] for i in np.linspace(0, len(scene) - 1, min(most, len(scene))).round().astype(int))
    return sorted(chosen)


def suggest(shot: ProxyShot, count: int = 1, cuts: Sequence[int] = ()) -> Suggestion:
    """Say which `count` frames of a shot to relight next.

    shot  at a small size (WORK_SIZE).
    cuts  the first frame of each scene but the first, ascending.

    Raises InputError where references cannot be read; other frames that cannot be read, or show nothing, are left out.
    """
    if count < 1:
        raise InputError(f"{count} frames to suggest: expected 1 or more")
    canvas, lights = shot.lights()
    wanted = [frame for frame in sampled(shot.frames, shot.references, cuts) if frame not in lights]

    def read(frame: int) -> ProxyFrame | None:
        try:
            proxy = shot.frame(canvas, frame)
        except FrameError:
            return None
        return None if proxy.black else proxy

    with ThreadPoolExecutor(_READERS, thread_name_prefix="relumix-read") as readers:
        found = [frame for frame in readers.map(read, wanted) if frame is not None]
    return suggest_from(found, lights, count, cuts)


def suggest_from(
    frames: Sequence[ProxyFrame], lights: Mapping[int, Light], count: int, cuts: Sequence[int] = ()
) -> Suggestion:
    """Say which of `frames`, none of which is a reference, to relight next (see `suggest`).

    lights  the references, by frame, of the same size.
    """
    references = [light for light, _ in lights.values()]
    every = {frame.frame: frame for frame in (*frames, *references)}
    with threadpool_limits(1, user_api="blas"):
        scenes = [
            Shown.of([every[frame] for frame in scene], references)
            for scene in Scenes((), tuple(cuts)).split(sorted(every))
        ]
    search = _Search(scenes, lights)
    error_stops, unlit = search.error_stops(), [at for at, chosen in enumerate(search.chosen) if not chosen]
    guessed = [each for scene, chosen in zip(scenes, search.chosen, strict=True) for each in scene.guessed(chosen)]
    return Suggestion(
        error_stops,
        tuple((scenes[at].numbers[0], scenes[at].numbers[-1]) for at in unlit),
        tuple(guessed),
        tuple(search.choose(count, unlit)),
    )


class _Search:
    """Chooses the frames of a shot that help most, one after another."""

    def __init__(self, scenes: Sequence[Shown], given: Iterable[int]) -> None:
        """given: the frames of the references there are."""
        self._scenes, numbers = scenes, set(given)
        self.chosen = [[i for i, frame in enumerate(scene.numbers) if frame in numbers] for scene in scenes]
        # By scene: a choice changes one of them.
        self._decibels = [scene.decibels(chosen) for scene, chosen in zip(scenes, self.chosen, strict=True)]
        self._errors = [scene.mean_errors(chosen) for scene, chosen in zip(scenes, self.chosen, strict=True)]

    def error_stops(self) -> float:
        """Return the error that is expected by what was chosen so far, mean over the shot."""
        return float(np.mean([error for scene in self._errors for error in scene]))

    def choose(self, count: int, unlit: Sequence[int]) -> list[Suggested]:
        """Choose a frame of each unlit scene, and others up to `count`, as long as they help."""
        suggested = [self._add(at, i) for _, at, i in sorted(map(self._best, unlit), key=lambda best: -best[0])]
        while len(suggested) < count:
            worth, at, i = max((self._best(at) for at in range(len(self._scenes))), key=lambda best: best[0])
            if worth - self._worth(self._decibels) < _LEAST_WORTH_DB:
                break
            suggested.append(self._add(at, i))
        return suggested

    def _best(self, at: int) -> tuple[float, int, int]:
        """Return the PSNR that the best choice in a scene leaves, the scene and that choice."""
        scene, chosen = self._scenes[at], self.chosen[at]
        others = [each for other, each in enumerate(self._decibels) if other != at]
        worth = {
            i: self._worth([*others, scene.decibels([*chosen, i])])
            for i in range(len(scene.numbers))
            if i not in chosen
        }
        best = max(worth, key=worth.__getitem__, default=-1)
        return worth.get(best, float("-inf")), at, best

    @staticmethod
    def _worth(decibels: Iterable[Sequence[float]]) -> float:
        """Return the mean PSNR of frames, by scene."""
        every = [each for scene in decibels for each in scene]
        return float(np.mean(every)) if every else PERFECT_DECIBELS

    def _add(self, at: int, i: int) -> Suggested:
        scene, chosen = self._scenes[at], self.chosen[at]
        chosen.append(i)
        self._decibels[at], self._errors[at] = scene.decibels(chosen), scene.mean_errors(chosen)
        return Suggested(scene.numbers[i], self.error_stops())
