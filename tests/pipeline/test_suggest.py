import numpy as np
import pytest

from relumix.errors import InputError
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.suggest import LEAST_FRAMES, MOST_FRAMES, Suggested, Suggestion, sampled, spans, suggest
from relumix.shot.array_source import ArraySource
from tests.synthetic import SyntheticShot, grade_light, make_shot, shadow_light


@pytest.fixture(scope="module")
def panned() -> SyntheticShot:
    """A pan that has left what its first frame shows by its middle."""
    return make_shot(size=(96, 64), frames=range(1001, 1018), pan=(11.0, 0.0), square_px=0.0, light=shadow_light(50))


def suggested(shot: SyntheticShot, *references: int, count: int = 1, cuts: tuple[int, ...] = ()) -> Suggestion:
    relit = {frame: shot.truth[frame] for frame in references}
    return suggest(DownsampledShot(ArraySource(shot.plate, relit, None), 96), count, cuts)


def cut_together(*shots: SyntheticShot) -> SyntheticShot:
    """One shot of several, whose frames have different numbers."""
    every = SyntheticShot({}, {}, {}, {}, {})
    for shot in shots:
        every.plate.update(shot.plate)
        every.truth.update(shot.truth)
    return every


@pytest.fixture(scope="module")
def edit(panned: SyntheticShot) -> SyntheticShot:
    """Three scenes: the pan, its first frames once more as 1018 to 1022, and a still of three frames."""
    again = {frame: panned.plate[frame - 17] for frame in range(1018, 1023)}
    relit = {frame: panned.truth[frame - 17] for frame in again}
    still = make_shot(size=(96, 64), frames=range(1023, 1026), pan=(0.0, 0.0), square_px=0.0, seed=7)
    return cut_together(panned, SyntheticShot(again, relit, {}, {}, {}), still)


CUTS = (1018, 1023)


def test_a_frame_amid_what_no_reference_shows_is_named(panned: SyntheticShot) -> None:
    said = suggested(panned, 1001)
    assert 1009 <= said.frames[0].frame <= 1014
    assert said.frames[0].error_stops < 0.8 * said.error_stops
    assert said.guessed[-1][-1] == 1017


def test_more_are_named_in_the_order_of_what_they_bring(panned: SyntheticShot) -> None:
    said = suggested(panned, 1001, count=3)
    left = [said.error_stops, *(each.error_stops for each in said.frames)]
    assert left == sorted(left, reverse=True)
    assert len({1001, *(each.frame for each in said.frames)}) == len(said.frames) + 1
    assert said.frames[0] == suggested(panned, 1001).frames[0]


def test_between_two_references_the_gap_is_found(panned: SyntheticShot) -> None:
    said = suggested(panned, 1001, 1017)
    assert 1006 <= said.frames[0].frame <= 1012


def test_where_the_reference_shows_all_no_frame_is_named() -> None:
    still = make_shot(size=(64, 48), frames=range(1, 6), pan=(0.0, 0.0), square_px=0.0)
    said = suggested(still, 1)
    assert said.guessed == ()
    assert said.error_stops < 0.2


def test_a_plain_grade_needs_no_other_reference(panned: SyntheticShot) -> None:
    grade = make_shot(size=(96, 64), frames=panned.frames, pan=(11.0, 0.0), square_px=0.0, light=grade_light(2, 2, 2))
    said = suggested(grade, 1001)
    assert said.frames == ()
    assert said.error_stops == pytest.approx(0, abs=1e-3)


def test_a_shot_that_is_all_references_needs_none(panned: SyntheticShot) -> None:
    assert suggested(panned, *panned.frames).frames == ()


def test_long_shots_are_sampled_with_their_ends_and_references() -> None:
    frames = sampled(range(1, 1001), [333])
    assert len(frames) in (MOST_FRAMES, MOST_FRAMES + 1)
    assert {1, 333, 1000} <= set(frames)
    assert sampled([3, 5], [3]) == [3, 5]


def test_every_scene_of_a_long_shot_is_sampled() -> None:
    frames = sampled(range(1, 1001), [333], (500, 504))
    assert len(frames) <= MOST_FRAMES + LEAST_FRAMES + 1
    assert {1, 499, 500, 503, 504, 1000} <= set(frames)
    assert len({500, 501, 502, 503}.intersection(frames)) == LEAST_FRAMES


def test_each_scene_without_a_reference_has_a_frame_named_however_few_are_asked_for(edit: SyntheticShot) -> None:
    said = suggested(edit, 1001, cuts=CUTS)
    assert said.unlit == ((1018, 1022), (1023, 1025))
    assert sorted(each.frame in range(1018, 1023) for each in said.frames) == [False, True]
    assert sorted(each.frame in range(1023, 1026) for each in said.frames) == [False, True]
    assert said.error_stops > said.frames[0].error_stops > said.frames[1].error_stops
    more = suggested(edit, 1001, count=3, cuts=CUTS)
    assert more.frames[:2] == said.frames
    assert more.frames[2].frame == suggested(edit, 1001, 1020, 1024, cuts=CUTS).frames[0].frame in range(1008, 1018)


def test_nothing_is_judged_across_a_cut(edit: SyntheticShot) -> None:
    # Without the cut, 1001 shows all of the frames 1018 to 1022, which are its own scene once more.
    alone = SyntheticShot({f: edit.plate[f] for f in range(1018, 1023)}, edit.truth, {}, {}, {})
    said = suggested(edit, 1018, 1001, 1012, 1024, cuts=CUTS)
    of_scene = [span for span in said.guessed if span[0] >= 1018]
    assert of_scene == list(suggested(alone, 1018).guessed)
    far = suggested(edit, 1022, cuts=CUTS)
    assert far.unlit == ((1001, 1017), (1023, 1025))
    assert {each.frame > 1017 for each in far.frames} == {False, True}
    assert far.frames[0].frame in range(1001, 1018)  # the longer scene brings more


def test_a_scene_has_a_frame_named_even_where_the_references_change_nothing(edit: SyntheticShot) -> None:
    shot = ArraySource(edit.plate, {1001: edit.plate[1001]}, None)
    said = suggest(DownsampledShot(shot, 96), 1, CUTS)
    assert said.error_stops == 0
    assert [each.error_stops for each in said.frames] == [0, 0]


def test_black_frames_count_for_nothing(panned: SyntheticShot) -> None:
    usual = suggested(panned, 1001).frames[0].frame
    black = {**panned.plate, usual: np.zeros_like(panned.plate[usual])}
    without = {frame: pixels for frame, pixels in panned.plate.items() if frame != usual}
    said, wanted = (
        suggest(DownsampledShot(ArraySource(plate, {1001: panned.truth[1001]}, None), 96)) for plate in (black, without)
    )
    assert said == wanted


def test_of_two_frames_the_other_one_is_named() -> None:
    shot = make_shot(size=(96, 64), frames=(1, 2), pan=(60.0, 0.0), square_px=0.0, light=shadow_light(50))
    assert suggested(shot, 1).frames == (Suggested(2, pytest.approx(0, abs=1e-6)),)


def test_stretches_in_words() -> None:
    assert spans([(1001, 1001), (1009, 1016)]) == "1001, 1009 to 1016"


def test_none_is_no_count(panned: SyntheticShot) -> None:
    with pytest.raises(InputError, match=r"^0 frames to suggest: expected 1 or more$"):
        suggested(panned, 1001, count=0)
