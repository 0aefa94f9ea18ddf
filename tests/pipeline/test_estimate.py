import pytest

from relumix.engines.base import Windowing
from relumix.pipeline.estimate import Estimate
from relumix.pipeline.windows import plan


class Clock:
    seconds = 100.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


def test_nothing_is_said_before_anything_was_measured(clock):
    estimate = Estimate({0: 16}, 16, clock=clock)
    clock.seconds += 20
    assert (estimate.share, estimate.remaining_seconds) == (0, None)


def test_a_window_goes_on_at_its_pace(clock):
    estimate = Estimate({0: 16}, 16, lambda: 0.25, clock)
    clock.seconds += 10
    estimate.light(0, 0.5)
    assert estimate.remaining_seconds == pytest.approx(10 + 16 * 0.25)
    assert estimate.share == round(10 / 24, 4)
    clock.seconds += 4  # nothing was told since
    assert estimate.remaining_seconds == pytest.approx(6 + 16 * 0.25)
    clock.seconds += 60  # it is slower than it was: never less than what comes after
    assert estimate.remaining_seconds == pytest.approx(16 * 0.25)


def test_only_the_last_windows_frames_come_after_all_light(clock):
    estimate = Estimate({0: 10, 3: 10}, 20, lambda: 0.5, clock)
    clock.seconds += 10
    estimate.light(3)
    assert estimate.remaining_seconds == pytest.approx(10 + 10 * 0.5)
    estimate.light(0)
    for _ in range(17):
        estimate.frame()
    assert estimate.remaining_seconds == pytest.approx(3 * 0.5)


def test_the_share_never_becomes_less_and_ends_at_one(clock):
    pace = [0.0]
    estimate = Estimate({0: 4, 1: 4}, 2, lambda: pace[0], clock)
    shares = [estimate.share]
    for window, share, seconds in ((0, 0.5, 1), (0, 1.0, 30), (1, 0.1, 1), (1, 0.05, 90), (1, 1.0, 1)):
        clock.seconds += seconds
        estimate.light(window, share)
        pace[0] += 1
        shares.append(estimate.share)
    assert shares == sorted(shares)
    assert shares[-1] < 1
    estimate.frame()
    estimate.frame()
    assert (estimate.share, estimate.remaining_seconds) == (1, 0)


def test_it_knows_from_the_plan_which_windows_are_relit():
    laid = plan(range(1, 20), [1], Windowing("1", 7, 1, tracks=False))
    estimate = Estimate.of(laid, [9, 10])
    estimate.light(0)  # of frames that nobody asked for
    assert estimate.remaining_seconds is None
    estimate.light(1)
    assert estimate.remaining_seconds == 0


def test_a_job_without_anything_to_do_is_over():
    assert Estimate({}, 0).share == 1
