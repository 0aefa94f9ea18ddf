import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from relumix.color.rec709 import srgb_decode, srgb_encode


def test_srgb_encode_at_known_values():
    got = srgb_encode(np.array([-1, 0, 0.0031308, 0.18, 0.5, 1, 7], np.float32))
    np.testing.assert_allclose(got, [0, 0, 0.04045, 0.461356, 0.735357, 1, 1], atol=2e-6)
    assert got.dtype == np.float32


@given(arrays(np.float32, 7, elements=st.floats(0, 1, width=32)))
def test_decoding_undoes_it(linear):
    np.testing.assert_allclose(srgb_decode(srgb_encode(linear)), linear, rtol=1e-5, atol=1e-7)
