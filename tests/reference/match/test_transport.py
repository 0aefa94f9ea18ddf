"""Transport between clouds of colours, held against maps that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.reference.match.transport import linear_map, sliced


def cloud(seed, count=2000):
    random = np.random.default_rng(seed)
    return random.normal(size=(count, 3)) @ random.normal(size=(3, 3))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.lists(st.floats(0.5, 2), min_size=3, max_size=3))
def test_a_linear_map_is_found(seed, stretch):
    """For Gaussian clouds the symmetric map that was done is the one of least motion."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    done = (axes * stretch) @ axes.T
    source = np.random.default_rng(seed).normal(size=(2000, 3)) * np.random.default_rng(seed).uniform(0.5, 2, 3)
    np.testing.assert_allclose(linear_map(source, source @ done, 3.0), done, atol=2e-3)


@given(st.integers(0, 99), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_no_direction_is_stretched_beyond_the_bound(one, other):
    stretch = np.linalg.eigvalsh(linear_map(cloud(one), 50 * cloud(other), 2.0))
    assert stretch.min() >= 0.5 - 1e-9
    assert stretch.max() <= 2.0 + 1e-9


def test_a_cloud_of_one_colour_stays_finite():
    assert np.isfinite(linear_map(np.zeros((10, 3)), cloud(1), 2.0)).all()


def test_a_cloud_is_moved_nowhere_to_become_itself():
    points = cloud(3)
    np.testing.assert_array_equal(sliced(points, points), points)


@pytest.mark.parametrize("count", [500, 3000])
def test_a_cloud_takes_the_others_distribution(count):
    source, target = cloud(1), np.exp(0.3 * cloud(2, count))
    moved = sliced(source, target)
    for direction in np.random.default_rng(0).normal(size=(5, 3)):
        quantiles = [np.quantile(each @ direction, np.linspace(0.05, 0.95, 19)) for each in (source, moved, target)]
        before, after = (np.abs(each - quantiles[2]).mean() for each in quantiles[:2])
        assert after < 0.1 * before


def test_a_seed_says_it_all():
    np.testing.assert_array_equal(sliced(cloud(1), cloud(2)), sliced(cloud(1), cloud(2)))
