from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.engines.base import Windowing
from relumix.errors import InputError
from relumix.pipeline.windows import REACH, Share, chained_keyframes, plan, refuse_chunks


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
    laid = plan(frames, references, Windowing("1", window, overlap, tracks=True))
    assert set(laid.shares) == set(frames) - set(references)
    for frame, shares in laid.shares.items():
        assert sum(share.weight for share in shares) == pytest.approx(1)
        assert all(frame in laid.windows[share.window].frames for share in shares)


@given(shots(), st.data(), st.booleans())
def test_a_shot_with_cuts_is_planned_scene_by_scene(shot, data, chained):
    frames, references, window, overlap = shot
    cuts = sorted(data.draw(st.sets(st.integers(frames[0] + 1, frames[-1]), max_size=4))) if len(frames) > 1 else []
    windowing = Windowing("1", window, 1 if chained else overlap, tracks=not chained, chained=chained)
    laid = plan(frames, references, windowing, cuts)
    windows, shares = [], {}
    for first, end in pairwise([frames[0], *cuts, frames[-1] + 1]):
        scene = [frame for frame in frames if first <= frame < end]
        if own := [frame for frame in references if first <= frame < end]:
            alone = plan(scene, own, windowing)
            moved = {
                f: tuple(Share(s.window + len(windows), s.weight) for s in each) for f, each in alone.shares.items()
            }
            shares |= moved
            windows += alone.windows
            assert all(laid.scenes.lit_from(frame) == tuple(own) for frame in scene)
        else:
            assert not any(laid.scenes.lit_from(frame) for frame in scene)
    assert laid.windows == tuple(windows)
    assert laid.shares == shares
    assert chained_keyframes(frames, references, windowing, cuts) == (
        sum(len(path) for each in windows for path in each.keyframe_paths) if chained else 0
    )


@given(shots())
def test_windows_are_small_sorted_and_between_their_references(shot):
    frames, references, window, overlap = shot
    for piece in plan(frames, references, Windowing("1", window, overlap, tracks=True)).windows:
        assert 1 <= len(piece.frames) <= window
        assert list(piece.frames) == sorted(piece.frames)
        assert set(piece.references) <= set(references)
        inside = [r for r in references if piece.frames[0] < r < piece.frames[-1]]
        assert not inside, "a window reaches across a reference"


@given(shots(), st.booleans())
def test_keyframe_paths_lead_from_reference_to_window(shot, further):
    frames, references, window, overlap = shot
    for piece in plan(frames, references, Windowing("1", window, overlap, tracks=True, further=further)).windows:
        for reference, keyframe_path in zip(piece.references, piece.keyframe_paths, strict=True):
            assert len(keyframe_path) <= REACH
            if keyframe_path:
                assert keyframe_path[0] == reference
                steps = [b - a for a, b in pairwise(keyframe_path)]
                assert all(s > 0 for s in steps) or all(s < 0 for s in steps)
                near = piece.frames[0] if reference <= piece.frames[0] else piece.frames[-1]
                low, high = sorted((reference, near))
                assert all(low <= keyframe <= high for keyframe in keyframe_path), "it goes past the window"
                left = abs(frames.index(keyframe_path[-1]) - frames.index(near))
                assert left <= window, "it ends short of the window"


def test_a_shot_with_its_reference_first():
    laid = plan(range(1001, 1017), [1001], Windowing("1", 8, 2, tracks=True))
    assert [(w.frames[0], w.frames[-1]) for w in laid.windows] == [(1001, 1008), (1007, 1014), (1013, 1016)]
    assert laid.windows[2].keyframe_paths == ((1001, 1007, 1013),)
    assert [(s.window, round(s.weight, 3)) for s in laid.shares[1007]] == [(0, 0.667), (1, 0.333)]
    assert laid.inputs(1002) == tuple(range(1001, 1009))


def test_between_two_references_both_give_light():
    laid = plan(range(1, 12), [1, 11], Windowing("1", 6, 1, tracks=True))
    assert [w.references for w in laid.windows] == [(1, 11), (1, 11)]
    assert laid.windows[0].keyframe_paths == ((1,), (11, 6))
    assert laid.windows[1].keyframe_paths == ((1, 6), (11,))


@given(shots())
def test_further_references_are_the_next_beyond_and_change_nothing_else(shot):
    frames, references, window, overlap = shot
    plain, laid = (
        plan(frames, references, Windowing("1", window, overlap, True, further=each)) for each in (False, True)
    )
    assert laid.shares == plain.shares
    for piece, own in zip(laid.windows, plain.windows, strict=True):
        paths, own_paths = (dict(zip(w.references, w.keyframe_paths, strict=True)) for w in (piece, own))
        assert piece.frames == own.frames
        assert paths.items() >= own_paths.items()
        at = [references.index(reference) for reference in own.references]
        beyond = {references[i] for i in (min(at) - 1, max(at) + 1) if 0 <= i < len(references)}
        assert set(paths) - set(own_paths) <= beyond
        if all(map(bool, own_paths.values())) and len(frames) < REACH:
            assert set(paths) == set(own_paths) | beyond
    if len(references) == 1:
        assert laid == plain


def test_a_further_reference_is_reached_over_keyframes():
    laid = plan(range(1, 30), [1, 11, 21], Windowing("1", 6, 1, tracks=True, further=True))
    assert [w.references for w in laid.windows if 12 in w.frames] == [(1, 11, 21)]
    assert next(w for w in laid.windows if 12 in w.frames).keyframe_paths == ((1, 6, 11), (11,), (21, 16))
    last = laid.windows[-1]
    assert (last.frames[-1], last.references) == (29, (11, 21))
    assert last.keyframe_paths == ((11, 16, 21, 26), (21, 26))


def test_before_the_first_reference_the_grid_runs_backward():
    laid = plan(range(1, 11), [10], Windowing("1", 4, 0, tracks=True))
    assert [w.frames for w in laid.windows] == [(7, 8, 9, 10), (3, 4, 5, 6), (1, 2)]
    assert laid.windows[2].keyframe_paths == ((10, 6, 2),)


def test_an_engine_that_does_not_track_gets_no_keyframe_paths():
    laid = plan(range(1, 40), [1, 39], Windowing("1", 8, 2, tracks=False))
    assert {w.keyframe_paths for w in laid.windows} == {((), ())}


@given(shots())
def test_a_chain_has_every_frame_on_the_way(shot):
    frames, references, window, _ = shot
    laid = plan(frames, references, Windowing("1", window, 1, tracks=False, chained=True))
    for piece in laid.windows:
        for reference, keyframe_path in zip(piece.references, piece.keyframe_paths, strict=True):
            near = piece.frames[0] if reference <= piece.frames[0] else piece.frames[-1]
            first, last = sorted((frames.index(reference), frames.index(near)))
            assert sorted(keyframe_path) == list(frames[first : last + 1])
            assert (keyframe_path[0], keyframe_path[-1]) == (reference, near)


@given(shots())
def test_the_keyframes_of_a_chain_are_counted_without_a_plan(shot):
    frames, references, window, _ = shot
    for chained in (True, False):
        windowing = Windowing("1", window, 1, tracks=not chained, chained=chained)
        laid = plan(frames, references, windowing)
        named = sum(len(path) for piece in laid.windows for path in piece.keyframe_paths)
        assert chained_keyframes(frames, references, windowing) == (named if chained else 0)


@given(shots())
def test_a_chained_window_begins_with_the_last_frame_of_the_one_before(shot):
    frames, _, window, _ = shot
    windows = plan(frames, frames[:1], Windowing("1", window, 1, tracks=False, chained=True)).windows
    assert all(
        after.frames[0] == before.frames[-1] == after.keyframe_paths[0][-1] for before, after in pairwise(windows)
    )


def test_a_chain_reaches_over_the_whole_shot():
    frames = range(1001, 1401)
    laid = plan(frames, [1001], Windowing("1", 14, 1, tracks=False, chained=True))
    assert len(laid.windows) > REACH
    assert laid.windows[-1].keyframe_paths == (tuple(range(1001, laid.windows[-1].frames[0] + 1)),)
    assert laid.inputs(1400) == tuple(frames)


def test_a_chain_between_two_references_comes_from_both_sides():
    laid = plan(range(1, 12), [1, 11], Windowing("1", 6, 1, tracks=False, chained=True))
    assert [w.frames for w in laid.windows] == [(1, 2, 3, 4, 5, 6), (6, 7, 8, 9, 10, 11)]
    assert laid.windows[0].keyframe_paths == ((1,), (11, 10, 9, 8, 7, 6))
    assert laid.windows[1].keyframe_paths == ((1, 2, 3, 4, 5, 6), (11,))


def test_a_chain_before_the_first_reference_runs_backward():
    laid = plan(range(1, 9), [8], Windowing("1", 4, 1, tracks=False, chained=True))
    assert [w.frames for w in laid.windows] == [(5, 6, 7, 8), (2, 3, 4, 5), (1, 2)]
    assert [w.keyframe_paths for w in laid.windows] == [((8,),), ((8, 7, 6, 5),), ((8, 7, 6, 5, 4, 3, 2),)]


@dataclass(frozen=True)
class Svd:
    windowing: Windowing
    name: str = "svd"


def test_a_chained_shot_is_taken_whole():
    chained = Svd(Windowing("1", 4, 1, tracks=False, chained=True))
    refuse_chunks(chained, range(8), range(8))
    refuse_chunks(Svd(Windowing("1", 4, 1, tracks=False)), range(8), [3])
    with pytest.raises(InputError) as error:
        refuse_chunks(chained, range(8), [3, 4])
    assert str(error.value) == (
        "2 of 8 frames were chosen, and engine svd is chained: each window needs all those before it; relight the "
        "whole shot in one job, or leave out chained"
    )


def test_overlap_must_leave_room_to_advance():
    with pytest.raises(ValueError, match="overlap is 4: expected 0 to 3 for windows of 4 frames"):
        Windowing("1", 4, 4, tracks=False)
