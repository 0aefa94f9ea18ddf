import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.movie.chroma import heightened, lowered, narrowed, widened

SIZES = st.tuples(st.integers(1, 21), st.integers(1, 21))


@given(SIZES, st.integers(0, 1000))
def test_what_goes_up_comes_down_as_it_was(size, seed):
    height, width = size
    chroma = np.random.default_rng(seed).uniform(-0.6, 0.6, ((height + 1) // 2, (width + 1) // 2)).astype(np.float32)
    across = widened(chroma, width)
    assert across.shape == (chroma.shape[0], width)
    assert narrowed(across) == pytest.approx(chroma, abs=1e-6)
    down = heightened(chroma, height)
    assert down.shape == (height, chroma.shape[1])
    assert lowered(down) == pytest.approx(chroma, abs=1e-6)


def test_a_ramp_stays_a_ramp():
    ramp = np.arange(8, dtype=np.float32)[None]
    assert widened(ramp, 15)[0] == pytest.approx(np.arange(15) / 2)
    # Samples lie between two rows: the first a quarter of its distance below the first row.
    assert heightened(ramp.T, 16)[1:-1, 0] == pytest.approx(np.arange(14) / 2 + 0.25)
    assert narrowed(ramp)[0, 1:-1] == pytest.approx([2, 4])
