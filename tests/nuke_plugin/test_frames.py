"""Frames as a knob has them, as numbers, and as an expression."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relumix.shot.sequence import parse_frames
from tests.nuke_plugin.host import expressions

FRAMES = st.sets(st.integers(-50, 50))


@pytest.fixture
def session(nuke):
    return nuke


@pytest.fixture
def frames(nuke):
    import relumix_nuke.frames

    return relumix_nuke.frames


@given(wanted=FRAMES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_is_read_as_it_was_written(frames, wanted):
    assert frames.parse(frames.text(wanted), "frames") == sorted(wanted)


@given(wanted=FRAMES.filter(bool))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_command_reads_the_same_frames(frames, wanted):
    assert parse_frames(frames.text(wanted)) == tuple(sorted(wanted))


@pytest.mark.parametrize("text", ["1001", "1,5,9", "1-9x4", "-5--3", "-1-1", "1 3", "1 - 3", "1-3,2-4", "99-101, 200"])
def test_what_people_write_is_the_same_to_both(frames, text):
    assert tuple(frames.parse(text, "frames")) == parse_frames(text)


@given(wanted=FRAMES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_expression_is_1_on_the_frames_alone(frames, wanted):
    text = frames.expression(wanted).replace("&&", " and ").replace("||", " or ")
    code = compile(text, "ready", "eval")
    assert {frame for frame in range(-51, 52) if eval(code, {"frame": frame})} == wanted


@given(wanted=FRAMES.filter(bool), frame=st.integers(-55, 55))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_nearest_is_one_of_them_and_none_is_nearer(frames, session, wanted, frame):
    node = session.module.nodes.NoOp()
    found = expressions.evaluated(frames.nearest(wanted), expressions.At(node, frame, "main"))
    session.module.delete(node)
    assert found in wanted
    assert abs(found - frame) == min(abs(each - frame) for each in wanted)


def test_the_nearest_of_none_is_a_number(frames):
    assert frames.nearest([]) == "0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("1001, 1060", [1001, 1060]),
        ("1001-1003 1002", [1001, 1002, 1003]),
        ("1-9x4", [1, 5, 9]),
        ("-3--1", [-3, -2, -1]),
        ("1001 - 1003, 1007", [1001, 1002, 1003, 1007]),
    ],
)
def test_what_may_be_written(frames, text, expected):
    assert frames.parse(text, "frames") == expected


@pytest.mark.parametrize("text", ["1001-", "x2", "1-9x0", "1.5", "1001;1002", "eins"])
def test_what_may_not_names_the_knob_and_the_part(frames, text):
    from relumix_nuke import RelumixError

    with pytest.raises(RelumixError) as raised:
        frames.parse(f"1000 {text}", "reference frames")
    assert str(raised.value) == (
        f"reference frames has '{text}': expected frames and ranges, such as 1001, 1010-1060x10"
    )


def test_a_range_that_runs_backwards(frames):
    from relumix_nuke import RelumixError

    with pytest.raises(RelumixError, match=r"^frame range has the range 9-1, which is empty: write 1-9$"):
        frames.parse("9-1", "frame range")
