import pytest

from relumix.shot.placing import same_shape


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
