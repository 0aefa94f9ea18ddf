"""Working frames out of synthetic shots."""

import numpy as np

from relumix.engines.base import Float32, WorkingFrame, WorkingReference
from tests.synthetic import SyntheticShot


def working(shot: SyntheticShot) -> list[WorkingFrame]:
    return [WorkingFrame(f, shot.plate[f], np.ones(shot.plate[f].shape[:2], np.float32)) for f in shot.frames]


def reference(shot: SyntheticShot, frame: int, stops: Float32 | None = None) -> WorkingReference:
    rgb = shot.plate[frame]
    whole = np.ones(rgb.shape[:2], np.float32)
    return WorkingReference(frame, rgb, whole, shot.stops[frame] if stops is None else stops, whole)
