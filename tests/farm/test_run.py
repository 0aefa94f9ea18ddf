"""`relumix farm run`: one chunk of a job."""

import signal
import subprocess
import sys

import numpy as np

from tests.farm.shots import relumix
from tests.shot import files
from tests.synthetic import make_shot

JOB = ["source=plate", "reference=relit.1001.exr", "output=out"]


def chunk(folder, frames, *values):
    return relumix(folder, "farm", "run", "--session", folder, f"--chunk={frames}", *JOB, *values)


def made(folder):
    return {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("p.*.exr")}


def test_the_scheduler_is_told_how_far_it_is(shot):
    done = chunk(shot, "1002-1008:3", "mix=0.5", "overwrite=true", "mask=", "preview=x.mp4")
    assert done.returncode == 0, done.stderr
    status, *lines, last = done.stdout.splitlines()
    assert status == "openjd_status: 3 frames with flow"
    assert {line for line in lines if line.startswith("openjd_status")} == {
        "openjd_status: reading reference 1001",
        "openjd_status: light on frames 1001-1009",
    }
    shares = [float(line.removeprefix("openjd_progress: ")) for line in lines if "progress" in line]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 100)
    assert last.startswith("openjd_status: 3 frames relit in ")
    assert set(made(shot)) == {"p.1002.exr", "p.1005.exr", "p.1008.exr"}
    assert not (shot / "x.mp4").exists(), "the movie is of the whole shot: the last step makes it"


def test_a_frame_that_fails_fails_the_task_and_costs_no_other(shot):
    (shot / "plate/p.1005.exr").write_bytes(b"damaged")
    done = chunk(shot, "1004-1006")
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert lines[-1].startswith("openjd_fail: 1 of 3 frames failed: frame 1005: plate/p.1005.exr cannot be read")
    assert set(made(shot)) == {"p.1004.exr", "p.1006.exr"}


def test_bad_input_is_told_the_scheduler(shot):
    for values, sentence in (
        (["work_size=9"], "work size is 9: expected 64 to 8192 pixels for the long edge"),
        (["work_size"], "'work_size' is no OPTION=VALUE: expected something like work_size=768"),
        (["worksize=9"], "worksize is no option of relight: expected one of source, "),
        (["mix=x"], "argument --mix: invalid float value: 'x' (see relumix relight --help)"),
    ):
        done = chunk(shot, "1001", *values)
        assert done.returncode == 2
        assert done.stdout.startswith(f"openjd_fail: {sentence}"), done.stdout
        assert done.stdout.count("openjd_fail") == 1


def test_a_chunk_that_is_killed_and_run_again_loses_nothing(tmp_path):
    shot = make_shot(size=(96, 64), frames=range(1001, 1041), pan=(1, 0))
    for frame, pixels in shot.plate.items():
        files.plain(tmp_path / f"plate/p.{frame}.exr", pixels.astype(np.float16), "RGB")
    files.plain(tmp_path / "relit.1001.exr", shot.truth[1001].astype(np.float16), "RGB")
    command = [sys.executable, "-m", "relumix.cli.main", "farm", "run", "--session", ".", "--chunk=1001-1040", *JOB]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as task:
        while task.stdout.readline() and len(made(tmp_path)) < 2:
            pass
        task.send_signal(signal.SIGKILL)
    before = made(tmp_path)
    assert 1 < len(before) < 40
    again = chunk(tmp_path, "1001-1040")
    assert again.returncode == 0, again.stderr
    assert f"{len(before)} were up to date" in again.stdout
    after = made(tmp_path)
    assert len(after) == 40
    assert before.items() <= after.items()
