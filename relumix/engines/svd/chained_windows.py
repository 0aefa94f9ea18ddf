"""Windows that begin where the one before them ended."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from relumix.engines.base import Keyframe
from relumix.engines.svd.reference_light import ReferenceLight
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float32

LINKS_KEPT = 64
"""Relit frames that are remembered: some hundred megabytes at the default working size. Others are made again."""


@dataclass(frozen=True)
class Anchor:
    """The relit frame that a clip begins with, and its gain [h, w, 3] in stops without the reference's median gain.

    error_stops  expected of that gain: 0 for a reference.
    """

    frame: ProxyFrame
    local: Float32
    error_stops: float = 0.0


class CarriedClip(NamedTuple):
    """The local gain [n, h, w, 3] in stops of frames that follow an anchor, and the absolute error expected of it."""

    local: Float32
    error_stops: float


Carry = Callable[[Anchor, Sequence[ProxyFrame], ProxyReference, ReferenceLight], CarriedClip]
"""The light of frames that follow an anchor."""


class ChainedWindows:
    """The relit frames at which clips join, every `step` frames outwards from a reference.

    They are a function of the frames on the way alone, so what was forgotten is made again and comes out the same.
    """

    def __init__(self, step: int, carry: Carry) -> None:
        self._step, self._carry = step, carry
        self._links: OrderedDict[tuple[int, int], tuple[int, NDArray[np.float16], float]] = OrderedDict()

    def anchor(self, reference: ProxyReference, light: ReferenceLight, keyframe_path: Sequence[Keyframe]) -> Anchor:
        """Return the frame that a window begins with.

        keyframe_path  every frame from the reference to the window's first, both included.
        """
        end = len(keyframe_path) - 1
        cuts = [*range(0, end, self._step), end] if end > 0 else [0]
        anchor, begin = Anchor(reference, light.local), 0
        for i, cut in reversed(list(enumerate(cuts))):
            if cut and (known := self._known(reference, keyframe_path, cut)):
                anchor, begin = known, i
                break
        for here, there in zip(cuts[begin:], cuts[begin + 1 :], strict=False):
            hop = [frame for keyframe in keyframe_path[here + 1 : there + 1] if (frame := keyframe.read()) is not None]
            if not hop:
                continue
            carried = self._carry(anchor, hop, reference, light)
            anchor = self._remember(reference, keyframe_path[there].frame, hop[-1], carried)
        return anchor

    def keep(
        self,
        reference: ProxyReference,
        keyframe_path: Sequence[Keyframe],
        frames: Sequence[ProxyFrame],
        carried: CarriedClip,
    ) -> None:
        """Remember the last frame of a window, where the next one begins with just that."""
        if (len(keyframe_path) - 1) % self._step == 0 and len(frames) == self._step:
            self._remember(reference, frames[-1].frame, frames[-1], carried)

    def _known(self, reference: ProxyReference, keyframe_path: Sequence[Keyframe], cut: int) -> Anchor | None:
        key = reference.frame, keyframe_path[cut].frame
        if key not in self._links:
            return None
        self._links.move_to_end(key)
        frame, local, error = self._links[key]
        seen = next(keyframe for keyframe in keyframe_path if keyframe.frame == frame).read()
        return None if seen is None else Anchor(seen, local.astype(np.float32), error)

    def _remember(self, reference: ProxyReference, at: int, frame: ProxyFrame, carried: CarriedClip) -> Anchor:
        half = carried.local[-1].astype(np.float16)
        self._links[reference.frame, at] = frame.frame, half, carried.error_stops
        while len(self._links) > LINKS_KEPT:
            self._links.popitem(last=False)
        return Anchor(frame, half.astype(np.float32), carried.error_stops)
