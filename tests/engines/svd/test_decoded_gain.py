"""The gain that two pictures of a frame say."""

import numpy as np
import pytest

from relumix.engines.svd.decoded_gain import gain, pixels
from relumix.engines.svd.shown_light import ShownLight
from relumix.gain.direct_transfer import shown_under
from relumix.gain.log_gain import measure
from relumix.gain.proxy import ProxyFrame

SHOWN = ShownLight(0.0, np.zeros(3, np.float32), "reinhard")


@pytest.mark.parametrize(
    "shown", [SHOWN, ShownLight(0.5, np.float32([-1, -2, -2.5]), "reinhard")], ids=["as is", "moved"]
)
def test_the_gain_of_exact_pictures_is_exact(shown):
    random = np.random.default_rng(1)
    plate = random.uniform(0.05, 1, (2, 8, 8, 3)).astype(np.float32)
    lit = plate * np.exp2(random.uniform(-1, 1, plate.shape)).astype(np.float32)
    np.testing.assert_allclose(gain(shown, shown.plate(plate), shown.relit(lit)), measure(plate, lit), atol=4e-3)


def test_whites_take_the_gain_of_their_surroundings():
    plate = np.full((1, 64, 64, 3), 0.2, np.float32)
    lit = plate * 2
    plate[:, 30:34, 30:34] = 5000
    lit[:, 30:34, 30:34] = 5
    stops = gain(SHOWN, SHOWN.plate(plate), SHOWN.plate(lit))
    around = stops[0, 0, 0, 0]
    assert around == pytest.approx(1, abs=0.1)
    np.testing.assert_allclose(stops[0, 30:34, 30:34], around, atol=0.1)


@pytest.mark.parametrize("factor", [1.0, 0.25])
def test_pixels_are_what_the_picture_shows_without_the_median_gain(factor):
    shown, factor = ShownLight(-1.0, np.float32([1, 0.5, 0]), "reinhard"), np.float32(factor)
    plate, lit = np.random.default_rng(3).uniform(0.01, 2, (2, 4, 4, 3)).astype(np.float32)
    frame = ProxyFrame(1, plate, np.ones((4, 4), np.float32))
    stops = pixels(shown, frame, shown.relit(lit * factor), factor)
    np.testing.assert_allclose(shown_under(plate, stops), lit, rtol=1e-2, atol=1e-4)
