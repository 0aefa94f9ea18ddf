"""What subcommands share: how threads wait, and values of options that argparse has no type for.

Each of the latter raises InputError for what it cannot read.
"""

from __future__ import annotations

import os

from relumix.errors import InputError


def let_idle_threads_sleep() -> None:
    """Let torch's threads sleep while they wait for each other, if the environment does not say otherwise.

    By default they spin, on cores that decode and encode frames meanwhile, or that other programs work on. To be called
    before torch is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def size(text: str) -> tuple[int, int]:
    """Return (width, height) of a text as 256x160."""
    try:
        width, height = (int(part) for part in text.split("x"))
    except ValueError:
        width = height = 0
    if width < 1 or height < 1:
        raise InputError(f"got --size {text}, expected WIDTHxHEIGHT in pixels, such as 256x160")
    return width, height
