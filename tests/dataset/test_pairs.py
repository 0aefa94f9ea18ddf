"""Training pairs: sums of lights, and what a camera adds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.dataset.pairs import draw, grainy, light_mix, mix
from relumix.dataset.shards import Scene


def scene(frames=8, lights=4, seed=0):
    light = np.random.default_rng(seed).random((frames, lights, 6, 8, 3)).astype(np.float16)
    return Scene(light, np.zeros((frames, 6, 8), np.uint8), {})


def test_light_adds_up():
    light = np.random.default_rng(1).random((2, 3, 4, 5, 3)).astype(np.float32)
    weights = np.array([[1, 2, 3], [0, 0, 0], [0.5, 0.5, 0.5]], np.float32)
    np.testing.assert_allclose(mix(light, weights), light[:, 0] * [1, 2, 3] + light[:, 2] * 0.5, rtol=1e-6)


@settings(max_examples=25, deadline=None)
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
