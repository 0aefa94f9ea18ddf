import numpy as np

from relumix.bridge.thumbnail import NUMBERS, same_picture


def test_small_differences_are_those_of_filters():
    numbers = np.geomspace(0.1, 10, NUMBERS)
    assert same_picture(numbers, numbers * 1.04)
    assert not same_picture(numbers, numbers * 1.1)
    changed = numbers.copy()
    changed[100] *= 1.2
    assert not same_picture(numbers, changed)
    assert same_picture([0.0] * NUMBERS, [0.0] * NUMBERS)
    assert not same_picture((), ())
