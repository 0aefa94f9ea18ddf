import numpy as np
import pytest

from relumix.engines.base import Reporting
from relumix.engines.registry import load_engine
from relumix.engines.tracking.window_progress import WindowProgress
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.propagate import Propagation
from relumix.shot.array_source import ArraySource
from tests.synthetic import make_shot


def test_steps_are_shares_of_their_window():
    told, progress = [], WindowProgress()
    progress.report_to(told.append)
    progress.begin(4)
    progress.step()
    assert list(progress.each("abc")) == ["a", "b", "c"]
    progress.begin(2)
    progress.step()
    assert told == [0.25, 0.5, 0.75, 0.99, 0.5]


def test_nobody_need_listen():
    progress = WindowProgress()
    progress.begin(0)
    progress.step()


@pytest.mark.parametrize("engine", ["flow", "lite"])
def test_engines_that_track_tell_of_every_frame(engine):
    if engine == "lite":
        pytest.importorskip("torch")
    shot, told = make_shot(size=(48, 32), frames=range(1, 7), pan=(1, 0)), []
    loaded = load_engine(engine, device="cpu")
    assert isinstance(loaded.start(), Reporting)
    source = DownsampledShot(ArraySource(shot.plate, {1: shot.truth[1], 6: shot.truth[6]}, None), 64)
    with Propagation(source, loaded, on_window=lambda window, share: told.append(share)) as light:
        assert all(np.isfinite(gain.gain_stops).all() for gain in light.gains(shot.frames))
    assert told == sorted(told)
    assert len(set(told)) >= 2 * 2 * 6
    assert (told[0], told[-1]) == (0.0, 1.0)
