"""Work on many points, shared among the cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 1 << 15
"""Points handled at once: their arrays fit the processor's cache."""

Places = NDArray[np.intp]
Made = TypeVar("Made")


def in_pieces(places: Places, work: Callable[[Places], Made]) -> Iterator[tuple[Places, Made]]:
    """Yield pieces of places [n] and what `work` makes of each, in order, by as many threads as there are cores."""
    pieces = np.array_split(places, max(1, -(-len(places) // _AT_ONCE)))
    if len(pieces) == 1:
        yield pieces[0], work(pieces[0])
        return
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from zip(pieces, pool.map(work, pieces), strict=True)
