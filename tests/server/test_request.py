"""Openings that are large, and what they may ask for."""

import time

import pytest

from relumix.engines.registry import load_engine
from relumix_server.allowed_paths import AllowedPaths
from relumix_server.options import Options
from relumix_server.request import check
from relumix_server.status_errors import StatusError
from tests.server.harness import opening


def checked(frames, references, **options):
    message = opening(frames=range(frames), references=references).open
    return check(message, {"flow": load_engine("flow")}, Options(**options), AllowedPaths(()))


def test_references_are_counted():
    with pytest.raises(StatusError) as refused:
        checked(20_000, range(20_000))
    assert refused.value.code.name == "RESOURCE_EXHAUSTED"
    assert str(refused.value) == "the shot has 20000 references: this server takes up to 1000"


@pytest.mark.parametrize("every", [1, 20_000], ids=["all are references", "one is"])
def test_planning_takes_time_by_the_length_of_the_shot(every):
    """20,000 frames and references took 4.5 s: the square of their number."""

    def seconds(frames):
        began = time.process_time()
        checked(frames, range(0, frames, every), max_references=20_000)
        return time.process_time() - began

    seconds(10)
    assert seconds(20_000) < 40 * seconds(2000)
