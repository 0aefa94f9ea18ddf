"""How far a job is, and how long the rest of it takes: reckoned from what was measured so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from relumix.pipeline.windows import Plan


class Estimate:
    """The state of one job. Light takes most of the time, and what a job still needs of it is known from its plan.

    windows          how many frames each window has that is to be relit, by its index in the plan.
    frames           how many frames are to be made.
    seconds_a_frame  tells how long a frame takes once its light is known; 0 while nobody knows.
    """

    def __init__(
        self,
        windows: Mapping[int, int],
        frames: int,
        seconds_a_frame: Callable[[], float] = lambda: 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._windows, self._frames_left = windows, frames
        self._seconds_a_frame, self._clock = seconds_a_frame, clock
        self._shares = dict.fromkeys(windows, 0.0)
        self._began = self._noted = clock()
        self._shown = 0.0

    @classmethod
    def of(cls, plan: Plan, frames: Iterable[int], seconds_a_frame: Callable[[], float] = lambda: 0.0) -> Estimate:
        """Make it for some frames of a shot."""
        chosen = list(frames)
        windows = {i: len(plan.windows[i].frames) for i in plan.windows_of(chosen)}
        return cls(windows, len(chosen), seconds_a_frame)

    def light(self, window: int, share: float = 1.0) -> None:
        """Note that a share (0..1) of a window's light is known. It never becomes less."""
        if share > self._shares.get(window, 1.0):
            self._shares[window] = share
            self._noted = self._clock()

    def frame(self) -> None:
        """Note that a frame is done, or failed."""
        self._frames_left -= 1

    @property
    def remaining_seconds(self) -> float | None:
        """How long the rest takes; None before anything was measured."""
        if not self._frames_left:
            return 0.0
        light = sum(self._windows[i] * share for i, share in self._shares.items())
        light_left = sum(self._windows.values()) - light
        if light_left and not light:
            return None
        # Light that was on its way since the last note has taken its time already.
        left = (self._noted - self._began) * light_left / light - (self._clock() - self._noted) if light_left else 0.0
        # Frames are made while the engine works on the next window: only those of the last one come after it.
        tail = min(self._frames_left, max(self._windows.values())) if light_left else self._frames_left
        return max(left, 0.0) + tail * self._seconds_a_frame()

    @property
    def share(self) -> float:
        """The share of the job's time that is over, 0..1. It never becomes less."""
        left, gone = self.remaining_seconds, self._clock() - self._began
        if left is not None:
            share = gone / (gone + left or 1.0)
            self._shown = max(self._shown, 1.0 if not self._frames_left else round(min(share, 0.999), 4))
        return self._shown
