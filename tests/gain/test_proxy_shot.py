import numpy as np
import pytest

from relumix.errors import InputError
from relumix.gain.proxy_shot import DownsampledShot
from relumix.shot.array_source import ArraySource
from tests.synthetic import make_shot

SHOT = make_shot(size=(64, 48), frames=[1, 2])
BLACK = np.zeros_like(SHOT.plate[1])


def test_a_reference_of_a_black_frame_is_an_error():
    shot = DownsampledShot(ArraySource({1: BLACK, 2: SHOT.plate[2]}, {1: SHOT.truth[1]}, None), 64)
    with pytest.raises(InputError) as caught:
        shot.lights()
    assert str(caught.value) == (
        "the plate is black at frame 1, so its reference does not show what light does to the shot: expected the relit "
        "version of a frame that shows something"
    )


def test_a_black_reference_of_a_black_frame_is_no_light():
    shot = DownsampledShot(ArraySource({1: BLACK, 2: SHOT.plate[2]}, {1: BLACK}, None), 64)
    _, lights = shot.lights()
    reference, median_gain = lights[1]
    assert not reference.gain_stops.any()
    assert not reference.lit.any()
    assert not median_gain.any()


def test_every_frame_has_its_own_exposure():
    shot = DownsampledShot(ArraySource({1: SHOT.plate[1], 2: SHOT.plate[1] / 64}, {1: SHOT.truth[1]}, None), 64)
    canvas, _ = shot.lights()
    first, second = (shot.frame(canvas, frame) for frame in (1, 2))
    np.testing.assert_array_equal(first.rgb, second.rgb)
    assert second.exposure == 64 * first.exposure
