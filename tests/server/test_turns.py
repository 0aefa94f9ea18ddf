"""Whose turn it is at the workers."""

import threading
from contextlib import suppress

import pytest

from relumix_server.status_errors import SessionCancelledError
from relumix_server.turns import ClosedError, Owner, Turns
from tests.server.test_life import until


def turns(workers, *clients):
    """Idle workers, and the owners of a session of each client."""
    made = Turns(workers)
    for number in range(workers):
        made.put(number)
    owners = [Owner(client) for client in clients]
    for owner in owners:
        made.enter(owner)
    return made, *owners


def waits(made, owner, order):
    """Wait for a worker on a thread; returns when it does."""
    before = len(made._waiting)

    def take():
        with suppress(SessionCancelledError, ClosedError):
            order.append((made.take(owner), owner.client))

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    assert until(lambda: len(made._waiting) > before or not thread.is_alive())
    return thread


def test_a_client_with_all_workers_waits_for_one_with_none():
    made, greedy, other = turns(2, "greedy", "other")
    held, order = [made.take(greedy) for _ in range(2)], []
    threads = [waits(made, greedy, order) for _ in range(3)] + [waits(made, other, order)]
    for number, worker in enumerate(held, 1):
        made.done(greedy)
        made.put(worker)
        assert until(lambda number=number: len(order) == number)
    assert order == [(held[0], "other"), (held[1], "greedy")]
    made.close()
    for thread in threads:
        thread.join(10)


def test_a_client_with_long_tasks_leaves_a_worker_to_others():
    made, slow, other = turns(2, "slow", "other")
    assert made.take(slow) == 0
    made.takes_long(slow)
    order = []
    threads = [waits(made, slow, order)]
    assert order == []
    assert made.take(other) == 1
    made.done(other)
    made.put(1)
    assert order == []
    made.leave(other)  # Alone, it may have all.
    threads[0].join(10)
    assert order == [(1, "slow")]


def test_one_that_has_left_is_not_served_and_holds_up_nobody():
    made, gone, stays = turns(1, "gone", "stays")
    worker, order = made.take(stays), []
    threads = [waits(made, gone, order), waits(made, stays, order)]
    made.leave(gone)
    made.leave(gone)
    made.done(stays)
    made.put(worker)
    for thread in threads:
        thread.join(10)
    assert order == [(worker, "stays")]
    with pytest.raises(SessionCancelledError):
        made.take(gone)


def test_what_is_noted_of_clients_goes_with_their_sessions():
    made, owner = turns(2, "a")
    made.takes_long(owner)
    made.leave(owner)
    made.takes_long(owner)
    assert (made._long, made._open) == (set(), {})
