"""What stdout and stderr cannot say, or cannot be told, ends no job."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from relumix.cli import console
from tests.shot.files import plain
from tests.synthetic import make_shot

FRAMES = (1001, 1002)
NAME = "カット é"
LOST = "relumix: stdout cannot be written (No space left on device): what was said there is lost\n"
full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")


@pytest.fixture(scope="module")
def shot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shot")
    made = make_shot(size=(48, 32), frames=FRAMES)
    for frame, pixels in made.plate.items():
        plain(folder / NAME / f"plate.{frame}.exr", pixels.astype(np.float16))
    plain(folder / NAME / "relit.1001.exr", made.truth[1001])
    return folder


def relumix(folder, *words, shell="", **environment):
    """Run the command, with a redirection of the shell's behind it."""
    line = shlex.join([sys.executable, "-m", "relumix.cli.main", *words])
    return subprocess.run(
        ["/bin/sh", "-c", f"exec {line} {shell}"],
        cwd=folder, env={**os.environ, **environment}, capture_output=True, check=False,
    )  # fmt: skip


def job(out, *more):
    return ["relight", f"{NAME}/plate.####.exr", "-r", f"{NAME}/relit.1001.exr", "-o", out, *more]


def written(folder, out):
    return len(list((folder / out).glob("*.exr")))


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
@pytest.mark.parametrize("progress", ["none", "json", "openjd"])
def test_a_name_that_the_encoding_lacks_is_escaped(shot, tmp_path, encoding, progress):
    out = f"{tmp_path}/{NAME}"
    done = relumix(shot, *job(out, "--progress", progress), PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, b"")
    assert written(tmp_path, NAME) == len(FRAMES)
    said = done.stdout.decode(encoding).splitlines()
    if progress == "json":
        assert json.loads(said[-1])["outputs"] == [out]
    else:
        assert "\\u30ab\\u30c3\\u30c8" in said[-1]


@pytest.mark.parametrize("words", [job("out", "--dry-run"), ["info", f"{NAME}/plate.####.exr", "--json"]])
def test_json_says_every_name_in_every_encoding(shot, words):
    for encoding in ("ascii", "cp1252", "utf-8"):
        done = relumix(shot, *words, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
        said = json.loads(done.stdout.decode(encoding))
        assert f"{NAME}/plate.####.exr" in (said.get("source"), said.get("pattern"))
    assert NAME.encode() in done.stdout


@pytest.mark.parametrize("shell", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams_lose_no_frame_and_get_into_none(shot, tmp_path, shell):
    done = relumix(shot, *job(str(tmp_path / "out")), shell=shell)
    assert done.returncode == 0
    assert done.stderr == b""
    assert written(tmp_path, "out") == len(FRAMES)
    assert relumix(shot, "info", "nothing.exr", shell=shell).returncode == 2
    assert relumix(shot, *job(str(tmp_path / "out")), shell=shell).returncode == 0  # what is there can be read


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_is_said_in_one_file_stays_in_its_order(shot, tmp_path, unbuffered):
    done = relumix(shot, *job(str(tmp_path / "out"), "--progress", "bar"), shell="2>&1", PYTHONUNBUFFERED=unbuffered)
    said = done.stdout.decode()
    assert re.search(r" gone *\n2 frames relit .*\nwrote .*\n\Z", said), said


@full
@pytest.mark.parametrize("progress", ["none", "json", "openjd", "bar"])
def test_a_full_stdout_loses_no_frame(shot, tmp_path, progress):
    done = relumix(shot, *job(str(tmp_path / "out"), "--progress", progress), shell=">/dev/full")
    assert done.returncode == 0
    assert written(tmp_path, "out") == len(FRAMES)
    assert done.stderr.decode().endswith(LOST)


@full
def test_a_full_stderr_loses_no_frame(shot, tmp_path):
    done = relumix(shot, *job(str(tmp_path / "out"), "--progress", "bar"), shell="2>/dev/full")
    assert done.returncode == 0
    assert written(tmp_path, "out") == len(FRAMES)
    assert relumix(shot, "info", "nothing.exr", shell="2>/dev/full").returncode == 2


@full
@pytest.mark.parametrize(
    "words",
    [
        ["info", f"{NAME}/plate.####.exr"], ["colorspaces"], job("out", "--dry-run"), ["farm", "template"],
        ["--version"], ["relight", "--help"], [],
    ],
)  # fmt: skip
def test_an_answer_that_could_not_be_written_is_an_error(shot, words):
    done = relumix(shot, *words, shell=">/dev/full")
    assert (done.returncode, done.stderr.decode()) == (2, LOST)


def test_a_reader_that_goes_away_ends_the_job_quietly(shot, tmp_path):
    done = relumix(shot, *job(str(tmp_path / "out"), "--progress", "json"), shell="| true")
    assert done.stderr == b""


def test_a_stdout_that_would_block_is_waited_for():
    read, write = os.pipe()
    os.set_blocking(write, False)
    text = "frame\n" * 50_000  # more than a pipe holds
    reader = subprocess.Popen([sys.executable, "-c", "import sys; print(len(sys.stdin.read()))"], stdin=read,
                              stdout=subprocess.PIPE)  # fmt: skip
    os.close(read)
    stream = console._Forgiving(write, raises_broken_pipe=True)
    for start in range(0, len(text), 8192):
        left = memoryview(text[start : start + 8192].encode())
        while left:
            left = left[stream.write(left) :]
    assert stream.lost is None
    stream.close()
    os.close(write)
    assert int(reader.communicate(timeout=60)[0]) == len(text)


def test_control_characters_of_a_name_make_no_line_of_their_own(shot, tmp_path, capsys):
    from relumix.cli.progress import OpenJD

    OpenJD().status("plate\nopenjd_fail: no\x1b[2J")
    assert capsys.readouterr().out == "openjd_status: plate\\u000aopenjd_fail: no\\u001b[2J\n"
