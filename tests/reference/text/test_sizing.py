"""A picture at the size of a model, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.reference.text.sizing import Frame


@given(st.integers(8, 300), st.integers(8, 300), st.integers(64, 300))
def test_a_picture_keeps_its_shape_and_the_model_its_multiples(height, width, size):
    frame = Frame.of((height, width, 3), size)
    assert frame.height >= frame.inner[0]
    assert frame.width >= frame.inner[1]
    assert frame.height % 8 == frame.width % 8 == 0
    assert frame.inner[0] / frame.inner[1] == pytest.approx(height / width, rel=1.1 / min(frame.inner))


@pytest.mark.parametrize("shape", [(60, 90, 3), (200, 120, 3), (33, 100, 3)])
def test_a_smooth_picture_comes_back_where_it_was(shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]] / np.array(shape[:2]).reshape(2, 1, 1)
    picture = np.stack([rows, columns, (rows + columns) / 2], -1).astype(np.float32)
    frame = Frame.of(shape, 128)
    np.testing.assert_allclose(frame.back(frame.fitted(picture)), picture, atol=0.02)


def test_a_model_that_chooses_another_size_is_scaled_back():
    frame = Frame.of((64, 64, 3), 64)
    assert frame.back(np.full((96, 96, 3), 0.5, np.float32)).shape == (64, 64, 3)
