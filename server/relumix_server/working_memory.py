"""What sessions hold of their shots at the working size, bounded over all of them."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass

from relumix.util.words import number_of
from relumix_server.request import Request
from relumix_server.status_errors import Code, StatusError

ENGINE_BYTES_PER_PIXEL = 120
"""Peak memory of an engine for each proxy pixel of a window: flow was measured at 115 (960x540, 16 frames)."""
LIGHT_BYTES_PER_PIXEL, MOST_LIGHTS = 12, 4
"""The gain by each further reference of a window: three floats a pixel. And most references that a window has."""
FRAME_BYTES_PER_PIXEL = 16
"""A ProxyFrame: four floats a pixel. Those of two windows are held, of which one is read ahead."""
REFERENCE_BYTES_PER_PIXEL = 32
"""A ProxyReference: eight of them. All of a job are held to its end."""
RETRY_SECONDS = 30.0


@dataclass(frozen=True)
class Needs:
    """What a job needs at the working size: at most `frames` of a window at once, and all `references`."""

    frames: int
    references: int
    width: int
    height: int

    @classmethod
    def of(cls, request: Request, width: int, height: int) -> Needs:
        """Return the needs of a job whose frames are width x height at the working size."""
        windows = (request.plan.windows[i] for i in request.windows)
        frames = max((len(window.frames) for window in windows), default=0)
        return cls(frames, len(request.references), width, height)

    @property
    def peak_bytes(self) -> int:
        """While the engine is at a window."""
        further = max(0, min(self.references, MOST_LIGHTS) - 1)
        a_frame = ENGINE_BYTES_PER_PIXEL + further * LIGHT_BYTES_PER_PIXEL
        a_pixel = self.frames * a_frame + self.references * REFERENCE_BYTES_PER_PIXEL
        return a_pixel * self.width * self.height

    @property
    def held_bytes(self) -> int:
        """While other sessions have the engine."""
        a_pixel = 2 * self.frames * FRAME_BYTES_PER_PIXEL + self.references * REFERENCE_BYTES_PER_PIXEL
        return a_pixel * self.width * self.height


class WorkingMemory:
    """The memory of all sessions at the working size. Thread-safe."""

    def __init__(self, most_bytes: int) -> None:
        """most_bytes: for the window of one session, and for what all of them hold together."""
        self._most, self._lock = most_bytes, threading.Lock()
        self._held: dict[Hashable, int] = {}

    def hold(self, session: Hashable, needs: Needs) -> None:
        """Take what a session needs. Raises StatusError where it is too much, or too much beside the others."""
        size = f"{number_of(needs.frames, 'frame')} and {number_of(needs.references, 'reference')}"
        if needs.peak_bytes > self._most:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                f"{size} at {needs.width}x{needs.height} would take some {needs.peak_bytes >> 20} MiB at once, and "
                f"this server gives {self._most >> 20}: choose a smaller work_size",
            )
        with self._lock:
            if sum(self._held.values()) + needs.held_bytes > self._most:
                raise StatusError(
                    Code.RESOURCE_EXHAUSTED,
                    f"{size} at {needs.width}x{needs.height} find no memory beside the other jobs: try again later",
                    RETRY_SECONDS,
                )
            self._held[session] = needs.held_bytes

    def release(self, session: Hashable) -> None:
        """Give back what a session took. Harmless if done before."""
        with self._lock:
            self._held.pop(session, None)
