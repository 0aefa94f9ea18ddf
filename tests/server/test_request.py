"""Openings that are large, and what they may ask for."""

import time
from dataclasses import replace

import pytest

from relumix.engines.registry import load_engine
from relumix.v1 import relight_pb2 as pb
from relumix_server.allowed_paths import AllowedPaths
from relumix_server.options import Options
from relumix_server.request import MOST_CHAINED_KEYFRAMES, check
from relumix_server.status_errors import StatusError
from tests.server.harness import FRAMES, opening


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


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        ({"frames": range(20_001)}, "20001 frames: this server takes up to 20000"),
        ({"frames": [1] * 20_001}, "20001 frames: this server takes up to 20000"),
        ({"deliver": [1] * 4_000_000}, "4000000 frames to deliver: this server takes up to 20000"),
        ({"cuts": [1] * 20_001}, "20001 cuts: this server takes up to 20000"),
        ({"keys": dict.fromkeys(range(20_001), "k")}, "20001 keys: this server takes up to 20000"),
        (
            {"by_path": pb.ByPath(masks=dict.fromkeys(range(20_001), "/a"))},
            "20001 masks by path: this server takes up to 20000",
        ),
        (
            {"settings": pb.Settings(engine_options=["a=b"] * 65)},
            "65 options of the engine: this server takes up to 64",
        ),
    ],
    ids=["frames", "frames that do not ascend", "deliver", "cuts", "keys", "paths", "options"],
)
def test_what_an_opening_has_much_of_is_counted_before_it_is_looked_at(sent, what):
    with pytest.raises(StatusError) as refused:
        check(opening(**sent).open, {"flow": load_engine("flow")}, Options(), AllowedPaths(()))
    assert (refused.value.code.name, str(refused.value)) == ("RESOURCE_EXHAUSTED", f"the shot has {what}")


def test_keys_of_frames_that_are_not_delivered_are_not_kept():
    message = opening(keys=dict.fromkeys((*FRAMES, 5), "k"), deliver=FRAMES[1:]).open
    request = check(message, {"flow": load_engine("flow")}, Options(), AllowedPaths(()))
    assert request.keys == dict.fromkeys(FRAMES[1:], "k")


@pytest.mark.parametrize(
    ("cuts", "sentence"),
    [
        ([FRAMES[0]], f"cuts are {FRAMES[0]} to {FRAMES[0]}: expected them behind {FRAMES[0]}, and up to {FRAMES[-1]}"),
        (
            [FRAMES[2], FRAMES[-1] + 1],
            f"cuts are {FRAMES[2]} to {FRAMES[-1] + 1}: expected them behind {FRAMES[0]}, and up to {FRAMES[-1]}",
        ),
        ([FRAMES[2], FRAMES[1]], f"cuts has {FRAMES[1]} behind {FRAMES[2]}: expected ascending frames"),
    ],
)
def test_cuts_that_are_none_are_refused(cuts, sentence):
    with pytest.raises(StatusError) as refused:
        check(opening(cuts=cuts).open, {"flow": load_engine("flow")}, Options(), AllowedPaths(()))
    assert (refused.value.code.name, str(refused.value)) == ("INVALID_ARGUMENT", sentence)


def test_frames_behind_a_cut_need_nothing_of_those_before_it():
    message = opening(cuts=[FRAMES[-1]], deliver=FRAMES[-1:], references=FRAMES[:1]).open
    request = check(message, {"flow": load_engine("flow")}, Options(), AllowedPaths(()))
    assert (request.windows, request.order) == ((), (FRAMES[0], FRAMES[-1]))


@pytest.mark.slow  # a figure of time: what else runs on the machine moves it
@pytest.mark.parametrize("every", [1, 20_000], ids=["all are references", "one is"])
def test_planning_takes_time_by_the_length_of_the_shot(every):
    """20,000 frames and references took 4.5 s: the square of their number."""

    def seconds(frames):
        began = time.process_time()
        checked(frames, range(0, frames, every), max_references=20_000)
        return time.process_time() - began

    seconds(10)
    assert min(seconds(20_000) for _ in range(3)) < 40 * min(seconds(2000) for _ in range(3))


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


@pytest.mark.slow
def test_refusing_a_chain_takes_time_by_the_length_of_the_shot():
    def seconds(frames):
        began = time.process_time()
        with pytest.raises(StatusError, match="keyframes over"):
            checked(frames, [0], chained=True, max_frames=1_000_000)
        return time.process_time() - began

    seconds(6000)
    assert min(seconds(60_000) for _ in range(3)) < 40 * min(seconds(6000) for _ in range(3))
