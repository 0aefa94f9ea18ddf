import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.evaluate.flicker import GainFlicker

HEIGHT, WIDTH = 96, 128
KNOWN = np.ones((HEIGHT, WIDTH), bool)


def pan(frames, step_px=3, seed=0):
    """A textured plane that moves to the left by whole pixels."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 1, (HEIGHT // 8, (WIDTH + step_px * frames) // 8 + 1))
    plane = np.kron(coarse, np.ones((8, 8)))
    plane = 0.18 * np.exp2(plane + rng.normal(0, 0.1, plane.shape))
    rgb = (plane[..., None] * [1.0, 0.8, 0.6]).astype(np.float32)
    return [rgb[:, step_px * i : step_px * i + WIDTH] for i in range(frames)]


def measure(results, sources, known=KNOWN):
    flicker = GainFlicker(1.0)
    return [flicker.step(result, source, known) for result, source in zip(results, sources, strict=True)]


@given(grade=st.tuples(*[st.floats(0.05, 20)] * 3))
@settings(max_examples=10)
def test_a_pure_grade_does_not_flicker(grade):
    sources = pan(3)
    first, *rest = measure([s * np.float32(grade) for s in sources], sources)
    assert first is None
    for step in rest:
        assert step.stops < 1e-5
        assert step.followed > 0.7


def test_light_that_moves_with_the_scene_does_not_flicker():
    sources = pan(3)
    light = np.exp2(2 * np.sin(np.arange(WIDTH + 9) / 40)).astype(np.float32)
    results = [s * light[None, 3 * i : 3 * i + WIDTH, None] for i, s in enumerate(sources)]
    for step in measure(results, sources)[1:]:
        assert step.stops < 0.02


def test_light_that_stays_behind_while_the_scene_moves_does():
    sources = pan(3)
    light = np.exp2(2 * np.sin(np.arange(WIDTH) / 10)).astype(np.float32)[None, :, None]
    for step in measure([s * light for s in sources], sources)[1:]:
        assert step.stops > 0.2


def test_a_level_that_jumps_is_measured_in_stops():
    sources = pan(4)
    levels = [1, 2**0.1, 1, 2**0.1]
    for step in measure([s * np.float32(level) for s, level in zip(sources, levels, strict=True)], sources)[1:]:
        assert step.stops == pytest.approx(0.1, abs=0.01)


def test_noise_in_black_does_not_count():
    rng = np.random.default_rng(0)
    sources = pan(3)
    for source in sources:
        source[60:] = rng.normal(0, 1e-4, (HEIGHT - 60, WIDTH, 3))
    results = [s.copy() for s in sources]
    for result in results:
        result[60:] = rng.normal(0, 1e-4, (HEIGHT - 60, WIDTH, 3))
    for step in measure(results, sources)[1:]:
        assert step.stops < 0.05


def test_unknown_pixels_do_not_count():
    sources = pan(3)
    known = KNOWN.copy()
    known[:, 64:] = False
    results = [s.copy() for s in sources]
    for i, result in enumerate(results):
        result[:, 64:] = np.nan if i == 1 else 10**i
    for step in measure(results, sources, known)[1:]:
        assert step.stops == pytest.approx(0, abs=1e-6)
        assert step.followed < 0.5
        assert np.isnan(step.map[:, 64:]).all()


def test_a_cut_is_followed_nowhere():
    sources = [pan(1, seed=0)[0], np.full((HEIGHT, WIDTH, 3), 0.18, np.float32)]
    flicker = GainFlicker(1.0)
    flicker.step(sources[0], sources[0], KNOWN)
    step = flicker.step(sources[1], sources[1], ~KNOWN)
    assert step.stops is None
    assert step.followed == 0


def test_forgetting_starts_anew():
    sources = pan(3)
    flicker = GainFlicker(1.0)
    flicker.step(sources[0], sources[0], KNOWN)
    flicker.forget()
    assert flicker.step(sources[1] * 2, sources[1], KNOWN) is None
    assert flicker.step(sources[2] * 2, sources[2], KNOWN).stops < 0.01


def test_small_and_large_frames_are_measured():
    for height, width in ((11, 14), (40, 2000)):
        sources = [np.full((height, width, 3), 0.18, np.float32)] * 2
        step = measure(sources, sources, np.ones((height, width), bool))[1]
        assert step.stops == 0
        assert step.map.shape == (height, width) if width < 960 else (19, 960)
