import numpy as np
import pytest

from relumix.events import Suggested
from relumix.gain.transfer import Gain
from relumix.pipeline.guessed import Overlooked
from relumix.pipeline.suggest import MOST_FRAMES
from tests.engines.tracking.frames import reference, working
from tests.synthetic import SyntheticShot, make_shot, shadow_light


@pytest.fixture(scope="module")
def panned() -> SyntheticShot:
    return make_shot(size=(96, 64), frames=range(1001, 1018), pan=(11.0, 0.0), square_px=0.0, light=shadow_light(50))


def told(shot: SyntheticShot, unsure: range, cuts: tuple[int, ...] = ()) -> Suggested | None:
    """What is told of a shot lit by its first frame, where all of the frames `unsure` is far off."""
    watched, light = Overlooked(cuts), reference(shot, shot.frames[0])
    for frame in working(shot)[1:]:
        error = np.full(frame.known.shape, 0.9 if frame.frame in unsure else 0.1, np.float32)
        watched.saw(frame, Gain(frame.frame, shot.stops[frame.frame], light.median_gain(), error, error))
    return watched.suggestion([(light, light.median_gain())])


def test_frames_that_are_mostly_a_guess_are_told(panned: SyntheticShot) -> None:
    said = told(panned, range(1009, 1018))
    assert said is not None
    assert said.guessed == [(1009, 1017)]
    assert said.message == f"frames 1009 to 1017 are mostly a guess; a reference at {said.frame} would help most"
    assert 1007 <= said.frame <= 1015


def test_one_frame_is_told_as_one(panned: SyntheticShot) -> None:
    said = told(panned, range(1012, 1013))
    assert said is not None
    assert said.message.startswith("frame 1012 is mostly a guess; ")


def test_stretches_end_at_a_cut(panned: SyntheticShot) -> None:
    said = told(panned, range(1006, 1012), (1009,))
    assert said is not None
    assert said.guessed == [(1006, 1008), (1009, 1011)]
    assert said.frame >= 1009  # of the scene without a reference


def test_nothing_is_told_where_all_is_sure(panned: SyntheticShot) -> None:
    assert told(panned, range(0)) is None


def test_what_is_kept_is_bounded() -> None:
    still = make_shot(size=(16, 12), frames=range(1, 400), pan=(0.0, 0.0), square_px=0.0)
    watched = Overlooked()
    for frame in working(still):
        watched.saw(frame, Gain(frame.frame, still.stops[1], np.zeros(3, np.float32), frame.known, frame.known))
    assert MOST_FRAMES / 2 <= len(watched._kept) <= MOST_FRAMES
