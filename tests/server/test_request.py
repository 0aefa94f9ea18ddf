"""Openings that are large, and what they may ask for."""

import time
from dataclasses import replace

import pytest

from relumix.engines.registry import load_engine
from relumix_server.allowed_paths import AllowedPaths
from relumix_server.options import Options
from relumix_server.request import MOST_CHAINED_KEYFRAMES, check
from relumix_server.status_errors import StatusError
from tests.server.harness import opening


def checked(frames, references, *, chained=False, **options):
    message = opening(frames=range(frames), references=references).open
    engine = load_engine("flow")
    if chained:
        engine.windowing = replace(engine.windowing, window=14, overlap=1, tracks=False, chained=True)
    return check(message, {"flow": engine}, Options(**options), AllowedPaths(()))


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


def test_chains_are_bounded():
    """Each window of a chain names all frames before it: 20,000 frames made 15 million, and their time and memory."""
    with pytest.raises(StatusError) as refused:
        checked(20_000, [0], chained=True)
    assert (refused.value.code.name, refused.value.retry_seconds) == ("RESOURCE_EXHAUSTED", None)
    assert str(refused.value) == (
        "the windows of engine flow are chained, and name 15386922 keyframes over 20000 frames: "
        "this server takes up to 1000000; give more references, or fewer frames"
    )
    assert len(checked(20_000, range(0, 20_000, 40), chained=True).frames) == 20_000
    longest = checked(5000, [0], chained=True)
    assert sum(len(side) for w in longest.plan.windows for side in w.keyframe_paths) < MOST_CHAINED_KEYFRAMES
    assert longest.accepted("1").ByteSize() < 4 << 20  # The most that clients take in one message.


def test_refusing_a_chain_takes_time_by_the_length_of_the_shot():
    def seconds(frames):
        began = time.process_time()
        with pytest.raises(StatusError, match="keyframes over"):
            checked(frames, [0], chained=True, max_frames=1_000_000)
        return time.process_time() - began

    seconds(6000)
    assert seconds(60_000) < 40 * seconds(6000)
