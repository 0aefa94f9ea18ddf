"""What the network's pictures say about light.

The network shows a frame under new light; the VAE showed the same frame under its own. One over the other is the gain:
what the VAE blurs, it blurs in both. It is trusted where a picture can carry it (not in its whites, nor in blacks),
brought to what is known of the reference's own light, and kept within its reach: a network may move light, but a gain
that the reference shows nothing like is not light from it. So a reference that is its plate, or a plain grade of it,
gives exactly that on every frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.engines.svd import tone
from relumix.gain.direct_transfer import stops_to
from relumix.gain.log_gain import BLACK_OFFSET, apply, measure
from relumix.gain.proxy import ProxyReference
from relumix.types import Float32

PLAIN_STOPS = 0.02
"""A reference whose light varies by less is a plain grade: 1.4 %, less than can be seen or an 8-bit picture carries."""

_PLAIN_SHARE = 0.995
_REACH = 0.25  # how far beyond the reference's own range light may go, as a share of that range
_WHITE, _BLACK = 0.06, 0.04  # of a picture's 0..1: how near to its ends it carries no gain
_AROUND_SHARE = 1 / 32  # of the long edge: from how far light is taken where a picture carries none


@dataclass(frozen=True)
class ReferenceLight:
    """The light of a reference, taken apart.

    level    [3] float32 stops: its median, the same everywhere.
    local    [h, w, 3] float32 stops: the rest.
    trusted  [h, w] bool: where plate and reference are both known.
    """

    level: Float32
    local: Float32
    trusted: NDArray[np.bool_]

    @classmethod
    def of(cls, reference: ProxyReference) -> ReferenceLight:
        """Take a reference's light apart."""
        level = reference.median_gain()
        return cls(level, reference.gain_stops - level, reference.trusted > 0.5)

    @property
    def plain(self) -> bool:
        """Whether it is a grade and nothing else."""
        seen = np.abs(self.local[self.trusted])
        return len(seen) == 0 or float(np.quantile(seen, _PLAIN_SHARE)) < PLAIN_STOPS

    def settled(self, made: Float32, at_anchor: Float32, anchor: Float32, anchor_known: NDArray[np.bool_]) -> Float32:
        """Return local gain as what is known says it must be.

        made       [n, h, w, 3] as the network has it.
        at_anchor  [h, w, 3]: the same of the relit frame that its clip began with, whose answer is known to be `anchor`
                   where anchor_known [h, w]: by as much as its median is off there, it is off everywhere.
        """
        if not (self.trusted.any() and anchor_known.any()):
            return np.zeros_like(made)
        off = np.median(anchor[anchor_known] - at_anchor[anchor_known], axis=0).astype(np.float32)
        known = self.local[self.trusted]
        low, high = known.min(0), known.max(0)
        slack = np.float32(_REACH) * (high - low)
        return np.clip(made + off, low - slack, high + slack)


def relit(rgb: Float32, local: Float32) -> Float32:
    """Return plate light [h, w, 3] under local gain, >= 0."""
    return np.maximum(apply(rgb, local, np.zeros(3, np.float32), np.array(BLACK_OFFSET, np.float32)), 0)


def gain(source: Float32, result: Float32) -> Float32:
    """Return the gain from decoded source frames to decoded results in stops, [n, h, w, 3] float32.

    source, result  [n, h, w, 3] pictures around -1..1. Where they carry no gain it is that of the surroundings.
    """
    stops = measure(tone.decode(source), tone.decode(result))
    sure = _carries(source, dark=True) * _carries(result, dark=False)
    return np.stack([_filled(light, weight) for light, weight in zip(stops, sure, strict=True)])


def pixels(rgb: Float32, result: Float32) -> Float32:
    """Return the stops that make of plate light `rgb` what decoded pictures show, highlights and all; [..., 3]."""
    return stops_to(rgb, tone.decode(result))


def _carries(picture: Float32, *, dark: bool) -> Float32:
    """Return in 0..1 [n, h, w] how well pictures carry a gain: not in their whites, nor with `dark` in their blacks."""
    brightest = np.asarray((picture.max(-1) + 1) / 2, np.float32)
    sure = np.clip((1 - brightest) / _WHITE, 0, 1)
    return sure * np.clip(brightest / _BLACK, 0, 1) if dark else sure


def _filled(stops: Float32, weight: Float32) -> Float32:
    """Return stops [h, w, 3], taken from around where weight [h, w] falls to 0."""
    if (weight == 1).all():
        return stops
    sigma = max(1.0, _AROUND_SHARE * max(weight.shape))
    light = cv2.GaussianBlur(stops * weight[..., None], (0, 0), sigma)
    share = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    # Far from anything that carries a gain, it fades to none.
    around = light / (share + np.float32(1e-3))
    return np.asarray(weight[..., None] * stops + (1 - weight[..., None]) * around, np.float32)
