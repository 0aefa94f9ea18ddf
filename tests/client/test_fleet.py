"""How long a failing server is waited for."""

from relumix.client.fleet import LONGEST_PAUSE_SECONDS, FailureStreak
from relumix.client.rpc_errors import TryAgainError

AGAIN = TryAgainError("no")


def test_pauses_grow_and_end():
    failures = FailureStreak(3600)
    pauses = []
    for _ in range(12):
        assert not failures.add(AGAIN)
        pauses.append(failures.pause_seconds(AGAIN))
    assert 0.1 <= pauses[0] <= 0.2
    assert LONGEST_PAUSE_SECONDS / 2 <= pauses[-1] <= LONGEST_PAUSE_SECONDS
    failures.reset()
    failures.add(AGAIN)
    assert failures.pause_seconds(AGAIN) <= 0.2


def test_a_server_is_not_asked_before_it_wants_to_be():
    failures = FailureStreak(3600)
    failures.add(AGAIN)
    assert 7.0 <= failures.pause_seconds(TryAgainError("full", 7.0)) <= 8.75


def test_patience_needs_three_failures_at_least():
    failures = FailureStreak(0.0)
    assert [failures.add(AGAIN) for _ in range(3)] == [False, False, True]
