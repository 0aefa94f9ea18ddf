"""The server's metrics, for Prometheus and the status page."""

from __future__ import annotations

import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

RECENT_ERRORS = 20
RATE_SECONDS = 60.0


@dataclass(frozen=True)
class RecentError:
    """A stream or frame that failed. when: seconds since the epoch."""

    when: float
    session: str
    code: str
    message: str


class Metrics:
    """Counters and gauges of one server, in a registry of its own. Thread-safe."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._sessions = Counter("relumix_sessions", "Sessions that began", registry=self.registry)
        self._frames = Counter("relumix_frames", "Frames", ["outcome"], registry=self.registry)
        self._windows = Counter("relumix_windows", "Windows that engines worked on", registry=self.registry)
        self._bytes = Counter("relumix_bytes", "Payload of frames", ["direction"], registry=self.registry)
        self._stages = Counter("relumix_stage_seconds", "Work of all threads", ["stage"], registry=self.registry)
        self._errors = Counter("relumix_errors", "Streams that ended with a status", ["code"], registry=self.registry)
        self.recent: deque[RecentError] = deque(maxlen=RECENT_ERRORS)
        self._done: deque[float] = deque(maxlen=10_000)

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Add a gauge that is read on each scrape."""
        Gauge(name, help_text, registry=self.registry).set_function(read)

    def session(self) -> None:
        """Count a session."""
        self._sessions.inc()

    def frame(self, *, failed: bool) -> None:
        """Count a frame."""
        self._frames.labels("failed" if failed else "written").inc()
        if not failed:
            self._done.append(time.monotonic())

    def window(self) -> None:
        """Count a window."""
        self._windows.inc()

    def received(self, count: int) -> None:
        """Count received bytes."""
        self._bytes.labels("received").inc(count)

    def sent(self, count: int) -> None:
        """Count sent bytes."""
        self._bytes.labels("sent").inc(count)

    def stages(self, seconds: Mapping[str, float]) -> None:
        """Count work by stage."""
        for stage, value in seconds.items():
            self._stages.labels(stage).inc(value)

    def error(self, session: str, code: str, message: str) -> None:
        """Count a stream that ended with a status, and keep it for the page."""
        self._errors.labels(code).inc()
        self.recent.append(RecentError(time.time(), session, code, message))

    def frame_error(self, session: str, code: str, message: str) -> None:
        """Keep a frame's error for the page; `frame` counts it."""
        self.recent.append(RecentError(time.time(), session, code, message))

    def frames_a_second(self) -> float:
        """Return the rate of the last minute."""
        since = time.monotonic() - RATE_SECONDS
        return sum(when > since for when in list(self._done)) / RATE_SECONDS

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)


def device_memory_bytes() -> int:
    """Return the memory that engines hold: the GPU's where one is in use, else that of this process."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.memory_reserved())
    return resident_bytes()


def resident_bytes() -> int:
    """Return the resident memory of this process (its peak, where the system does not tell the present)."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
