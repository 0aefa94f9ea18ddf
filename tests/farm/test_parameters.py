"""Options of relight become parameters of a job, and a command line again."""

import argparse
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.errors import InputError
from relumix.farm.parameters import (
    absolute,
    arguments,
    as_range,
    check_text,
    definition,
    is_path,
    of_range,
    options,
    parameter_name,
    values,
)
from relumix.shot.sequence import parse_frames
from tests.farm.shots import relight_parser

RELIGHT = relight_parser()
JOB = ["/a b/plate", "-r", "1001=/a b/relit.exr", "-o", "/out put/"]


def named(name):
    (found,) = [action for action in options(RELIGHT) if action.dest == name]
    return found


def test_every_option_but_those_that_the_farm_decides_is_passed_on():
    passed = {action.dest for action in options(RELIGHT)}
    assert {action.dest for action in RELIGHT._actions} - passed == {
        *("help", "frames", "progress", "dry_run", "config")
    }
    assert len(passed) <= 45, "a template has room for 50 parameters, and the farm has some of its own"


def test_each_option_is_known_to_name_files_or_not():
    plain = {action.dest for action in options(RELIGHT) if not is_path(action)}
    assert plain == {
        *("engine", "device", "work_size", "mix", "colorspace", "reference_colorspace", "layer", "view"),
        *("compression", "bits", "missing", "overwrite", "server", "by_path", "patience"),
        *("engine_options", "transfer", "fit", "cuts", "unlit", "align", "reference_weights"),
        *("premult", "confidence_layer", "deinterlace", "codec", "output_colorspace", "roll_off"),
    }, "is the new option's metavar one that says whether it names files?"


def test_a_new_option_becomes_a_parameter_and_is_passed_on():
    parser = argparse.ArgumentParser()
    parser.add_argument("--new-look", metavar="FILE", help="of 50 %% (%(default)s)", default="a")
    (action,) = options(parser)
    assert definition(action) == {
        "name": "NewLook",
        "type": "STRING",
        "userInterface": {"control": "LINE_EDIT", "label": "New look"},
        "description": "Of 50 % (a)",
        "default": "a",
    }
    assert arguments(parser, {"new_look": "b c"}) == ["--new-look=b c"]


def test_definitions_say_what_may_be_given():
    assert definition(named("work_size"))["type"] == "INT"
    assert definition(named("work_size"))["default"] == 768
    assert definition(named("mix"), "0.25")["default"] == 0.25
    assert definition(named("bits"))["allowedValues"] == ["", "half", "float"]
    assert definition(named("missing"))["allowedValues"] == ["error", "skip"]
    assert definition(named("overwrite"))["allowedValues"] == ["true", "false"]
    assert definition(named("overwrite"))["userInterface"]["control"] == "CHECK_BOX"
    assert "default" not in definition(named("source"))
    assert definition(named("source"), "/x")["default"] == "/x"
    assert [parameter_name(named(name)) for name in ("work_size", "tls_ca")] == ["WorkSize", "TlsCa"]


words = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\u2028\u2029\x85"), min_size=1)


@given(
    mix=st.floats(0, 1),
    work_size=st.integers(64, 8192),
    overwrite=st.booleans(),
    layer=st.none() | words,
    mask=st.none() | words.map("/{}".format),
    references=st.lists(words.map("/{}".format), min_size=1, max_size=3),
    missing=st.sampled_from(["error", "skip"]),
    bits=st.sampled_from([None, "half", "float"]),
    source=words.map("/{}".format),
)
def test_a_command_line_survives_the_job(mix, work_size, overwrite, layer, mask, references, missing, bits, source):
    line = [f"--mix={mix}", f"--work-size={work_size}", f"--missing={missing}", "--output=/out/"]
    line += [f"--reference={each}" for each in references] + (["--overwrite"] if overwrite else [])
    line += [f"--{name}={value}" for name, value in (("layer", layer), ("mask", mask), ("bits", bits)) if value]
    args = RELIGHT.parse_args([*line, "--", source])
    assert RELIGHT.parse_args(arguments(RELIGHT, values(RELIGHT, args))) == args


def test_relative_paths_are_written_out_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    args = RELIGHT.parse_args(["a.####.exr", "-r", "b.exr", "-o", "out/", "--layer", "beauty", "--model", "/m"])
    found = values(RELIGHT, args)
    assert found["source"] == f"{tmp_path}/a.####.exr"
    assert found["output"] == f"{tmp_path}/out/", "a slash at the end says that it is a folder"
    assert (found["layer"], found["model"], found["mask"]) == ("beauty", "/m", "")
    assert absolute("/x/") == "/x/"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"sauce": "x"}, "sauce is no option of relight: expected one of source, reference, output, fit"),
        ({"frames": "1"}, "frames is no option of relight: expected one of "),
        ({"overwrite": "yes"}, "overwrite is 'yes': expected true or false"),
    ],
)
def test_what_is_no_option_is_refused(given, sentence):
    with pytest.raises(InputError, match="^" + re.escape(sentence)):
        arguments(RELIGHT, given)


def test_a_value_that_no_job_can_hold_is_refused():
    check_text("Frames", "1" * 1024)
    with pytest.raises(
        InputError, match=r"^Reference takes 1025 characters: expected 1024 at most in a farm's job; use"
    ):
        check_text("Reference", "x" * 1025)


@given(st.sets(st.integers(-50, 2000), min_size=1, max_size=40).map(lambda frames: tuple(sorted(frames))))
def test_frames_survive_the_scheduler(frames):
    from openjd.model import IntRangeExpr

    assert tuple(IntRangeExpr.from_str(as_range(frames))) == frames
    assert parse_frames(of_range(as_range(frames))) == frames


def test_ranges_are_short():
    assert as_range(tuple(range(1001, 3001))) == "1001-3000"
    assert as_range((1, 3, 5, 20)) == "1-5:2,20"
    with pytest.raises(
        InputError, match=r"^'1\.\.5' is no range of frames: expected something like 1001-1100, 1-9:2 or"
    ):
        of_range("1..5")
