"""Which server makes which frames."""

from hypothesis import given
from hypothesis import strategies as st

from relumix.client.work_queue import WorkQueue


@given(st.lists(st.integers(1, 5), min_size=1, max_size=30), st.integers(1, 5))
def test_servers_take_every_frame_once_and_ascending(sizes, servers):
    batches, first = [], 0
    for size in sizes:
        batches.append(list(range(first, first + size)))
        first += size
    queue = WorkQueue(batches, servers)
    taken = []
    while len(taken) < first:
        frames = queue.take()
        assert frames == sorted(frames)
        taken += frames
    assert taken == list(range(first))


def test_one_server_takes_all_and_several_leave_something():
    batches = [[frame] for frame in range(20)]
    assert len(WorkQueue(batches, 1).take()) == 20
    queue = WorkQueue(batches, 2)
    assert len(queue.take()) == 7
    assert len(queue.take()) == 4


def test_what_is_given_back_is_taken_next_in_its_batches():
    queue = WorkQueue([[1, 2], [3, 4], [5, 6], [7, 8]], 3)
    assert queue.take() == [1, 2]
    queue.give_back([2])
    assert [queue.take() for _ in range(2)] == [[2], [3, 4]]
