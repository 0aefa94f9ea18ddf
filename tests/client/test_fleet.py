"""Who does which frames, and how long a failing server is waited for."""

from hypothesis import given
from hypothesis import strategies as st

from relumix.client.fleet import LONGEST_PAUSE_SECONDS, Failing, WorkQueue
from relumix.client.remote_job import pieces
from relumix.client.rpc_errors import TryAgainError
from relumix.engines.base import Windowing
from relumix.pipeline.windows import plan

AGAIN = TryAgainError("no")


@given(st.lists(st.integers(1, 5), min_size=1, max_size=30), st.integers(1, 5))
def test_hands_take_every_frame_once_and_ascending(sizes, hands):
    units, first = [], 0
    for size in sizes:
        units.append(list(range(first, first + size)))
        first += size
    queue = WorkQueue(units, hands)
    taken = []
    while len(taken) < first:
        frames = queue.take()
        assert frames == sorted(frames)
        taken += frames
    assert taken == list(range(first))


def test_one_hand_takes_all_and_several_leave_something():
    units = [[frame] for frame in range(20)]
    assert len(WorkQueue(units, 1).take()) == 20
    queue = WorkQueue(units, 2)
    assert len(queue.take()) == 7
    assert len(queue.take()) == 4


def test_what_is_given_back_is_taken_next_in_its_pieces():
    queue = WorkQueue([[1, 2], [3, 4], [5, 6], [7, 8]], 3)
    assert queue.take() == [1, 2]
    queue.give_back([2])
    assert [queue.take() for _ in range(2)] == [[2], [3, 4]]


@given(st.integers(1, 200), st.data())
def test_pieces_are_all_frames_and_share_no_window(count, data):
    frames = list(range(1001, 1001 + count))
    references = sorted(data.draw(st.sets(st.sampled_from(frames), min_size=1, max_size=3)))
    wanted = sorted(data.draw(st.sets(st.sampled_from(frames), min_size=1)))
    laid = plan(frames, references, Windowing("1", 8, 2, tracks=True))
    cut = pieces(laid, wanted)
    assert sorted(frame for piece in cut for frame in piece) == wanted
    for piece in cut:
        assert piece == sorted(piece)
        assert len({laid.shares[frame][0].window for frame in piece if frame in laid.shares}) <= 1


def test_pauses_grow_and_end():
    failing = Failing(3600)
    pauses = []
    for _ in range(12):
        assert not failing.once_more(AGAIN)
        pauses.append(failing.pause_seconds(AGAIN))
    assert 0.1 <= pauses[0] <= 0.2
    assert LONGEST_PAUSE_SECONDS / 2 <= pauses[-1] <= LONGEST_PAUSE_SECONDS
    failing.over()
    failing.once_more(AGAIN)
    assert failing.pause_seconds(AGAIN) <= 0.2


def test_a_server_is_not_asked_before_it_wants_to_be():
    failing = Failing(3600)
    failing.once_more(AGAIN)
    assert 7.0 <= failing.pause_seconds(TryAgainError("full", 7.0)) <= 8.75


def test_patience_needs_three_failures_at_least():
    failing = Failing(0.0)
    assert [failing.once_more(AGAIN) for _ in range(3)] == [False, False, True]
