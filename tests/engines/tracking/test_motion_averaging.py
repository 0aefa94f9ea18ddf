import tracemalloc

import numpy as np
import pytest

from relumix.engines.tracking.motion_averaging import WeightedGain, average
from relumix.engines.tracking.tracks import WindowMotion
from relumix.types import Float32
from tests.engines.tracking.frames import working
from tests.synthetic import SyntheticShot, make_shot


def averaged(shot: SyntheticShot, gains: list[Float32]) -> Float32:
    even = np.ones(gains[0].shape[:2], np.float32)
    out = average([WeightedGain(stops, even) for stops in gains], WindowMotion.of(working(shot)))
    return np.stack([gain.gain_stops for gain in out])


def test_flicker_goes() -> None:
    shot = make_shot(frames=range(1, 9), pan=(0.0, 0.0))
    lights = [np.full_like(shot.stops[1], (-1) ** i) for i in range(8)]
    out = averaged(shot, lights)
    assert np.abs(np.diff(out, axis=0)).max() < 0.7


def test_light_on_a_moving_surface_stays_sharp() -> None:
    shot = make_shot(size=(96, 64), frames=range(1, 7), pan=(3.0, 0.0), square_px=20)
    lights = [shot.stops[f] for f in shot.frames]
    out = averaged(shot, lights)
    assert np.median(np.abs(out - np.stack(lights))) < 0.01


def test_a_cut_mixes_nothing() -> None:
    first = working(make_shot(frames=range(1, 3)))[0]
    other = working(make_shot(frames=range(1, 3), seed=9))[1]
    gains = [WeightedGain(np.full_like(first.rgb, stops), first.known) for stops in (3, -3)]
    out = average(gains, WindowMotion.of([first, other]))
    assert np.median(out[0].gain_stops) == pytest.approx(3, abs=0.5)
    assert np.median(out[1].gain_stops) == pytest.approx(-3, abs=0.5)


def test_one_frame_stays_as_it_is() -> None:
    shot = make_shot(frames=[1])
    assert np.array_equal(averaged(shot, [shot.stops[1]])[0], shot.stops[1])


def test_it_holds_little_more_than_it_returns() -> None:
    shot = make_shot(size=(192, 128), frames=range(1, 17))
    motion = WindowMotion.of(working(shot))
    gains = [WeightedGain(shot.stops[f], np.ones_like(motion.frames[0].log_luma)) for f in shot.frames]
    average(gains, motion)  # what frames and steps keep for themselves is there from now on
    tracemalloc.start()
    result = average(gains, motion)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1.7 * sum(gain.gain_stops.nbytes + gain.weight.nbytes for gain in result)
