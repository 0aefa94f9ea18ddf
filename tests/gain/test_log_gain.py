import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from relumix.gain.downsample import BRIGHTEST
from relumix.gain.log_gain import BLACK_OFFSET, MID_GREY, apply, measure, measured

values = arrays(np.float32, (4, 3), elements=st.floats(0, 1000, width=32))
light = arrays(np.float32, (4, 3), elements=st.floats(np.float32(BLACK_OFFSET), 1000, width=32))
extremes = arrays(np.float32, (4, 3), elements=st.floats(0, BRIGHTEST, width=32))
stops = arrays(np.float32, (4, 3), elements=st.floats(-12, 12, width=32))
NO_GRADE = np.zeros(3, np.float32)


@given(before=light, after=light)
def test_applying_what_was_measured_gives_the_second_value(before, after):
    result = apply(before, measure(before, after), NO_GRADE)
    np.testing.assert_allclose(result, after, rtol=1 / 15)  # at BLACK_OFFSET itself; less above it
    np.testing.assert_allclose(result[before > MID_GREY], after[before > MID_GREY], rtol=1e-3, atol=BLACK_OFFSET / 16)


@given(before=light, after=light)
def test_what_was_measured_is_known_exactly(before, after):
    np.testing.assert_allclose(measured(before, measure(before, after)), after, rtol=1e-4, atol=1e-6)


@given(plate=values, gain=stops, grade=st.floats(-4, 4, width=32))
def test_black_stays_black_and_nothing_changes_its_sign(plate, gain, grade):
    plate[0] = (0.0, -0.0, -1.0)
    result = apply(plate, gain, np.full(3, grade, np.float32))
    np.testing.assert_array_equal(result[0, :2], (0.0, -0.0))
    np.testing.assert_array_equal(np.signbit(result), np.signbit(plate))


@given(plate=values, gain=stops, share=st.integers(-20, 20))
def test_a_share_of_the_plate_is_that_share_of_the_result(plate, gain, share):
    plate[plate < 2.0**-60] = 0  # else its share may lack digits
    whole, faded = (apply(each, gain, NO_GRADE) for each in (plate, plate * np.float32(2.0**share)))
    np.testing.assert_array_equal(faded, whole * np.float32(2.0**share))


@given(plate=values, gain=stops, grade=st.floats(-4, 4, width=32))
def test_more_gain_is_more_light(plate, gain, grade):
    grade = np.full(3, grade, np.float32)
    less, more = (apply(plate, g, grade) for g in (gain, gain + np.float32(0.5)))
    assert (more >= less).all()


@given(plate=values)
def test_no_gain_is_no_change(plate):
    np.testing.assert_array_equal(apply(plate, np.zeros_like(plate), NO_GRADE), plate)


@given(before=extremes, after=extremes)
def test_what_is_measured_is_finite_and_bounded(before, after):
    gain = measure(before, after)
    assert np.isfinite(gain).all()
    # No more than the gain that brings a quarter of BLACK_OFFSET to twice the brighter of the two.
    assert gain.max() <= np.log2(1 + after.max() / (BLACK_OFFSET / 2))
    assert (gain[after > before] >= 0).all()
    assert (gain[after < before] <= 0).all()


def test_noise_in_black_is_not_light():
    black, noise = np.zeros((1, 3), np.float32), np.full((1, 3), BLACK_OFFSET / 100, np.float32)
    assert np.abs(measure(black, noise)).max() == 0
    assert np.abs(measure(noise / 2, noise)).max() < 0.01
    assert np.abs(measure(noise, black)).max() < 0.3
