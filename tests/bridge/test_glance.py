import numpy as np

from relumix.bridge.glance import NUMBERS, alike


def test_small_differences_are_those_of_filters():
    numbers = np.geomspace(0.1, 10, NUMBERS)
    assert alike(numbers, numbers * 1.04)
    assert not alike(numbers, numbers * 1.1)
    changed = numbers.copy()
    changed[100] *= 1.2
    assert not alike(numbers, changed)
    assert alike([0.0] * NUMBERS, [0.0] * NUMBERS)
    assert not alike((), ())
