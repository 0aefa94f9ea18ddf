"""Measures how far confidence can be believed: the error that it expects against the true one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relumix.gain.log_gain import BLACK_OFFSET
from relumix.preview.display import on_display_window
from relumix.shot.confidence_layer import stored_confidence
from relumix.shot.sequence import Sequence as Shot
from relumix.types import Float32

_ROUNDING_STOPS = 1 / 256
"""Errors that half floats make, of light and of confidence alike, are none."""

_LEAST_CONFIDENCE = 2.0**-16


@dataclass(frozen=True)
class Expected:
    """What is expected of a frame, on its display window.

    error_stops  [h, w] float32 >= 0: how far off its light is expected to be.
    known        [h, w] bool: where that is said.
    """

    path: Path
    error_stops: Float32
    known: NDArray[np.bool_]


class ConfidenceFiles:
    """A sequence of results with a confidence layer, or of files of confidence. Raises InputError for none."""

    def __init__(self, pattern: str | Path) -> None:
        self._shot = Shot.find(pattern)

    @property
    def pattern(self) -> str:
        """The canonical text of the pattern."""
        return self._shot.pattern

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames on disk, ascending."""
        return self._shot.frames

    def read(self, frame: int) -> Expected:
        """Read a frame. Raises InputError where that fails."""
        path = self._shot.path(frame)
        stored = stored_confidence(path)
        windows = stored.data_window, stored.display_window
        error = -np.log2(np.maximum(stored.values, np.float32(_LEAST_CONFIDENCE)))
        known = on_display_window(np.ones_like(stored.values), *windows) > 0
        return Expected(path, on_display_window(np.maximum(error, 0), *windows), known)


def true_error(exposed: Float32, truth: Float32) -> Float32:
    """Return [h, w]: the absolute error of the light in stops, mean over the channels.

    exposed, truth  [h, w, 3] float32, linear, mid-grey at 0.18. An offset keeps it small in black.
    """
    result, aim = (np.log2(np.maximum(each, 0) + np.float32(BLACK_OFFSET)) for each in (exposed, truth))
    return np.asarray(np.abs(result - aim).mean(-1), np.float32)


def within(expected: Float32, true: Float32) -> float:
    """Return the share of pixels, 0..1, that are no farther off than expected. Both [n] stops."""
    return float((true <= expected + np.float32(_ROUNDING_STOPS)).mean())


def correlation(expected: Float32, true: Float32) -> float | None:
    """Return the rank correlation (Spearman 1904) of both, [n] stops; None where either is the same everywhere.

    1 says that the pixels which are expected to be worse are so, -1 that it is the other way round.
    """
    if np.ptp(expected) == 0 or np.ptp(true) == 0:
        return None
    return float(np.corrcoef(_ranks(expected), _ranks(true))[0, 1])


def _ranks(values: Float32) -> NDArray[np.float64]:
    """Return the rank of each value [n]; equal ones share the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[group.reshape(-1)], np.float64)
