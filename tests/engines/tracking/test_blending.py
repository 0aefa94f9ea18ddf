from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.engines.tracking.blending import Gauged, Side, blend_window
from relumix.types import Float32
from tests.engines.tracking.frames import reference, working
from tests.synthetic import SyntheticShot, make_shot

FRAMES = range(1, 6)


@pytest.fixture(scope="module")
def shot() -> SyntheticShot:
    return make_shot(size=(64, 48), frames=FRAMES)


def side(
    shot: SyntheticShot,
    stops: float,
    error: float | Float32,
    outside: float | Float32 = 0.0,
    match_cost: float | Float32 = 0.0,
) -> Side:
    gauged = Gauged(*(np.broadcast_to(np.float32(plane), (24, 32)) for plane in (error, outside, match_cost)))
    count = len(FRAMES)
    return Side([np.full_like(shot.stops[1], stops)] * count, [gauged] * count, 1.0)


def blended(shot: SyntheticShot, *sides: Side, at: tuple[int, ...] = (1, 5)) -> tuple[Float32, Float32]:
    """Blend the light of references at some frames; of those outside of FRAMES only the number counts."""
    references = [replace(reference(shot, 1), frame=frame) for frame in at][: len(sides)]
    for i, frame in enumerate(at[: len(sides)]):
        if frame in FRAMES:
            references[i] = reference(shot, frame)
    out = blend_window(working(shot), references, sides)
    return out.gain_stops, out.error_stops


@given(error=st.floats(0, 0.1))
def test_references_that_are_both_sure_are_blended_by_time(shot: SyntheticShot, error: float) -> None:
    gains, errors = blended(shot, side(shot, 0, error), side(shot, 1, error))
    for i, expected in ((1, 1 / 4), (2, 1 / 2), (3, 3 / 4)):
        assert gains[i] == pytest.approx(np.full_like(gains[i], expected), abs=1e-5)
        assert errors[i] == pytest.approx(np.full_like(errors[i], error), abs=1e-5)


@given(error=st.floats(0.2, 3))
def test_of_two_guesses_the_nearer_one_counts_more_than_its_time(shot: SyntheticShot, error: float) -> None:
    gains, _ = blended(shot, side(shot, 0, error), side(shot, 1, error))
    assert gains[1].max() < 0.24
    assert gains[2] == pytest.approx(np.full_like(gains[2], 0.5), abs=1e-5)
    assert gains[3].min() > 0.76


@given(error=st.floats(0.2, 3))
def test_nearness_has_no_advantage_outside_of_a_reference(shot: SyntheticShot, error: float) -> None:
    gains, _ = blended(shot, side(shot, 0, error, 1.0), side(shot, 1, error, 1.0))
    assert gains[1] == pytest.approx(np.full_like(gains[1], 0.25), abs=1e-5)


def test_one_that_never_showed_a_surface_does_not_count_there(shot: SyntheticShot) -> None:
    unsure = np.full((24, 32), 0.05, np.float32)
    unsure[:, 16:] = 1
    gains, errors = blended(shot, side(shot, 0, 0.05), side(shot, 1, unsure))
    assert gains[3][:, 48:].max() < 0.06
    assert errors[3][:, 48:].max() < 0.11
    assert gains[3][:, :16] == pytest.approx(np.full((48, 16, 3), 0.75), abs=0.01)


def test_what_lies_outside_of_one_is_left_to_the_other(shot: SyntheticShot) -> None:
    outside = np.zeros((24, 32), np.float32)
    outside[:, 16:] = 1
    gains, _ = blended(shot, side(shot, 0, 0.5), side(shot, 1, 0.5, outside))
    assert gains[2][:, :16] == pytest.approx(np.full((48, 16, 3), 0.5), abs=0.01)
    assert gains[2][:, 48:].max() < 0.2


def test_where_nothing_in_one_looks_alike_the_other_counts(shot: SyntheticShot) -> None:
    cost = np.zeros((24, 32), np.float32)
    cost[:, 16:] = 30
    gains, _ = blended(shot, side(shot, 0, 0.5), side(shot, 1, 0.5, match_cost=cost))
    assert gains[2][:, :16] == pytest.approx(np.full((48, 16, 3), 0.5), abs=0.01)
    assert gains[2][:, 48:].max() < 0.01
    assert gains[3][:, 48:].max() < 0.06


def test_a_reference_beyond_the_nearest_counts_where_these_guess_alone(shot: SyntheticShot) -> None:
    guess = np.full((24, 32), 0.02, np.float32)
    guess[:, 16:] = 1
    near = [side(shot, 0, guess, match_cost=20 * (guess > 0.5)) for _ in range(2)]
    gains, errors = blended(shot, *near, side(shot, 1, 0.02), at=(1, 5, 9))
    assert gains[1:4, :, :16].max() < 0.15
    assert gains[1:4, :, 48:].min() > 0.85
    assert errors[1:4, :, 48:].max() < 0.2
    assert np.array_equal(gains[0], shot.stops[1])
    assert np.array_equal(gains[4], shot.stops[5])


def test_beyond_the_last_reference_the_one_before_it_helps_where_that_guesses(shot: SyntheticShot) -> None:
    for at in ((-9, 0), (6, 15)):
        late = at[0] < 0
        sides = side(shot, 1, 0.02), side(shot, 0, 1.0, match_cost=20.0)
        gains, _ = blended(shot, *(sides if late else sides[::-1]), at=at)
        assert gains.min() > 0.6
        sides = side(shot, 1, 0.02), side(shot, 0, 0.02)
        gains, _ = blended(shot, *(sides if late else sides[::-1]), at=at)
        near = gains[0 if late else 4]
        assert near.max() < 0.1, "next to a reference none of its light comes from beyond it"


@given(errors=st.tuples(st.floats(0, 3), st.floats(0, 3)), stops=st.floats(-15, 15))
def test_light_that_is_the_same_stays_it_to_the_last_bit(
    shot: SyntheticShot, errors: tuple[float, float], stops: float
) -> None:
    gains, _ = blended(shot, *(side(shot, stops, error) for error in errors))
    assert (gains[1:4] == np.float32(stops)).all()


@given(errors=st.tuples(st.floats(0, 3), st.floats(0, 3)))
def test_light_passes_from_one_to_the_next_without_turning_back(
    shot: SyntheticShot, errors: tuple[float, float]
) -> None:
    gains, _ = blended(shot, *(side(shot, stops, error) for stops, error in zip((0, 1), errors, strict=True)))
    assert (np.diff(gains[1:4], axis=0) >= 0).all()
    assert (gains[1:4] >= 0).all() and (gains[1:4] <= 1).all()


def test_a_references_own_frame_is_its_own_without_error(shot: SyntheticShot) -> None:
    gains, errors = blended(shot, side(shot, 0, 1), side(shot, 1, 1))
    assert np.array_equal(gains[0], shot.stops[1])
    assert np.array_equal(gains[4], shot.stops[5])
    assert not errors[[0, 4]].any()


def test_one_reference_is_taken_as_it_is(shot: SyntheticShot) -> None:
    gains, errors = blended(shot, side(shot, 0.5, 0.25))
    assert (gains[1:] == 0.5).all()
    assert errors[1:] == pytest.approx(np.full((4, 48, 64), 0.25))
