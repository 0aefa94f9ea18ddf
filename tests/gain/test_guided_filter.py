import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.gain.guided_filter import LuminanceLines, upsample_by_color


def edge(size: int) -> np.ndarray:
    """[size, size, 3]: four stops between left and right."""
    guide = np.zeros((size, size, 3), np.float32)
    guide[:, size // 2 :] = 4
    return guide


def test_edges_lie_where_the_guide_has_them() -> None:
    image = edge(16) * np.float32(0.5)
    out = upsample_by_color(image, edge(16), edge(64))
    assert np.abs(out - edge(64) * np.float32(0.5)).max() < 0.2  # of 2 stops; bilinear: 1


@settings(max_examples=20)
@given(constant=st.floats(-20, 20), scale=st.floats(-5, 5))
def test_it_is_linear_and_passes_constants(constant: float, scale: float) -> None:
    random = np.random.default_rng(3)
    image, guide = random.random((8, 12, 3), np.float32), random.random((8, 12, 3), np.float32)
    full = random.random((30, 50, 3), np.float32)
    out = upsample_by_color(image, guide, full)
    moved = upsample_by_color(image * np.float32(scale) + np.float32(constant), guide, full)
    assert moved == pytest.approx(out * scale + constant, abs=1e-4)


def test_nothing_gives_exactly_nothing() -> None:
    random = np.random.default_rng(4)
    guide, full = random.random((8, 12, 3), np.float32), random.random((30, 50, 3), np.float32)
    assert not upsample_by_color(np.zeros((8, 12, 3), np.float32), guide, full).any()


def test_lines_over_luminance_meet_the_small_map_exactly() -> None:
    random = np.random.default_rng(5)
    values, guide = random.normal(size=(9, 7, 3)).astype(np.float32), random.normal(size=(9, 7)).astype(np.float32)
    lines = LuminanceLines.fit(values, guide, np.arange(7.0), np.arange(9.0))
    np.testing.assert_allclose(lines.evaluate(slice(0, 9), guide, None), values, atol=1e-5)


def test_a_pixel_without_a_guide_of_its_own_has_the_small_one() -> None:
    values, guide = np.ones((4, 4, 3), np.float32), np.arange(16, dtype=np.float32).reshape(4, 4)
    values *= guide[..., None]
    lines = LuminanceLines.fit(values, guide, np.arange(4.0), np.arange(4.0))
    spoilt, sound = guide.copy(), np.ones((4, 4), bool)
    spoilt[2, 1], sound[2, 1] = 1e6, False
    np.testing.assert_allclose(lines.evaluate(slice(0, 4), spoilt, sound), values, atol=1e-4)
