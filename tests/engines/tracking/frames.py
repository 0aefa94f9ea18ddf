"""Proxy frames out of synthetic shots."""

from dataclasses import dataclass

import numpy as np

from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float32
from tests.synthetic import SyntheticShot


def working(shot: SyntheticShot) -> list[ProxyFrame]:
    return [ProxyFrame(f, shot.plate[f], np.ones(shot.plate[f].shape[:2], np.float32)) for f in shot.frames]


def reference(shot: SyntheticShot, frame: int, stops: Float32 | None = None) -> ProxyReference:
    rgb = shot.plate[frame]
    whole = np.ones(rgb.shape[:2], np.float32)
    return ProxyReference(frame, rgb, whole, shot.stops[frame] if stops is None else stops, whole)


@dataclass(frozen=True)
class Keyframe:
    """One that can be read; see relumix.engines.base.Keyframe."""

    proxy: ProxyFrame

    @property
    def frame(self) -> int:
        return self.proxy.frame

    def read(self) -> ProxyFrame:
        return self.proxy


def keyframes(*frames: ProxyFrame) -> list[Keyframe]:
    return [Keyframe(frame) for frame in frames]
