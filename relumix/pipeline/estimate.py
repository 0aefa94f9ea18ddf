"""Progress and remaining time of a job, extrapolated from the work done so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from relumix.pipeline.windows import Plan


class Estimate:
    """The estimate of one job. The engine takes most of the time, and the plan says how much of its work is left.

    windows          number of frames of each window to be relit, by its index in the plan.
    frames           number of frames to make.
    seconds_a_frame  returns how long a frame takes once its gain is known; 0 while unknown.
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
        """Return the estimate for some frames of a shot."""
        chosen = list(frames)
        windows = {i: len(plan.windows[i].frames) for i in plan.windows_of(chosen)}
        return cls(windows, len(chosen), seconds_a_frame)

    def light(self, window: int, share: float = 1.0) -> None:
        """Record that a share (0..1) of a window's gain is known. A smaller share than before is ignored."""
        if share > self._shares.get(window, 1.0):
            self._shares[window] = share
            self._noted = self._clock()

    def frame(self) -> None:
        """Record a frame that is done or failed."""
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
        # Work since the last report has already taken some of the time.
        left = (self._noted - self._began) * light_left / light - (self._clock() - self._noted) if light_left else 0.0
        # Frames are written while the engine works on the next window: only the last window's come after it.
        tail = min(self._frames_left, max(self._windows.values())) if light_left else self._frames_left
        return max(left, 0.0) + tail * self._seconds_a_frame()

    @property
    def share(self) -> float:
        """The elapsed share of the job's time, 0..1; never decreases, so that a progress bar does not jump back."""
        left, gone = self.remaining_seconds, self._clock() - self._began
        if left is not None:
            share = gone / (gone + left or 1.0)
            self._shown = max(self._shown, 1.0 if not self._frames_left else round(min(share, 0.999), 4))
        return self._shown
