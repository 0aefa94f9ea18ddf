import weakref
from collections import Counter

import numpy as np
import pytest

from relumix.engines.base import Carried, Windowing
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.propagate import Propagation
from relumix.shot.array_source import ArraySource
from tests.synthetic import make_shot


class Forgotten:
    """An engine and its propagator at once. It adds no light, and looks whether its last window is still held."""

    name, windowing = "forgotten", Windowing("1", 4, 2, tracks=False)

    def __init__(self):
        self.still_held = []
        self._last = lambda: None

    def start(self):
        return self

    def propagate(self, frames, references, keyframe_paths):
        self.still_held.append(self._last() is not None)
        light = np.zeros((len(frames), *frames[0].rgb.shape), np.float32)
        self._last = weakref.ref(light)
        return Carried(light, light[..., 0])


def test_a_window_is_not_held_while_the_next_is_computed():
    shot, engine = make_shot(frames=range(1, 20)), Forgotten()
    source = DownsampledShot(ArraySource(shot.plate, {1: shot.truth[1]}, None), 64)
    with Propagation(source, engine) as light:
        gains = list(light.gains(shot.frames))
    assert [gain.frame for gain in gains] == list(shot.frames)
    assert engine.still_held == [False] * 9


class Looking:
    """An engine and its propagator at once. It looks at keyframes as a tracker does, which goes on from the last track
    that it remembers, and tells of half a window."""

    name, windowing = "looking", Windowing("1", 4, 1, tracks=True)

    def __init__(self):
        self.walked = []

    def start(self):
        return self

    def report_to(self, tell):
        self.tell = tell

    def propagate(self, frames, references, keyframe_paths):
        for path in keyframe_paths:
            ends = [tuple(keyframe.frame for keyframe in path[:end]) for end in range(1, len(path) + 1)]
            known = max((i for i, end in enumerate(ends) if end in self.walked), default=0)
            assert all(keyframe.read().frame == keyframe.frame for keyframe in path[known:])
            # What is used again is forgotten last.
            self.walked = [*(end for end in self.walked if end not in ends[known:]), *ends[known:]][-4:]
        self.tell(0.5)
        light = np.zeros((len(frames), *frames[0].rgb.shape), np.float32)
        return Carried(light, light[..., 0])


class Counted(DownsampledShot):
    """A shot that counts how often each of its frames is read."""

    def __init__(self, *args):
        super().__init__(*args)
        self.reads = Counter()

    def frame(self, canvas, frame):
        self.reads[frame] += 1
        return super().frame(canvas, frame)


@pytest.mark.parametrize("references", [(1,), (40,), (20,), (1, 40), (10, 30)])
def test_every_frame_is_read_once_keyframes_too(references):
    shot = make_shot(size=(32, 24), frames=range(1, 41))
    source = Counted(ArraySource(shot.plate, {r: shot.truth[r] for r in references}, None), 64)
    with Propagation(source, Looking()) as light:
        assert [gain.frame for gain in light.gains(shot.frames)] == list(shot.frames)
    assert source.reads == dict.fromkeys(set(shot.frames) - set(references), 1)


@pytest.mark.parametrize("count", [40, 200])
def test_what_is_held_does_not_grow_with_the_way_from_the_reference(count):
    shot = make_shot(size=(8, 6), frames=range(1, count + 1))
    source = Counted(ArraySource(shot.plate, {1: shot.truth[1]}, None), 64)
    with Propagation(source, Looking()) as light:
        most = max(len(light._ahead) for _ in light.gains(shot.frames))
    assert most <= 4 + 3 + 1, "a window, what is new of the next one, and the keyframe behind them"


def test_it_tells_how_far_each_window_is():
    shot, told = make_shot(size=(32, 24), frames=range(1, 9)), []
    source = DownsampledShot(ArraySource(shot.plate, {1: shot.truth[1]}, None), 64)
    with Propagation(source, Looking(), on_window=lambda *window: told.append(window)) as light:
        assert not told
        list(light.gains(shot.frames))
    assert told == [(window, share) for window in range(3) for share in (0.0, 0.5, 1.0)]
