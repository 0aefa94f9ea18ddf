"""A dry run, and a farm's bundle, find what a run finds."""

import json

import numpy as np
import pytest

from relumix.cli.main import main
from relumix.shot.plate import Plate
from relumix.shot.sequence import Sequence
from tests.shot.files import plain
from tests.synthetic import make_shot

FRAMES = (1001, 1002, 1003)


@pytest.fixture
def shot(tmp_path, monkeypatch):
    made = make_shot(size=(48, 32), frames=FRAMES)
    for frame, pixels in made.plate.items():
        plain(tmp_path / f"plate/p.{frame}.exr", pixels.astype(np.float16))
        plain(tmp_path / f"matte/m.{frame}.exr", np.ones((32, 48, 1), np.float32), ["Y"])
    relit = plain(tmp_path / "relit.exr", made.truth[1001])
    (tmp_path / "cut.exr").write_bytes(relit.read_bytes()[:-3000])
    (tmp_path / "damaged.exr").write_bytes(b"no image")
    (tmp_path / "file").write_text("in the way")
    plain(tmp_path / "small.exr", np.ones((10, 20, 1), np.float32), ["Y"])
    matte = (tmp_path / "matte/m.1002.exr").read_bytes()
    (tmp_path / "cut_matte.exr").write_bytes(matte[: len(matte) // 2])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ended(capsys, *words):
    """The exit code, and the last line that says why."""
    code = main([*words])
    return code, (capsys.readouterr().err.splitlines() or [""])[-1]


JOB = ("plate", "-o", "out")
GOOD = ("-r", "1001=relit.exr")


@pytest.mark.parametrize(
    "more",
    [
        ("-r", "1001=cut.exr"),
        ("-r", "1001=damaged.exr"),
        ("-r", "1001=small.exr"),
        ("-r", "1001=nothing.exr"),
        (*GOOD, "-r", "1003=cut.exr"),
        (*GOOD, "--reference-colorspace", "no such space"),
        (*GOOD, "--colorspace", "no such space"),
        (*GOOD, "--mask", "nothing.####.exr"),
        (*GOOD, "--gain-out", "file/gain.####.exr"),
        (*GOOD, "--confidence-out", "file/confidence.####.exr"),
        (*GOOD, "--contact-sheet", "file/sheet.png"),
        (*GOOD, "--preview", "file/movie.mp4"),
        (*GOOD, "--engine", "none"),
        (*GOOD, "--engine-option", "a=b"),
        (*GOOD, "--model", "nothing"),
        (*GOOD, "--device", "cuda"),
        (*GOOD, "--transfer", "direct"),
    ],
)
def test_what_ends_a_run_ends_a_dry_run_and_a_bundle_alike(shot, capsys, more):
    run = ended(capsys, "relight", *JOB, *more)
    assert run[0] == 2
    assert ended(capsys, "relight", *JOB, *more, "--dry-run") == run
    assert ended(capsys, "farm", "bundle", *JOB, *more, "--bundle", "job") == run
    assert not (shot / "job").exists()


def test_frames_that_would_fail_are_named(shot, capsys):
    plain(shot / "matte/m.1002.exr", np.ones((10, 20, 1), np.float32), ["Y"])
    command = ["relight", *JOB, *GOOD, "--mask", "matte/m.####.exr"]
    assert main([*command, "--dry-run"]) == 3
    said = json.loads(capsys.readouterr().out)["errors"]
    wrong = "mask matte/m.1002.exr is 20x10, but the plate's frame 1002 is 48x32: expected the same size"
    assert said == [{"frame": 1002, "message": wrong}]
    assert main(["farm", "bundle", *command[1:], "--bundle", "job"]) == 0
    assert capsys.readouterr().out.startswith(f"openjd_status: warning: {wrong}\n")
    assert main(command) == 3
    assert wrong in capsys.readouterr().err


@pytest.mark.parametrize("matte", ["small.exr", "damaged.exr", "cut_matte.exr"])
def test_a_matte_that_serves_no_frame_is_found_before_the_work(shot, capsys, matte):
    command = ["relight", *JOB, *GOOD, "--mask", matte]
    assert main([*command, "--dry-run"]) == 3
    assert [each["frame"] for each in json.loads(capsys.readouterr().out)["errors"]] == [*FRAMES]
    code, said = ended(capsys, "farm", "bundle", *command[1:], "--bundle", "job")
    assert (code, f"mask {matte}" in said) == (2, True)
    assert main(command) == 3


def test_a_dry_run_changes_nothing(shot, capsys):
    before = sorted(shot.rglob("*"))
    assert main(["relight", *JOB, *GOOD, "--mask", "matte", "--contact-sheet", "new/sheet.png", "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["errors"] == []
    assert sorted(shot.rglob("*")) == before
    assert Plate(Sequence.find(shot / "plate")).frames == FRAMES
