"""Tone, canvas, light: what stands between the network and the plate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.engines.svd import tone
from relumix.engines.svd.canvas import NetworkCanvas
from relumix.engines.svd.light import ReferenceLight, gain, relit
from relumix.gain.log_gain import MID_GREY, measure
from relumix.gain.proxy import ProxyReference

ONES = np.ones((4, 6), np.float32)


def reference(local, level=0.0):
    rgb = np.full((4, 6, 3), MID_GREY, np.float32)
    return ProxyReference(1, rgb, ONES, (np.asarray(local) + level).astype(np.float32), ONES)


def test_the_tone_curve_is_undone_from_black_to_ten_stops_over_grey():
    light = np.concatenate([[0], np.geomspace(1e-5, 180, 500)]).astype(np.float32)[:, None] * np.ones(3, np.float32)
    picture = tone.encode(light)
    assert picture.min() == -1 and picture.max() < 1
    assert (np.diff(picture[:, 0]) > 0).all()
    np.testing.assert_allclose(tone.decode(picture), light, rtol=2e-3, atol=1e-6)


def test_mid_grey_is_where_srgb_has_it():
    np.testing.assert_allclose(tone.encode(np.float32([[MID_GREY] * 3])), 2 * 0.4614 - 1, atol=1e-3)


@settings(max_examples=30)
@given(height=st.integers(1, 200), width=st.integers(1, 200))
def test_any_aspect_is_padded_and_never_cropped(height, width):
    canvas = NetworkCanvas.fit(height, width, 1 << 20)
    picture = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
    placed = canvas.place(picture)
    assert placed.shape[0] % 64 == placed.shape[1] % 64 == 0
    assert placed.shape[0] - height < 64 and placed.shape[1] - width < 64
    np.testing.assert_array_equal(canvas.take(placed), picture)


def test_large_working_sizes_are_reduced_to_the_budget():
    canvas = NetworkCanvas.fit(720, 1280, 1024 * 576)
    assert canvas.inner == (576, 1024) == canvas.outer
    assert canvas.take(canvas.place(np.ones((720, 1280, 3), np.float32))).shape == (720, 1280, 3)


def test_the_gain_of_exact_pictures_is_exact():
    random = np.random.default_rng(1)
    plate = random.uniform(0.05, 1, (2, 8, 8, 3)).astype(np.float32)
    lit = plate * np.exp2(random.uniform(-1, 1, plate.shape)).astype(np.float32)
    np.testing.assert_allclose(gain(tone.encode(plate), tone.encode(lit)), measure(plate, lit), atol=2e-3)


def test_whites_take_the_gain_of_their_surroundings():
    plate = np.full((1, 64, 64, 3), 0.2, np.float32)
    lit = plate * 2
    plate[:, 30:34, 30:34] = 5000
    lit[:, 30:34, 30:34] = 5
    stops = gain(tone.encode(plate), tone.encode(lit))
    around = stops[0, 0, 0, 0]
    assert around == pytest.approx(1, abs=0.1)
    np.testing.assert_allclose(stops[0, 30:34, 30:34], around, atol=0.1)


@pytest.mark.parametrize(("spread", "plain"), [(0.0, True), (0.015, True), (0.1, False)])
def test_a_reference_that_hardly_varies_is_a_grade(spread, plain):
    ramp = np.linspace(-spread, spread, 24).reshape(4, 6, 1) * np.ones(3)
    assert ReferenceLight.of(reference(ramp, level=2.0)).plain is plain


def test_light_settles_on_what_is_known_and_within_reach():
    ramp = np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 6, 1) * np.ones(3, np.float32)
    light = ReferenceLight.of(reference(ramp))
    known = np.ones((4, 6), bool)
    made = np.stack([light.local + 0.7, np.full_like(light.local, 40), np.full_like(light.local, -40)])
    settled = light.settled(made, light.local + np.float32(0.7), light.local, known)
    np.testing.assert_allclose(settled[0], light.local, atol=1e-5)
    np.testing.assert_allclose([settled[1].max(), settled[2].min()], [1.5, -1.5], atol=1e-5)


def test_light_that_is_measured_is_what_makes_the_reference():
    random = np.random.default_rng(2)
    plate, lit = random.uniform(0, 2, (2, 8, 8, 3)).astype(np.float32)
    lit = np.maximum(lit, plate)  # where light is taken away a little of it stays, so that black is no light
    np.testing.assert_allclose(relit(plate, measure(plate, lit)), lit, atol=1e-4)
