"""Cuts that were found in clips. They are remembered, since finding them takes the pixels of every frame."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from relumix.shot.scenes import Scenes
from relumix.util.words import first_of

_MOST_SHOTS = 16
_MOST_LISTED = 12


class FoundCuts:
    """The cuts of the shots looked at last, and the pictures that they were found in; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shots: OrderedDict[str, tuple[Mapping[int, str], tuple[int, ...]]] = OrderedDict()

    def get(self, shot: str, fingerprints: Mapping[int, str]) -> tuple[int, ...] | None:
        """Return a shot's cuts; None where they are not known, or one of these frames has other pixels by now."""
        with self._lock:
            seen, cuts = self._shots.get(shot, ({}, ()))
        same = all(seen.get(frame) == fingerprint for frame, fingerprint in fingerprints.items())
        return cuts if seen and same else None

    def put(self, shot: str, fingerprints: Mapping[int, str], cuts: tuple[int, ...]) -> None:
        """Remember the cuts found in these pictures."""
        with self._lock:
            self._shots[shot] = dict(fingerprints), cuts
            self._shots.move_to_end(shot)
            if len(self._shots) > _MOST_SHOTS:
                self._shots.popitem(last=False)


def told(scenes: Scenes, shot: Sequence[int], wanted: Sequence[int]) -> str:
    """Return what a user should know of a shot's scenes, to be put behind a sentence; empty where it is one scene."""
    text = ""
    if scenes.cuts:
        one = len(scenes.cuts) == 1
        before = "is a cut before frame" if one else "are cuts before frames"
        text = f"; there {before} {first_of(scenes.cuts, _MOST_LISTED)}"
    asked = set(wanted)
    unlit = [f"{scene[0]} to {scene[-1]}" for scene in scenes.unlit(shot) if asked.intersection(scene)]
    return f"{text}; without a reference, and so the plate: {first_of(unlit, _MOST_LISTED)}" if unlit else text
