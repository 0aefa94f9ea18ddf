import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.engines.tracking.blending import Side, blend_window
from relumix.types import Float32
from tests.engines.tracking.frames import reference, working
from tests.synthetic import SyntheticShot, make_shot

FRAMES = range(1, 6)


@pytest.fixture(scope="module")
def shot() -> SyntheticShot:
    return make_shot(size=(64, 48), frames=FRAMES)


def side(shot: SyntheticShot, stops: float, error: float | Float32, outside: float | Float32 = 0.0) -> Side:
    errors, out = (np.broadcast_to(np.float32(plane), (24, 32)) for plane in (error, outside))
    count = len(FRAMES)
    return Side([np.full_like(shot.stops[1], stops)] * count, [(errors, out)] * count, 1.0)


def blended(shot: SyntheticShot, *sides: Side) -> tuple[Float32, Float32]:
    references = [reference(shot, 1), reference(shot, 5)][: len(sides)]
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
    assert gains[1].max() < 0.23
    assert gains[2] == pytest.approx(np.full_like(gains[2], 0.5), abs=1e-5)
    assert gains[3].min() > 0.77


@given(error=st.floats(0.2, 3))
def test_nearness_has_no_advantage_outside_of_a_reference(shot: SyntheticShot, error: float) -> None:
    gains, _ = blended(shot, side(shot, 0, error, 1.0), side(shot, 1, error, 1.0))
    assert gains[1] == pytest.approx(np.full_like(gains[1], 0.25), abs=1e-5)


def test_one_that_never_showed_a_surface_does_not_count_there(shot: SyntheticShot) -> None:
    unsure = np.full((24, 32), 0.05, np.float32)
    unsure[:, 16:] = 1
    gains, errors = blended(shot, side(shot, 0, 0.05), side(shot, 1, unsure))
    assert gains[3][:, 48:].max() < 0.01
    assert errors[3][:, 48:].max() < 0.07
    assert gains[3][:, :16] == pytest.approx(np.full((48, 16, 3), 0.75), abs=0.01)


def test_what_lies_outside_of_one_is_left_to_the_other(shot: SyntheticShot) -> None:
    outside = np.zeros((24, 32), np.float32)
    outside[:, 16:] = 1
    gains, _ = blended(shot, side(shot, 0, 0.5), side(shot, 1, 0.5, outside))
    assert gains[2][:, :16] == pytest.approx(np.full((48, 16, 3), 0.5), abs=0.01)
    assert gains[2][:, 48:].max() < 0.05


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
