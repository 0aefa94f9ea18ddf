import weakref

import numpy as np

from relumix.engines.base import Windowing
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.propagate import Propagation
from relumix.shot.array_source import ArraySource
from tests.synthetic import make_shot


class Forgotten:
    """An engine and its propagator at once. It adds no light, and looks whether its last window is still held."""

    name, windowing = "forgotten", Windowing("1", window=4, overlap=2, tracks=False)

    def __init__(self):
        self.still_held = []
        self._last = lambda: None

    def start(self):
        return self

    def propagate(self, frames, references, keyframe_paths):
        self.still_held.append(self._last() is not None)
        light = np.zeros((len(frames), *frames[0].rgb.shape), np.float32)
        self._last = weakref.ref(light)
        return light


def test_a_window_is_not_held_while_the_next_is_computed():
    shot, engine = make_shot(frames=range(1, 20)), Forgotten()
    source = DownsampledShot(ArraySource(shot.plate, {1: shot.truth[1]}, None), 64)
    with Propagation(source, engine) as light:
        gains = list(light.gains(shot.frames))
    assert [gain.frame for gain in gains] == list(shot.frames)
    assert engine.still_held == [False] * 9
