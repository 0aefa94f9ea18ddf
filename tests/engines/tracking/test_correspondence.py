from itertools import pairwise

import numpy as np
import pytest

from relumix.engines.tracking.correspondence import Track, extend_track, identity_track, track_neighbour, warp
from relumix.engines.tracking.log_frame import LogFrame
from relumix.gain.proxy import ProxyFrame
from tests.engines.tracking.frames import working
from tests.synthetic import make_shot

INNER = (slice(12, -12), slice(20, -20))


def track_through(frames: list[LogFrame]) -> Track:
    track = identity_track(frames[0])
    for last, now in pairwise(frames):
        track = extend_track(track_neighbour(now, last), track, now, frames[0])
    return track


@pytest.mark.parametrize("pan", [(3.0, 0.0), (1.5, -1.0)])
def test_a_pan_is_found_to_a_fraction_of_a_pixel(pan: tuple[float, float]) -> None:
    shot = make_shot(size=(96, 64), frames=range(1, 6), pan=pan)
    track = track_through([LogFrame.of(frame) for frame in working(shot)])
    error = np.linalg.norm(track.forward - shot.motion(5, 1), axis=-1)[INNER]
    assert np.median(error) < 0.2
    assert np.median(np.linalg.norm(track.backward - shot.motion(1, 5), axis=-1)[INNER]) < 0.2


def test_a_chain_that_drifted_is_put_right() -> None:
    shot = make_shot(size=(96, 64), frames=(1, 2), pan=(3.0, 0.0))
    first, second = (LogFrame.of(frame) for frame in working(shot))
    moved = track_neighbour(second, first)
    drifted = Track(moved.forward + np.float32(1.5), moved.backward - np.float32(1.5), moved.exposure_stops)
    track = extend_track(drifted, identity_track(first), second, first)
    error = np.linalg.norm(track.forward - shot.motion(2, 1), axis=-1)[INNER]
    assert np.median(error) < 0.2


def test_what_leaves_the_picture_is_not_seen() -> None:
    shot = make_shot(size=(96, 64), frames=range(1, 6), pan=(4.0, 0.0))
    track = track_through([LogFrame.of(frame) for frame in working(shot)])
    seen = shot.seen(5, 1)
    assert track.consistency[INNER].mean() > 0.9
    assert track.consistency[~seen].mean() < 0.3


def test_a_change_of_exposure_changes_no_motion_and_is_measured() -> None:
    first, second = working(make_shot(size=(96, 64), frames=range(1, 3), pan=(2.0, 1.0)))
    brighter = ProxyFrame(second.frame, second.rgb * np.float32(2), second.known)
    track = track_neighbour(LogFrame.of(brighter), LogFrame.of(first))
    plain = track_neighbour(LogFrame.of(second), LogFrame.of(first))
    assert track.exposure_stops == pytest.approx(1, abs=0.1)
    assert track.reversed().exposure_stops == -track.exposure_stops
    assert (
        extend_track(track, track, LogFrame.of(brighter), LogFrame.of(first)).exposure_stops == 2 * track.exposure_stops
    )
    assert np.median(np.abs(track.forward - plain.forward)) < 0.1


def test_equal_frames_do_not_move_at_all() -> None:
    shot = make_shot(frames=range(1, 4), pan=(0.0, 0.0))
    track = track_through([LogFrame.of(frame) for frame in working(shot)])
    assert not track.forward.any()
    assert not track.backward.any()
    assert (track.consistency == 1).all()
    assert track.static_share == 1


def test_sampling_where_nothing_moves_is_exact() -> None:
    image = np.random.default_rng(1).random((9, 7, 3), np.float32)
    assert np.array_equal(warp(image, np.zeros((9, 7, 2), np.float32)), image)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (5, 40), (200, 2)])
def test_small_and_narrow_frames_can_be_followed(size: tuple[int, int]) -> None:
    random = np.random.default_rng(2)
    known = np.ones(size, np.float32)
    now, last = (LogFrame.of(ProxyFrame(i, random.random((*size, 3), np.float32), known)) for i in (2, 1))
    track = extend_track(track_neighbour(now, last), identity_track(last), now, last)
    assert track.forward.shape == (*size, 2)
    assert np.isfinite(track.forward).all()
