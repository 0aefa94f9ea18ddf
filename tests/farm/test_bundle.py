"""`relumix farm bundle`."""

import json

import pytest
import yaml

from tests.farm.shots import FRAMES, bundled, relumix
from tests.shot import files
from tests.synthetic import make_shot


def read(path):
    return yaml.safe_load(path.read_text())


def test_the_files_hold_the_job(shot):
    maps = ["--gain-out", "gain/g.####.exr", "--confidence-out", "sure/s.####.exr", "--confidence-layer"]
    folder = bundled(shot, "--mix", "0.5", *maps, "--frames", "1001-1007x2", "--overwrite")
    assert sorted(path.name for path in folder.iterdir()) == [
        "asset_references.yaml",
        "parameter_values.yaml",
        "template.yaml",
    ]
    template = read(folder / "template.yaml")
    assert template["name"] == "relumix p.####.exr"
    given = {each["name"]: each["value"] for each in read(folder / "parameter_values.yaml")["parameterValues"]}
    assert given == {each["name"]: each["default"] for each in template["parameterDefinitions"]}
    assert given["Source"] == f"{shot}/plate"
    assert given["Reference"] == f"1001={shot}/relit.1001.exr"
    assert given["Output"] == f"{shot}/out"
    assert given["GainOut"] == f"{shot}/gain/g.####.exr"
    assert (given["ConfidenceOut"], given["ConfidenceLayer"]) == (f"{shot}/sure/s.####.exr", "true")
    assert (given["Frames"], given["ChunkSize"], given["Mix"], given["Overwrite"]) == ("1001-1007:2", 3, 0.5, "true")
    assert (given["HoldServer"], given["Report"], given["Mask"]) == ("false", "", "")
    assets = read(folder / "asset_references.yaml")["assetReferences"]
    plates = [f"{shot}/plate/p.{frame}.exr" for frame in FRAMES]
    assert assets["inputs"] == {"filenames": [*plates, f"{shot}/relit.1001.exr"], "directories": []}
    assert assets["outputs"]["directories"] == [f"{shot}/{name}" for name in ("gain", "out", "out/review", "sure")]


@pytest.mark.parametrize(("report", "parameter"), [("none", "none"), ("r.html", "{shot}/r.html")])
def test_the_report_goes_where_it_was_asked_for_or_is_left_out(shot, report, parameter):
    folder = bundled(shot, "--report", report)
    given = {each["name"]: each["value"] for each in read(folder / "parameter_values.yaml")["parameterValues"]}
    assert given["Report"] == parameter.format(shot=shot)


def test_it_says_what_it_made(shot):
    made = relumix(
        shot, "farm", "bundle", "plate", "-r", "relit.1001.exr", "-o", "out", "--bundle", "b", "--chunk-size=2"
    )
    assert made.stdout == "9 frames in 5 tasks\nwrote b\n"


def test_a_dry_run_says_what_the_job_would_do_and_writes_none(shot):
    job = ["plate", "-r", "relit.1001.exr", "-o", "out", "--bundle", "job", "--frames", "1002-1003", "--dry-run"]
    made = relumix(shot, "farm", "bundle", *job)
    assert json.loads(made.stdout)["frames"] == [1002, 1003]
    assert not (shot / "job").exists()


def test_gaps_are_left_out_where_that_was_asked_for(shot):
    (shot / "plate/p.1004.exr").unlink()
    folder = bundled(shot, "--missing", "skip")
    given = {each["name"]: each["value"] for each in read(folder / "parameter_values.yaml")["parameterValues"]}
    assert given["Frames"] == "1001-1003,1005-1009"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--chunk-size", "0"], "chunk size is 0: expected 1 frame or more"),
        (
            ["--hold-server", "--server", "r:1"],
            "a worker holds a server of its own, or asks r:1: give --hold-server or --server",
        ),
        (["--token-file", "t"], "--token-file goes with --server alone"),
        (["--mix", "2"], "mix is 2.0: expected a number from 0 (the plate) to 1 (the relit plate)"),
        (["--frames", "1001-1020"], "plate/p.####.exr lacks frames 1010, 1011, 1012, 1013, 1014 and 6 more: "),
        (["--bundle", "plate/p.1001.exr"], "plate/p.1001.exr/template.yaml cannot be written: File exists"),
    ],
)
def test_what_makes_no_job_is_refused_in_one_line(shot, options, sentence):
    job = ["farm", "bundle", "plate", "-r", "relit.1001.exr", "-o", "out", "--bundle", "job", *options]
    made = relumix(shot, *job)
    assert made.returncode == 2
    assert made.stderr.startswith(f"relumix: {sentence}"), made.stderr
    assert made.stderr.count("\n") == 1
    assert not (shot / "job").exists()


def test_files_beyond_a_job_parameter_are_refused(shot):
    for frame in FRAMES:
        (shot / f"{'long' * 40}.{frame}.exr").write_bytes((shot / "relit.1001.exr").read_bytes())
    many = [option for frame in FRAMES for option in ("-r", f"{frame}={'long' * 40}.{frame}.exr")]
    made = relumix(shot, "farm", "bundle", "plate", *many, "-o", "out", "--bundle", "job")
    assert made.returncode == 2
    assert made.stderr.startswith("relumix: Reference takes "), made.stderr


def test_references_by_name_pattern_and_folder_are_written_out(shot):
    (shot / "hero").mkdir()
    for frame in (1003, 1009):
        (shot / f"hero/hero.{frame}.exr").write_bytes((shot / "relit.1001.exr").read_bytes())
    for given in ("hero", "hero/hero.####.exr"):
        done = relumix(shot, "farm", "bundle", "plate", "-r", given, "-o", "out", "--bundle", "job")
        assert done.returncode == 0, done.stderr
        values = {each["name"]: each["value"] for each in read(shot / "job/parameter_values.yaml")["parameterValues"]}
        assert values["Reference"] == "\n".join(f"{frame}={shot}/hero/hero.{frame}.exr" for frame in (1003, 1009))
        assert values["Fit"] == "false"


@pytest.mark.parametrize(
    ("options", "cuts"), [((), "none"), (("--cuts", "1004,1007", "--unlit", "plate"), "1004,1007")]
)
def test_cuts_are_found_once_and_passed_on(shot, options, cuts):
    folder = bundled(shot, *options)
    given = {each["name"]: each["value"] for each in read(folder / "parameter_values.yaml")["parameterValues"]}
    assert given["Cuts"] == cuts


def test_a_cut_is_told_when_the_job_is_written_and_a_scene_without_a_reference_refused(shot):
    other = make_shot(size=(96, 64), frames=FRAMES, pan=(2, 0), seed=9)
    for frame in range(1006, 1010):
        files.plain(shot / f"plate/p.{frame}.exr", other.plate[frame])
    refused = relumix(shot, "farm", "bundle", "plate", "-r", "relit.1001.exr", "-o", "out", "--bundle", "job")
    assert refused.returncode == 2
    assert refused.stderr.startswith("relumix: frames 1006 to 1009 are a scene without a reference: give one"), refused
    given = ["-r", "relit.1001.exr", "--frames", "1001-1005"]
    made = relumix(shot, "farm", "bundle", "plate", *given, "-o", "out", "--bundle", "job")
    assert "there is a cut before frame 1006" in made.stdout
    values = {each["name"]: each["value"] for each in read(shot / "job/parameter_values.yaml")["parameterValues"]}
    assert values["Cuts"] == "1006"
