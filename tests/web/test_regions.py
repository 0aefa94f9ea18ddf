from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.errors import InputError
from relumix.web.regions import MOST_POINTS, Region

points = st.lists(st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5)), min_size=1, max_size=5)
strokes = st.fixed_dictionaries(
    {"points": points, "radius": st.floats(0.002, 1), "softness": st.floats(0, 1), "erases": st.booleans()}
)
shapes = st.one_of(
    st.fixed_dictionaries({"strokes": st.lists(strokes, max_size=3), "inverted": st.booleans()}),
    st.fixed_dictionaries(
        {
            "gradient": st.sampled_from(["linear", "radial"]),
            "begin": st.tuples(st.floats(-1, 2), st.floats(-1, 2)),
            "end": st.tuples(st.floats(-1, 2), st.floats(-1, 2)),
            "inverted": st.booleans(),
        }
    ),
)


@settings(max_examples=50)
@given(shapes)
def test_a_weight_is_a_share(shape):
    weight = Region.of(shape).weight(40, 30)
    assert (weight.shape, weight.dtype) == ((30, 40), np.float32)
    assert weight.min() >= 0
    assert weight.max() <= 1
    other = Region.of({**shape, "inverted": not shape["inverted"]}).weight(40, 30)
    np.testing.assert_allclose(weight + other, 1, atol=1e-5)


def test_a_dab_is_where_it_was_put_and_soft():
    dab = {"points": [[0.25, 0.25]], "radius": 0.1, "softness": 0.8}
    weight = Region.of({"strokes": [dab]}).weight(200, 100)
    assert weight[50, 50] > 0.99
    assert weight[50, 72] == 0
    assert 0.3 < weight[50, 61] < 0.7
    assert (np.diff(weight[50, 50:75]) <= 1e-6).all()
    erased = Region.of({"strokes": [dab, {**dab, "erases": True}]}).weight(200, 100)
    assert erased.max() < 0.26  # what both left half


def test_a_stroke_beside_the_picture_reaches_into_it():
    beside = Region.of({"strokes": [{"points": [[-0.05, 0.25]], "radius": 0.1, "softness": 0.1}]}).weight(200, 100)
    assert beside[50, 3] > 0.99
    assert beside[50, 15] == 0
    away = Region.of({"strokes": [{"points": [[-0.5, 0.25]], "radius": 0.1, "softness": 0.1}]}).weight(200, 100)
    assert not away.any()


def test_a_stroke_looks_the_same_at_every_size():
    region = Region.of({"strokes": [{"points": [[0.2, 0.1], [0.8, 0.4]], "radius": 0.1, "softness": 0.5}]})
    small, large = region.weight(192, 108), region.weight(1920, 1080)
    np.testing.assert_allclose(small, large[5::10, 5::10], atol=0.08)


def test_gradients_go_from_whole_to_nothing():
    linear = Region.of({"gradient": "linear", "begin": [0.25, 0], "end": [0.75, 0]}).weight(100, 50)
    assert (linear[:, :24] > 0.99).all()
    assert (linear[:, 76:] < 0.01).all()
    assert (linear[0] == linear[-1]).all()
    radial = Region.of({"gradient": "radial", "begin": [0.5, 0.25], "end": [0.6, 0.25]}).weight(100, 50)
    assert radial[25, 50] > 0.9
    assert radial[25, 61] == 0


@pytest.mark.parametrize(
    "shape",
    [
        None,
        {"strokes": 1},
        {"strokes": [{}]},
        {"strokes": [{"points": [], "radius": 0.1, "softness": 0.5}]},
        {"strokes": [{"points": [[0, 1e9]], "radius": 0.1, "softness": 0.5}]},
        {"strokes": [{"points": [[float("nan"), 0]], "radius": 0.1, "softness": 0.5}]},
        {"strokes": [{"points": [[0, 0]], "radius": 5, "softness": 0.5}]},
        {"strokes": [{"points": [[0, 0]] * (MOST_POINTS + 1), "radius": 0.1, "softness": 0.5}]},
        {"gradient": "linear", "begin": [0], "end": [1, 1]},
        {"gradient": "linear", "begin": [0, float("inf")], "end": [1, 1]},
        {"gradient": "linear", "begin": [10**400, 0], "end": [1, 1]},
        {"gradient": 3},
    ],
)
def test_what_is_no_region(shape):
    with pytest.raises(InputError):
        Region.of(shape)
