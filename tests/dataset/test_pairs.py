"""Training pairs: sums of lights, and what a camera adds."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.dataset.pairs import draw, grainy, light_mix, mix, motion_blurred
from relumix.dataset.shards import Scene


def scene(frames=8, lights=4, seed=0):
    light = np.random.default_rng(seed).random((frames, lights, 6, 8, 3)).astype(np.float16)
    return Scene(light, np.zeros((frames, 6, 8), np.uint8), {})


def test_light_adds_up():
    light = np.random.default_rng(1).random((2, 3, 4, 5, 3)).astype(np.float32)
    weights = np.array([[1, 2, 3], [0, 0, 0], [0.5, 0.5, 0.5]], np.float32)
    np.testing.assert_allclose(mix(light, weights), light[:, 0] * [1, 2, 3] + light[:, 2] * 0.5, rtol=1e-6)


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), frames=st.integers(1, 8))
def test_a_pair_is_a_function_of_its_seed_and_sound(seed, frames):
    one, two = (draw(scene(), np.random.default_rng(seed), frames) for _ in range(2))
    for name in ("plate", "clean", "relit", "reference", "moving"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        assert np.isfinite(getattr(one, name)).all()
        assert (getattr(one, name) >= 0).all()
    assert one.plate.shape == one.clean.shape == one.relit.shape == (frames, 6, 8, 3)
    assert one.reference.shape == (6, 8, 3)


def test_frames_run_forwards_or_backwards_at_an_even_pace():
    light = np.arange(1, 9, dtype=np.float16).reshape(8, 1, 1, 1, 1) * np.ones((1, 1, 6, 8, 3), np.float16)
    counted = Scene(light, np.zeros((8, 6, 8), np.uint8), {})
    paces = set()
    for seed in range(40):
        levels = draw(counted, np.random.default_rng(seed), 3).clean.mean((1, 2, 3))
        steps = np.diff(levels)
        np.testing.assert_allclose(steps[0], steps[1], rtol=1e-3)
        paces.add(float(np.sign(steps[0])))
    assert paces == {-1.0, 1.0}


def test_a_crop_is_as_large_as_the_whole_and_part_of_it():
    ramp = np.broadcast_to(np.linspace(1, 2, 64, dtype=np.float32)[None, :, None], (48, 64, 3))
    light = np.broadcast_to(ramp, (2, 1, 48, 64, 3)).astype(np.float16)
    spans = []
    for seed in range(30):
        clean = draw(Scene(light, np.zeros((2, 48, 64), np.uint8), {}), np.random.default_rng(seed), 2).clean
        assert clean.shape == (2, 48, 64, 3)
        spans.append(float((clean.max((1, 2)) / clean.min((1, 2))).max()))
    assert min(spans) < 1.7
    assert max(spans) == pytest.approx(2, rel=0.01)


def test_an_open_shutter_draws_out_what_moves_and_nothing_else():
    picture = np.random.default_rng(2).random((16, 24, 3), np.float32)
    plane = cv2.resize(picture, (96, 64), interpolation=cv2.INTER_CUBIC).clip(0.02)
    still, panned = np.stack([plane[:, 10:74]] * 3), np.stack([plane[:, t : t + 64] for t in (0, 6, 12)])
    np.testing.assert_allclose(motion_blurred(still, 0.5), still, atol=1e-6)
    before, after = panned[1], motion_blurred(panned, 0.8)[1]
    along, across = (np.abs(np.diff(after, axis=i)).mean() / np.abs(np.diff(before, axis=i)).mean() for i in (1, 0))
    assert along < 0.85 * across
    np.testing.assert_array_equal(motion_blurred(panned[:1], 0.5), panned[:1])


def test_too_few_frames_are_refused():
    with pytest.raises(ValueError, match="a clip of 9 frames was asked of a scene of 8"):
        draw(scene(), np.random.default_rng(0), 9)


def test_a_light_that_reaches_nothing_is_not_raised():
    weights = light_mix(np.random.default_rng(0), np.array([0.2, 0.0, 0.3], np.float32), np.array([0, 2]))
    assert not weights[1].any()
    assert (weights[[0, 2]] > 0).all()


def test_grain_leaves_the_mean_alone():
    clean = np.full((2, 64, 64, 3), 0.3, np.float32)
    for seed in range(6):
        assert grainy(clean, np.random.default_rng(seed)).mean() == pytest.approx(0.3, rel=5e-3)
