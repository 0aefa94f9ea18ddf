"""`relumix serve` with an engine that hangs at its first window of a shot, and not when it is warmed up.

RELUMIX_HANGS=lock python -m tests.server.hanging serve ...    holding Python's lock, so that no other thread runs
RELUMIX_HANGS=alone python -m tests.server.hanging serve ...   the others go on
RELUMIX_HANGS=slow:SECONDS ...                                 no: it gets further until so many seconds have passed
RELUMIX_HANGS=stands ...                                       and says again and again that half of it is done
RELUMIX_HANGS=until:FILE ...                                   until there is such a file
RELUMIX_HANGS=warm:FILE ...                                    while it is warmed up, too
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from relumix.cli.main import main
from relumix.engines.base import Carried, Keyframe, Propagator
from relumix.engines.registry import load_engine
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix_server import serve


class Hanging:
    """The flow engine, until its second window."""

    def __init__(self) -> None:
        self._flow, self._warm = load_engine("flow"), False
        self.name, self.windowing = self._flow.name, self._flow.windowing
        self._tell: Callable[[float], None] = lambda share: None

    def start(self) -> Propagator:
        """Begin a shot."""
        return self

    def report_to(self, tell: Callable[[float], None]) -> None:
        """See `Reporting`."""
        self._tell = tell

    def _report(self, seconds: float, *, rising: bool) -> None:
        for step in range(1, int(seconds * 4) + 1):
            time.sleep(0.25)
            self._tell(step / (seconds * 4) if rising else 0.5)

    def propagate(
        self,
        frames: Sequence[ProxyFrame],
        references: Sequence[ProxyReference],
        keyframe_paths: Sequence[Sequence[Keyframe]],
    ) -> Carried:
        """Carry light, once."""
        how, _, file = os.environ["RELUMIX_HANGS"].partition(":")
        if self._warm and how == "lock":
            ctypes.PyDLL(None).pause()
        if self._warm and how == "alone":
            threading.Event().wait()
        if self._warm and how == "slow":
            self._report(float(file), rising=True)
        if self._warm and how == "stands":
            self._report(60, rising=False)
        while (how == "warm" or (how == "until" and self._warm)) and not Path(file).exists():
            time.sleep(0.05)
        self._warm = True
        return self._flow.start().propagate(frames, references, keyframe_paths)


if __name__ == "__main__":
    serve.load_engine = lambda name, **_: Hanging()  # type: ignore[assignment]
    raise SystemExit(main())
