"""Settings of the libraries' threads."""

from __future__ import annotations

import os


def let_idle_threads_sleep() -> None:
    """Let torch's threads sleep while they wait for each other, if the environment does not say otherwise.

    By default they spin, on cores that decode and encode frames meanwhile, or that other programs work on. To be called
    before torch is loaded: OpenMP asks the environment, and only once.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
