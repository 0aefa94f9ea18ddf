"""What a reference says beforehand about the light on other frames."""

import numpy as np
import pytest

from relumix.engines.svd.reference_light import ReferenceLight, relit
from relumix.gain.log_gain import MID_GREY, measure
from relumix.gain.proxy import ProxyReference

ONES = np.ones((4, 6), np.float32)


def reference(local, median_gain=0.0):
    rgb = np.full((4, 6, 3), MID_GREY, np.float32)
    return ProxyReference(1, rgb, ONES, (np.asarray(local) + median_gain).astype(np.float32), ONES)


@pytest.mark.parametrize(("spread", "plain"), [(0.0, True), (0.015, True), (0.1, False)])
def test_a_reference_that_hardly_varies_is_a_grade(spread, plain):
    ramp = np.linspace(-spread, spread, 24).reshape(4, 6, 1) * np.ones(3)
    assert ReferenceLight.of(reference(ramp, median_gain=2.0)).plain is plain


def test_light_is_brought_to_what_is_known_and_within_reach():
    ramp = np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 6, 1) * np.ones(3, np.float32)
    light = ReferenceLight.of(reference(ramp))
    known = np.ones((4, 6), bool)
    made = np.stack([light.local + 0.7, np.full_like(light.local, 40), np.full_like(light.local, -40)])
    calibrated = light.calibrated(made, light.local + np.float32(0.7), light.local, known)
    np.testing.assert_allclose(calibrated[0], light.local, atol=1e-5)
    np.testing.assert_allclose([calibrated[1].max(), calibrated[2].min()], [1.5, -1.5], atol=1e-5)


def test_light_that_is_measured_is_what_makes_the_reference():
    random = np.random.default_rng(2)
    plate, lit = random.uniform(0, 2, (2, 8, 8, 3)).astype(np.float32)
    lit = np.maximum(lit, plate)  # where light is taken away a little of it stays, so that black is no light
    made = relit(plate, measure(plate, lit))
    np.testing.assert_allclose(made, lit, rtol=0.02)  # a little is missing where the plate is near black
    np.testing.assert_allclose(made[plate > MID_GREY], lit[plate > MID_GREY], rtol=1e-3)
