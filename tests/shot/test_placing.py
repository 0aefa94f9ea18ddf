import numpy as np
import pytest

from relumix.shot.placing import same_shape, scaled


@pytest.mark.parametrize(
    ("size", "target", "same"),
    [
        ((960, 540), (1920, 1080), True),
        ((3840, 2160), (1920, 1080), True),
        ((960, 540), (1921, 1081), True),
        ((1920, 1088), (1920, 1080), True),  # sides rounded up to a multiple of 64
        ((1920, 1024), (1920, 1080), True),  # and down
        ((1024, 576), (1920, 1080), True),
        ((1024, 448), (2048, 858), True),
        ((832, 480), (1920, 1080), True),  # multiples of 32
        ((1440, 1080), (1920, 1080), False),
        ((1998, 1080), (1920, 1080), False),
        ((2048, 1152), (2048, 1080), False),
        ((1080, 1920), (1920, 1080), False),
        ((1920, 1079), (1920, 1080), False),
        ((64, 64), (96, 64), False),
        ((0, 0), (96, 64), False),
    ],
)
def test_the_same_shape_at_another_scale(size: tuple[int, int], target: tuple[int, int], same: bool) -> None:
    assert same_shape(size, target) is same


def test_scaling() -> None:
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert scaled(values, (3, 2)).tolist() == values.reshape(2, 2, 3, 2).mean((1, 3)).tolist()
    assert scaled(values, (6, 4)).tolist() == values.tolist()
    for size in ((12, 8), (5, 3), (7, 4)):
        ramp = scaled(values, size)
        assert ramp.shape == size[::-1]
        assert ramp.mean() == pytest.approx(values.mean(), rel=1e-3)
        assert (np.diff(ramp) > 0).all()
    assert scaled(np.dstack([values, values]), (3, 2)).shape == (2, 3, 2)
