"""The light of a reference, taken apart, and what is known of it beforehand.

A network may move light, but a gain that the reference shows nothing like is not light from it. So what it says is
shifted until it agrees where the answer is known, and kept within the reference's reach; a reference that is its plate,
or a plain grade of it, gives exactly that on every frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relumix.gain.log_gain import apply
from relumix.gain.proxy import ProxyReference
from relumix.types import Float32

PLAIN_STOPS = 0.02
"""A reference whose light varies by less is a plain grade: 1.4 %, less than can be seen or an 8-bit picture carries."""

_PLAIN_SHARE = 0.995
_REACH = 0.25  # how far beyond the reference's own range light may go, as a share of that range


@dataclass(frozen=True)
class ReferenceLight:
    """The light of a reference, taken apart.

    median_gain  [3] float32 stops: the same everywhere.
    local        [h, w, 3] float32 stops: the rest.
    trusted      [h, w] bool: where plate and reference are both known.
    """

    median_gain: Float32
    local: Float32
    trusted: NDArray[np.bool_]

    @classmethod
    def of(cls, reference: ProxyReference) -> ReferenceLight:
        """Take a reference's light apart."""
        median_gain = reference.median_gain()
        return cls(median_gain, reference.gain_stops - median_gain, reference.trusted > 0.5)

    @property
    def plain(self) -> bool:
        """Whether it is a grade and nothing else."""
        seen = np.abs(self.local[self.trusted])
        return len(seen) == 0 or float(np.quantile(seen, _PLAIN_SHARE)) < PLAIN_STOPS

    def calibrated(self, made: Float32, at_anchor: Float32, anchor: Float32, known: NDArray[np.bool_]) -> Float32:
        """Return local gain as what is known says it must be.

        made       [n, h, w, 3] as the network has it.
        at_anchor  [h, w, 3]: the same of the relit frame that its clip began with, whose answer is known to be `anchor`
                   where known [h, w]: by as much as its median is off there, it is off everywhere.
        """
        if not (self.trusted.any() and known.any()):
            return np.zeros_like(made)
        off = np.median(anchor[known] - at_anchor[known], axis=0).astype(np.float32)
        reference = self.local[self.trusted]
        low, high = reference.min(0), reference.max(0)
        slack = np.float32(_REACH) * (high - low)
        return np.clip(made + off, low - slack, high + slack)


def relit(rgb: Float32, local: Float32) -> Float32:
    """Return plate light [h, w, 3] under local gain, >= 0."""
    return apply(rgb, local, np.zeros(3, np.float32))
