"""What a job tells at its end: which frames are mostly a guess, and which reference would help most."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import cv2
import numpy as np

from relumix.events import Suggested
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.gain.proxy_shot import Light
from relumix.gain.transfer import Gain
from relumix.pipeline.shown import MOSTLY
from relumix.pipeline.suggest import MOST_FRAMES, WORK_SIZE, spans, suggest_from
from relumix.shot.scenes import Scenes
from relumix.types import Float32

GUESS_STOPS = 0.5
"""Light that is expected to be farther off than this is a guess."""


class Overlooked:
    """Watches the frames of a job as their light becomes known. Keeps small copies of at most MOST_FRAMES of them."""

    def __init__(self, cuts: Sequence[int] = ()) -> None:
        """cuts: the first frame of each scene but the first, ascending."""
        self._cuts = tuple(cuts)
        self._numbers: list[int] = []
        self._guessed: set[int] = set()
        self._kept: list[ProxyFrame] = []
        self._stride = 1

    def saw(self, frame: ProxyFrame, gain: Gain) -> None:
        """Note a frame that is no reference; in ascending order."""
        if float((gain.error_stops > GUESS_STOPS).mean()) > MOSTLY:
            self._guessed.add(frame.frame)
        if len(self._numbers) % self._stride == 0:
            self._kept.append(ProxyFrame(frame.frame, _small(frame.rgb), _small(frame.known)))
        self._numbers.append(frame.frame)
        if len(self._kept) > MOST_FRAMES:
            self._kept, self._stride = self._kept[::2], 2 * self._stride

    def suggestion(self, lights: Sequence[Light]) -> Suggested | None:
        """Return what to tell; None where no frame is mostly a guess, or no other reference would help.

        lights  the references.
        """
        if not self._guessed:
            return None
        small = {reference.frame: (_small_reference(reference), median) for reference, median in lights}
        found = suggest_from(self._kept, small, 1, self._cuts).frames
        if not found:
            return None
        stretches = list(self._stretches(sorted(small)))
        named = spans(stretches)
        frames = f"frame {named} is" if named.isdecimal() else f"frames {named} are"
        return Suggested(
            f"{frames} mostly a guess; a reference at {found[0].frame} would help most", stretches, found[0].frame
        )

    def _stretches(self, references: Sequence[int]) -> Sequence[tuple[int, int]]:
        """Return the first and last frame of each stretch of guesses."""
        scenes = Scenes((), self._cuts).split(sorted([*self._numbers, *references]))
        grouped = (groupby(scene, self._guessed.__contains__) for scene in scenes)
        stretches = [[*each] for scene in grouped for guess, each in scene if guess]
        return [(each[0], each[-1]) for each in stretches]


def _small_reference(reference: ProxyReference) -> ProxyReference:
    planes = (reference.rgb, reference.known, reference.gain_stops, reference.lit)
    return ProxyReference(reference.frame, *map(_small, planes))


def _small(plane: Float32) -> Float32:
    height, width = plane.shape[:2]
    scale = min(1.0, WORK_SIZE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)
