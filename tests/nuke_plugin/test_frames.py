"""Frames as a knob has them, as numbers, and as an expression."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FRAMES = st.sets(st.integers(-50, 50))


@pytest.fixture
def frames(nuke):
    import relumix_nuke.frames

    return relumix_nuke.frames


@given(wanted=FRAMES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_is_read_as_it_was_written(frames, wanted):
    assert frames.parse(frames.text(wanted), "frames") == sorted(wanted)


@given(wanted=FRAMES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_expression_is_1_on_the_frames_alone(frames, wanted):
    text = frames.expression(wanted).replace("&&", " and ").replace("||", " or ")
    code = compile(text, "ready", "eval")
    assert {frame for frame in range(-51, 52) if eval(code, {"frame": frame})} == wanted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("1001, 1060", [1001, 1060]),
        ("1001-1003 1002", [1001, 1002, 1003]),
        ("1-9x4", [1, 5, 9]),
        ("-3--1", [-3, -2, -1]),
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
