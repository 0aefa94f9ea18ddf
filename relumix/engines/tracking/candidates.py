"""What is known of a reference's light on a frame without learning: carried along the flow, matched by appearance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relumix.engines.tracking.appearance import MATCH_EDGE_PX, Attend, Bank, match
from relumix.engines.tracking.correspondence import Track, View, sample
from relumix.engines.tracking.motion_averaging import Light
from relumix.gain.proxy import ProxyReference
from relumix.types import Float32

_MATCHED_SURE = 0.2  # how much light by appearance counts beside light that was seen


@dataclass(frozen=True)
class ReferenceLight:
    """A reference's light, as it is looked up.

    view     of its plate.
    stops    [h, w, 3] as the reference has it; level [3] the median of what is trusted; local [h, w, 3] what is left.
    trusted  [h, w] in 0..1: where the light is known.
    bank     the local light, to be matched by appearance.
    """

    view: View
    stops: Float32
    level: Float32
    local: Float32
    trusted: Float32
    bank: Bank

    @classmethod
    def of(cls, reference: ProxyReference, view: View, edge_px: int = MATCH_EDGE_PX) -> ReferenceLight:
        """Look at a reference. edge_px: the long edge of the picture in which appearance is matched."""
        trusted, level = reference.trusted, reference.level()
        local = reference.stops - level
        return cls(view, reference.stops, level, local, trusted, Bank.of(view, local, trusted, edge_px))

    def itself(self) -> Light:
        """The light on the reference's own picture."""
        return self.stops, self.trusted + np.float32(_MATCHED_SURE)


@dataclass(frozen=True)
class Proposals:
    """Local gain on a frame, in stops: carried [h, w, 3] along the flow, matched [h, w, 3] by appearance.

    sure  [h, w] in 0..1: how far the carried gain is to be believed.
    """

    carried: Float32
    matched: Float32
    sure: Float32


def propose(light: ReferenceLight, view: View, track: Track, attend: Attend | None = None) -> Proposals:
    """Carry and match a reference's light to a frame whose track to it is given. attend: see `match`."""
    weight = sample(light.trusted, track.there)
    local = sample(light.local * light.trusted[..., None], track.there)
    carried: Float32 = local / np.maximum(weight, np.float32(1e-6))[..., None]
    sure = track.seen * track.alike(view, light.view) * weight * view.known
    return Proposals(carried, match(light.bank, view, track, attend), sure)


def believe(light: ReferenceLight, found: Proposals) -> Light:
    """Take the carried light as far as it is sure, and the matched light for the rest."""
    stops = light.level + found.matched + found.sure[..., None] * (found.carried - found.matched)
    return stops, found.sure + np.float32(_MATCHED_SURE)
