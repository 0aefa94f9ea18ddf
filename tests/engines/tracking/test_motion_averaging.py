import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from relumix.engines.tracking.correspondence import View, step
from relumix.engines.tracking.motion_averaging import smooth
from relumix.types import Float32
from tests.engines.tracking.frames import working
from tests.synthetic import SyntheticShot, make_shot


def smoothed(shot: SyntheticShot, lights: list[Float32]) -> Float32:
    views = [View.of(frame) for frame in working(shot)]
    steps = [step(now, last) for last, now in pairwise(views)]
    even = np.ones(lights[0].shape[:2], np.float32)
    return np.stack([stops for stops, _ in smooth([(light, even) for light in lights], views, steps)])


def test_flicker_goes() -> None:
    shot = make_shot(frames=range(1, 9), pan=(0.0, 0.0))
    lights = [np.full_like(shot.stops[1], (-1) ** i) for i in range(8)]
    out = smoothed(shot, lights)
    assert np.abs(np.diff(out, axis=0)).max() < 0.7


def test_light_on_a_moving_surface_stays_sharp() -> None:
    shot = make_shot(size=(96, 64), frames=range(1, 7), pan=(3.0, 0.0), square_px=20)
    lights = [shot.stops[f] for f in shot.frames]
    out = smoothed(shot, lights)
    assert np.median(np.abs(out - np.stack(lights))) < 0.01


def test_a_cut_mixes_nothing() -> None:
    first = working(make_shot(frames=range(1, 3)))[0]
    other = working(make_shot(frames=range(1, 3), seed=9))[1]
    views = [View.of(first), View.of(other)]
    lights = [np.full_like(first.rgb, 3), np.full_like(first.rgb, -3)]
    out = smooth([(light, first.known) for light in lights], views, [step(views[1], views[0])])
    assert np.median(out[0][0]) == pytest.approx(3, abs=0.5)
    assert np.median(out[1][0]) == pytest.approx(-3, abs=0.5)


def test_one_frame_stays_as_it_is() -> None:
    shot = make_shot(frames=[1])
    assert np.array_equal(smoothed(shot, [shot.stops[1]])[0], shot.stops[1])


def test_it_holds_little_more_than_it_returns() -> None:
    shot = make_shot(size=(192, 128), frames=range(1, 17))
    views = [View.of(frame) for frame in working(shot)]
    steps = [step(now, last) for last, now in pairwise(views)]
    lights = [(shot.stops[f], np.ones_like(views[0].log_luma)) for f in shot.frames]
    smooth(lights, views, steps)  # what views and steps keep for themselves is there from now on
    tracemalloc.start()
    result = smooth(lights, views, steps)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1.7 * sum(stops.nbytes + sure.nbytes for stops, sure in result)
