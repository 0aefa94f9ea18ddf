from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.plan import REACH, plan


@st.composite
def shots(draw):
    count = draw(st.integers(1, 60))
    step = draw(st.integers(1, 3))
    first = draw(st.integers(-20, 20000))
    frames = tuple(first + step * i for i in range(count))
    references = tuple(sorted(draw(st.sets(st.sampled_from(frames), min_size=1, max_size=4))))
    window = draw(st.integers(2, 16))
    return frames, references, window, draw(st.integers(0, window - 1))


@given(shots())
def test_every_frame_has_shares_that_sum_to_one(shot):
    frames, references, window, overlap = shot
    laid = plan(frames, references, window=window, overlap=overlap, tracks=True)
    assert set(laid.shares) == set(frames) - set(references)
    for frame, shares in laid.shares.items():
        assert sum(share.weight for share in shares) == pytest.approx(1)
        assert all(frame in laid.windows[share.window].frames for share in shares)


@given(shots())
def test_windows_are_small_sorted_and_between_their_references(shot):
    frames, references, window, overlap = shot
    for piece in plan(frames, references, window=window, overlap=overlap, tracks=True).windows:
        assert 1 <= len(piece.frames) <= window
        assert list(piece.frames) == sorted(piece.frames)
        assert set(piece.references) <= set(references)
        inside = [r for r in references if piece.frames[0] < r < piece.frames[-1]]
        assert not inside, "a window reaches across a reference"


@given(shots())
def test_approaches_lead_from_reference_to_window(shot):
    frames, references, window, overlap = shot
    for piece in plan(frames, references, window=window, overlap=overlap, tracks=True).windows:
        for reference, approach in zip(piece.references, piece.approaches, strict=True):
            assert len(approach) <= REACH
            if approach:
                assert approach[0] == reference
                steps = [b - a for a, b in pairwise(approach)]
                assert all(s > 0 for s in steps) or all(s < 0 for s in steps)
                near = piece.frames[0] if reference <= piece.frames[0] else piece.frames[-1]
                assert abs(approach[-1] - near) <= abs(frames[-1] - frames[0])


def test_a_shot_with_its_reference_first():
    laid = plan(range(1001, 1017), [1001], window=8, overlap=2, tracks=True)
    assert [(w.frames[0], w.frames[-1]) for w in laid.windows] == [(1001, 1008), (1007, 1014), (1013, 1016)]
    assert laid.windows[2].approaches == ((1001, 1007, 1013),)
    assert [(s.window, round(s.weight, 3)) for s in laid.shares[1007]] == [(0, 0.667), (1, 0.333)]
    assert laid.inputs(1002) == tuple(range(1001, 1009))


def test_between_two_references_both_give_light():
    laid = plan(range(1, 12), [1, 11], window=6, overlap=1, tracks=True)
    assert [w.references for w in laid.windows] == [(1, 11), (1, 11)]
    assert laid.windows[0].approaches == ((1,), (11, 6))
    assert laid.windows[1].approaches == ((1, 6), (11,))


def test_before_the_first_reference_the_grid_runs_backward():
    laid = plan(range(1, 11), [10], window=4, overlap=0, tracks=True)
    assert [w.frames for w in laid.windows] == [(7, 8, 9, 10), (3, 4, 5, 6), (1, 2)]
    assert laid.windows[2].approaches == ((10, 6, 2),)


def test_an_engine_that_does_not_track_gets_no_approaches():
    laid = plan(range(1, 40), [1, 39], window=8, overlap=2, tracks=False)
    assert {w.approaches for w in laid.windows} == {((), ())}


def test_overlap_must_leave_room_to_advance():
    with pytest.raises(ValueError, match="overlap is 4: expected 0 to 3 for windows of 4 frames"):
        plan(range(5), [0], window=4, overlap=4, tracks=False)
