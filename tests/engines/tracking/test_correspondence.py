from itertools import pairwise

import numpy as np
import pytest

from relumix.engines.tracking.correspondence import Track, View, follow, sample, stay, step
from relumix.gain.proxy import ProxyFrame
from tests.engines.tracking.frames import working
from tests.synthetic import make_shot

INNER = (slice(12, -12), slice(20, -20))


def track_through(views: list[View]) -> Track:
    track = stay(views[0])
    for last, now in pairwise(views):
        track = follow(step(now, last), track, now, views[0])
    return track


@pytest.mark.parametrize("pan", [(3.0, 0.0), (1.5, -1.0)])
def test_a_pan_is_found_to_a_fraction_of_a_pixel(pan: tuple[float, float]) -> None:
    shot = make_shot(size=(96, 64), frames=range(1, 6), pan=pan)
    track = track_through([View.of(frame) for frame in working(shot)])
    miss = np.linalg.norm(track.there - shot.motion(5, 1), axis=-1)[INNER]
    assert np.median(miss) < 0.2
    assert np.median(np.linalg.norm(track.back - shot.motion(1, 5), axis=-1)[INNER]) < 0.2


def test_a_chain_that_drifted_is_put_right() -> None:
    shot = make_shot(size=(96, 64), frames=(1, 2), pan=(3.0, 0.0))
    first, second = (View.of(frame) for frame in working(shot))
    moved = step(second, first)
    drifted = Track(moved.there + np.float32(1.5), moved.back - np.float32(1.5), moved.exposure)
    track = follow(drifted, stay(first), second, first)
    miss = np.linalg.norm(track.there - shot.motion(2, 1), axis=-1)[INNER]
    assert np.median(miss) < 0.2


def test_what_leaves_the_picture_is_not_seen() -> None:
    shot = make_shot(size=(96, 64), frames=range(1, 6), pan=(4.0, 0.0))
    track = track_through([View.of(frame) for frame in working(shot)])
    seen = shot.seen(5, 1)
    assert track.seen[INNER].mean() > 0.9
    assert track.seen[~seen].mean() < 0.3


def test_a_change_of_exposure_changes_no_motion_and_is_measured() -> None:
    first, second = working(make_shot(size=(96, 64), frames=range(1, 3), pan=(2.0, 1.0)))
    brighter = ProxyFrame(second.frame, second.rgb * np.float32(2), second.known)
    track = step(View.of(brighter), View.of(first))
    plain = step(View.of(second), View.of(first))
    assert track.exposure == pytest.approx(1, abs=0.1)
    assert track.reversed().exposure == -track.exposure
    assert follow(track, track, View.of(brighter), View.of(first)).exposure == 2 * track.exposure
    assert np.median(np.abs(track.there - plain.there)) < 0.1


def test_equal_frames_do_not_move_at_all() -> None:
    shot = make_shot(frames=range(1, 4), pan=(0.0, 0.0))
    track = track_through([View.of(frame) for frame in working(shot)])
    assert not track.there.any()
    assert not track.back.any()
    assert (track.seen == 1).all()
    assert track.still_share == 1


def test_sampling_where_nothing_moves_is_exact() -> None:
    image = np.random.default_rng(1).random((9, 7, 3), np.float32)
    assert np.array_equal(sample(image, np.zeros((9, 7, 2), np.float32)), image)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (5, 40), (200, 2)])
def test_small_and_narrow_frames_can_be_followed(size: tuple[int, int]) -> None:
    random = np.random.default_rng(2)
    known = np.ones(size, np.float32)
    now, last = (View.of(ProxyFrame(i, random.random((*size, 3), np.float32), known)) for i in (2, 1))
    track = follow(step(now, last), stay(last), now, last)
    assert track.there.shape == (*size, 2)
    assert np.isfinite(track.there).all()
