import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from relumix.gain.log_gain import BLACK_OFFSET, apply, measure

values = arrays(np.float32, (4, 3), elements=st.floats(0, 1000, width=32))
stops = arrays(np.float32, (4, 3), elements=st.floats(-12, 12, width=32))
NO_GRADE = np.zeros(3, np.float32)
OFFSET = np.float32(BLACK_OFFSET)


@given(before=values, after=values)
def test_applying_what_was_measured_gives_the_second_value(before, after):
    result = apply(before, measure(before, after), NO_GRADE, OFFSET)
    np.testing.assert_allclose(result, after, rtol=1e-4, atol=1.01 * BLACK_OFFSET / 16)


@given(plate=values, gain=stops)
def test_nothing_positive_turns_negative(plate, gain):
    assert (apply(plate, gain, NO_GRADE, OFFSET) >= 0).all()


@given(plate=values, gain=stops, grade=st.floats(-4, 4, width=32))
def test_more_gain_is_more_light(plate, gain, grade):
    grade = np.full(3, grade, np.float32)
    less, more = (apply(plate, g, grade, OFFSET) for g in (gain, gain + np.float32(0.5)))
    assert (more >= less).all()


@given(plate=values)
def test_no_gain_is_no_change(plate):
    np.testing.assert_array_equal(apply(plate, np.zeros_like(plate), NO_GRADE, OFFSET), plate)


def test_noise_in_black_is_not_light():
    black, noise = np.zeros((1, 3), np.float32), np.full((1, 3), BLACK_OFFSET / 100, np.float32)
    assert np.abs(measure(black, noise)).max() < 0.02
    assert np.abs(measure(noise, black)).max() < 0.3
    assert apply(noise, np.float32([[6]]), NO_GRADE, OFFSET).max() < 1.1 * 64 * BLACK_OFFSET
