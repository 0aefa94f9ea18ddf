"""How long a failing server is waited for."""

from relumix.client.fleet import LONGEST_PAUSE_SECONDS, Failing
from relumix.client.rpc_errors import TryAgainError

AGAIN = TryAgainError("no")


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
