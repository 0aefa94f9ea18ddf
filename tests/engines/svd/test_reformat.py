"""Working images in the network's picture, whole or cropped, and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.engines.svd.reformat import Reformat
from relumix.errors import InputError


def image(height, width):
    return np.random.default_rng(0).random((height, width, 3), dtype=np.float32)


@settings(max_examples=30)
@given(height=st.integers(1, 200), width=st.integers(1, 200))
def test_any_aspect_is_padded_and_never_cropped(height, width):
    reformat = Reformat.whole(height, width, 1 << 20)
    picture = image(height, width)
    placed = reformat.place(picture)
    assert placed.shape[:2] == reformat.picture
    assert placed.shape[0] % 64 == placed.shape[1] % 64 == 0
    assert placed.shape[0] - height < 64 and placed.shape[1] - width < 64
    np.testing.assert_array_equal(reformat.take(placed, picture + 1), picture)


def test_large_working_sizes_are_reduced_to_the_budget():
    reformat = Reformat.whole(720, 1280, 1024 * 576)
    assert reformat.scaled == (576, 1024) == reformat.picture
    ones = np.ones((720, 1280, 3), np.float32)
    assert reformat.take(reformat.place(ones), ones).shape == (720, 1280, 3)


@pytest.mark.parametrize(("size", "square"), [((64, 114), np.s_[:, 25:89]), ((90, 64), np.s_[13:77, :])])
def test_a_crop_is_the_central_square_and_the_rest_stays(size, square):
    reformat, picture = Reformat.crop(*size, 64), image(*size)
    np.testing.assert_array_equal(reformat.place(picture), picture[square])
    taken = reformat.take(np.zeros((64, 64, 3), np.float32), picture)
    expected = picture.copy()
    expected[square] = 0
    np.testing.assert_array_equal(taken, expected)


@pytest.mark.parametrize("size", [(32, 50), (300, 200)], ids=["enlarged", "reduced"])
def test_a_crop_scales_the_short_edge(size):
    reformat = Reformat.crop(*size, 128)
    assert reformat.picture == (128, 128) and min(reformat.scaled) == 128
    smooth = np.linspace(0, 1, size[1], dtype=np.float32)[None, :, None] * np.ones((size[0], 1, 3), np.float32)
    np.testing.assert_allclose(reformat.take(reformat.place(smooth), smooth), smooth, atol=0.02)


def test_what_clip_sees_is_not_mirrored():
    reformat, picture = Reformat.whole(40, 70, 1 << 20), image(40, 70)
    np.testing.assert_array_equal(reformat.seen(picture), picture)
    assert reformat.place(picture).shape == (64, 128, 3)


def test_a_crop_of_a_sliver_is_refused():
    """Scaled to the height of the crop it would take memory without end."""
    assert Reformat.crop(32, 512, 64).scaled == (64, 1024)
    with pytest.raises(InputError) as caught:
        Reformat.crop(2, 512, 64)
    assert str(caught.value) == ("svd's crop is of pictures up to 16 times as long as short: got 512x2, set crop=0")
