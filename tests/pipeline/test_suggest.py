import pytest

from relumix.errors import InputError
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.suggest import MOST_FRAMES, Suggestion, sampled, spans, suggest
from relumix.shot.array_source import ArraySource
from tests.synthetic import SyntheticShot, grade_light, make_shot, shadow_light


@pytest.fixture(scope="module")
def panned() -> SyntheticShot:
    """A pan that has left what its first frame shows by its middle."""
    return make_shot(size=(96, 64), frames=range(1001, 1018), pan=(11.0, 0.0), square_px=0.0, light=shadow_light(50))


def suggested(shot: SyntheticShot, *references: int, count: int = 1) -> Suggestion:
    relit = {frame: shot.truth[frame] for frame in references}
    return suggest(DownsampledShot(ArraySource(shot.plate, relit, None), 96), count)


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


def test_stretches_in_words() -> None:
    assert spans([(1001, 1001), (1009, 1016)]) == "1001, 1009 to 1016"


def test_none_is_no_count(panned: SyntheticShot) -> None:
    with pytest.raises(InputError, match=r"^0 frames to suggest: expected 1 or more$"):
        suggested(panned, 1001, count=0)
