"""The command, in a process of its own, on real files."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from relumix.cli.main import main
from relumix.cli.relight import parse_references
from relumix.errors import InputError
from tests.shot.files import light, plain
from tests.synthetic import make_shot

FRAMES = range(1001, 1006)


@pytest.fixture
def shot(tmp_path):
    """A small shot on disk: plate/plate.1001.exr and on, and its relit first frame."""
    made = make_shot(size=(96, 64), frames=FRAMES, pan=(2, 0))
    (tmp_path / "plate").mkdir()
    for frame, pixels in made.plate.items():
        plain(tmp_path / f"plate/plate.{frame}.exr", pixels)
    plain(tmp_path / "relit.1001.exr", made.truth[1001])
    return tmp_path


def relumix(folder, *args):
    command = [sys.executable, "-m", "relumix.cli.main", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def events(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def one_line(result):
    """The single line on stderr of a refusal."""
    assert result.returncode == 2, result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.strip()


def test_a_shot_is_relit_and_the_last_lines_say_where(shot):
    result = relumix(shot, "relight", "plate", "-r", "relit.1001.exr", "-o", "out")
    assert result.returncode == 0, result.stderr
    assert sorted(p.name for p in (shot / "out").iterdir()) == [f"plate.{f}.exr" for f in FRAMES]
    assert re.fullmatch(r"5 frames relit in [\d.]+ s, [\d.]+ frames a second\nwrote out\n", result.stdout)


@pytest.mark.parametrize(("given", "counts"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "active"}, "ACTIVE")])
def test_torchs_threads_sleep_while_they_wait_if_nobody_says_otherwise(shot, monkeypatch, given, counts):
    pytest.importorskip("torch")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    for name, value in {"OMP_DISPLAY_ENV": "true", **given}.items():
        monkeypatch.setenv(name, value)
    result = relumix(shot, "relight", "plate", "-r", "relit.1001.exr", "-o", "out", "--engine", "lite")
    assert result.returncode == 0, result.stderr
    assert set(re.findall(r"OMP_WAIT_POLICY *= *'(\w+)'", result.stderr)) == {counts}


def test_json_events_are_complete_and_in_order(shot):
    result = relumix(shot, "relight", "plate", "-r", "1001=relit.1001.exr", "-o", "out", "--progress", "json")
    told = events(result)
    stages = [e for e in told if e["event"] == "stage"]
    assert {e["stage"] for e in stages} == {"references", "light"}
    assert [e["event"] for e in told if e not in stages] == ["start", *["frame", "progress"] * 5, "done"]
    assert told[0]["frames"] == list(FRAMES)
    assert told[0]["references"] == {"1001": "relit.1001.exr"}
    assert [e["frame"] for e in told if e["event"] == "frame"] == list(FRAMES)
    assert told[-2] == {"event": "progress", "done": 5, "total": 5, "share": 1.0, "remaining_seconds": 0.0}
    assert {k: told[-1][k] for k in ("written", "skipped", "failed")} == {"written": 5, "skipped": 0, "failed": 0}
    assert set(told[-1]["stage_seconds"]) == {"read", "engine", "transfer", "write"}


def test_previews_and_gain_maps_are_made_on_the_way(shot):
    extras = ["--gain-out", "gain/g.####.exr", "--confidence-out", "sure/s.####.exr", "--confidence-layer"]
    extras += ["--preview", "ba.mp4", "--contact-sheet", "sheet.png"]
    result = relumix(shot, "relight", "plate", "-r", "relit.1001.exr", "-o", "out", *extras)
    assert result.returncode == 0, result.stderr
    made = ["out", "gain/g.####.exr", "sure/s.####.exr", "ba.mp4", "sheet.png"]
    assert result.stdout.splitlines()[1:] == [f"wrote {each}" for each in made]
    assert (shot / "ba.mp4").stat().st_size > 1000
    assert (shot / "sheet.png").stat().st_size > 1000
    stops = light(shot / "gain/g.1001.exr")
    made = make_shot(size=(96, 64), frames=FRAMES, pan=(2, 0))
    assert np.abs(stops - made.stops[1001]).mean() < 0.05


def test_a_plate_that_has_such_a_channel_is_told_in_one_line(shot):
    for path in (shot / "plate").iterdir():
        plain(path, np.ones((64, 96, 4), np.float16), ["R", "G", "B", "confidence.Y"])
    result = relumix(shot, "relight", "plate", "-r", "relit.1001.exr", "-o", "out", "--confidence-layer", "--dry-run")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "relumix: plate/plate.1001.exr has a channel confidence.Y already: leave out --confidence-layer, or write "
        "files of their own with --confidence-out\n"
    )


def test_a_dry_run_says_what_would_be_done_and_does_nothing(shot):
    chosen = ["--frames", "1002-1004x2", "--dry-run"]
    result = relumix(shot, "relight", "plate", "-r", "relit.1001.exr", "-o", "out", *chosen)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["frames"] == [1002, 1004]
    assert not (shot / "out").exists()


def test_a_rerun_makes_only_what_changed(shot):
    command = ["relight", "plate", "-r", "relit.1001.exr", "-o", "out", "--progress", "json"]
    relumix(shot, *command)
    again = events(relumix(shot, *command))[-1]
    assert (again["written"], again["skipped"]) == (0, 5)
    (shot / "out/plate.1003.exr").unlink()
    assert events(relumix(shot, *command))[-1]["written"] == 1
    os.utime(shot / "relit.1001.exr")
    assert events(relumix(shot, *command))[-1]["written"] == 5
    assert events(relumix(shot, *command, "--mix", "0.5"))[-1]["written"] == 5
    assert events(relumix(shot, *command, "--mix", "0.5", "--overwrite"))[-1]["written"] == 5


def test_chunks_equal_one_run_bit_for_bit(shot):
    relumix(shot, "relight", "plate", "-r", "relit.1001.exr", "-o", "whole")
    for chunk in ("1001-1002", "1003", "1004-1005"):
        relumix(shot, "relight", "plate", "-r", "relit.1001.exr", "-o", "chunks", "--frames", chunk)
    for frame in FRAMES:
        whole, chunk = (light(shot / name / f"plate.{frame}.exr") for name in ("whole", "chunks"))
        np.testing.assert_array_equal(whole, chunk)


def test_a_damaged_frame_costs_that_frame(shot):
    damaged = shot / "plate/plate.1003.exr"
    damaged.write_bytes(damaged.read_bytes()[:2000])
    result = relumix(shot, "relight", "plate", "-r", "relit.1001.exr", "-o", "out", "--progress", "json")
    assert result.returncode == 3
    failed = [e for e in events(result) if e["event"] == "error"]
    assert [e["frame"] for e in failed] == [1003]
    assert "plate.1003.exr" in failed[0]["message"]
    assert sorted(p.name for p in (shot / "out").iterdir()) == [f"plate.{f}.exr" for f in FRAMES if f != 1003]


def test_an_interrupt_leaves_whole_frames_and_exits_130(shot):
    for frame in range(FRAMES[-1] + 1, FRAMES[0] + 400):  # more than are done before the signal comes
        os.link(shot / f"plate/plate.{FRAMES[-1]}.exr", shot / f"plate/plate.{frame}.exr")
    command = [sys.executable, "-m", "relumix.cli.main", "relight", "plate", "-r", "relit.1001.exr", "-o", "out"]
    with subprocess.Popen(
        [*command, "--progress", "json"], cwd=shot, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as job:
        for line in job.stdout:
            if json.loads(line)["event"] == "frame":
                break
        job.send_signal(signal.SIGINT)
        _, said = job.communicate(timeout=300)
    assert job.returncode == 130
    assert said == "relumix: interrupted; finished frames are kept, run the same command again to go on\n"
    finished = list((shot / "out").iterdir())
    assert 1 <= len(finished) < 400
    for path in finished:
        assert re.fullmatch(r"plate\.\d{4}\.exr", path.name)
        light(path)


def test_settings_are_written_into_the_frames(shot):
    relumix(shot, "relight", "plate", "-r", "relit.1001.exr", "-o", "out", "--mix", "0.5")
    spec = oiio.ImageInput.open(str(shot / "out/plate.1002.exr")).spec()
    assert spec.get_string_attribute("relumix:engine") == "flow"
    assert json.loads(spec.get_string_attribute("relumix:settings"))["mix"] == 0.5
    assert json.loads(spec.get_string_attribute("relumix:references")) == {"1001": "relit.1001.exr"}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nowhere.####.exr", "-r", "relit.1001.exr", "-o", "out"], r"nowhere\.####\.exr: no such sequence, .*"),
        (["plate", "-r", "1001=gone.exr", "-o", "out"], r"the reference for frame 1001 is not there: gone\.exr"),
        (
            ["plate", "-r", "2000=relit.1001.exr", "-o", "out"],
            r"reference frame 2000 \(relit\.1001\.exr\) is not in plate.plate\.####\.exr: it has frames 1001 to 1005",
        ),
        (["plate", "-r", "relit.1001.exr", "-o", "plate"], r"frame 1001 would be written over the input .*"),
        (["plate", "-r", "relit.1001.exr", "-o", "out", "--mix", "2"], r"mix is 2\.0: expected a number from 0 .*"),
        (
            ["plate", "-r", "relit.1001.exr", "-o", "out", "--engine", "x"],
            r"unknown engine 'x': expected one of .*",
        ),
        (
            ["plate", "-r", "relit.1001.exr", "-o", "out", "--device", "cuda"],
            r"engine flow runs on the CPU: got --device cuda, expected auto or cpu",
        ),
        (
            ["plate", "-o", "out"],
            r"the following arguments are required: -r/--reference \(see relumix relight --help\)",
        ),
        (
            ["plate", "-r", "relit.1001.exr", "-o", "out", "--frames", "1004-1008"],
            r"plate.plate\.####\.exr lacks frames 1006, 1007, 1008: render what is missing, .*",
        ),
        (["plate", "-r", "relit.1001.exr", "-o", "out", "--frames", "abc"], r"'abc' names no frames: expected .*"),
        (["plate", "-r", "relit.1001.exr", "-o", "out", "--layer", "beauty"], r".*beauty.*"),
        (["plate", "-r", "relit.1001.exr", "-o", "out", "--colorspace", "nonsense"], r".*nonsense.*"),
        (["plate", "-r", "relit.1001.exr", "-o", "out", "--compression", "lzw"], r".*lzw.*"),
        (
            ["plate", "-r", "relit.1001.exr", "-o", "out", "--preview", "a.mov"],
            r"preview is a\.mov: expected a name that ends in \.mp4",
        ),
        (
            ["plate", "-r", "relit.1001.exr", "-o", "out", "--work-size", "9"],
            r"work size is 9: expected 64 to 8192 pixels for the long edge",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(shot, args, message):
    said = one_line(relumix(shot, "relight", *args))
    assert re.fullmatch("relumix: " + message, said), said
    assert not (shot / "out").exists()


def test_a_refusal_is_an_event_too(shot):
    result = relumix(shot, "relight", "nowhere", "-r", "relit.1001.exr", "-o", "out", "--progress", "json")
    assert [(e["event"], e["frame"]) for e in events(result)] == [("error", None)]
    assert events(result)[0]["message"] in one_line(result)


def test_a_gap_is_refused_or_skipped(shot):
    (shot / "plate/plate.1003.exr").unlink()
    command = ["relight", "plate", "-r", "relit.1001.exr", "-o", "out"]
    assert "lacks frame 1003: render what is missing" in one_line(relumix(shot, *command))
    result = relumix(shot, *command, "--missing", "skip", "--progress", "json")
    assert result.returncode == 0
    assert [e["message"] for e in events(result) if e["event"] == "warning"] == [
        f"{Path('plate') / 'plate.####.exr'} lacks frame 1003: skipped"
    ]
    assert len(list((shot / "out").iterdir())) == 4


def test_files_of_others_are_not_replaced_unasked(shot):
    (shot / "out").mkdir()
    plain(shot / "out/plate.1002.exr", np.zeros((4, 4, 3), np.float32))
    command = ["relight", "plate", "-r", "relit.1001.exr", "-o", "out"]
    assert "plate.1002.exr exists and relumix did not write it" in one_line(relumix(shot, *command))
    assert relumix(shot, *command, "--overwrite").returncode == 0


def test_a_folder_that_cannot_be_written_is_one_line(shot):
    (shot / "file").write_text("in the way")
    said = one_line(relumix(shot, "relight", "plate", "-r", "relit.1001.exr", "-o", "file/out"))
    assert re.fullmatch(r"relumix: file/out cannot be written to: .*file is a file, not a folder", said)


def test_references_are_parsed():
    assert parse_references(["a.exr", "1060=b=c.exr", "-5=d.exr"]) == {None: ["a.exr"], 1060: "b=c.exr", -5: "d.exr"}
    with pytest.raises(InputError, match=r"^frame 7 has two references, a\.exr and b\.exr: keep one of them$"):
        parse_references(["7=a.exr", "7=b.exr"])


def test_the_parser_loads_no_heavy_package():
    heavy = "{'numpy', 'cv2', 'torch', 'OpenImageIO'}"
    code = f"import sys, relumix.cli.main as m; m.build_parser(); print({heavy} & set(sys.modules))"
    assert relumix_python(code) == "set()"


def relumix_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def run(capsys, *args):
    """The exit code of `relumix relight` in this process, and what it told: its events, or its last line on stderr."""
    code = main(["relight", *args, "--progress", "json"])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err.strip()


def warned(events):
    return [event["message"] for event in events if event["event"] == "warning"]


def test_a_reference_is_of_the_frame_that_its_name_says(shot, monkeypatch, capsys):
    monkeypatch.chdir(shot)
    (shot / "relit.1001.exr").rename("hero_1003_v002.exr")
    code, told, _ = run(capsys, "plate", "-r", "hero_1003_v002.exr", "-o", "out")
    assert (code, told[0]["references"]) == (0, {"1003": "hero_1003_v002.exr"})
    Path("hero_1003_v002.exr").rename("hero.1030.exr")
    code, _, err = run(capsys, "plate", "-r", "hero.1030.exr", "-o", "out")
    pattern = Path("plate") / "plate.####.exr"
    assert (code, err) == (
        2,
        f"relumix: hero.1030.exr may be frame 1030, which {pattern} lacks (it has frames 1001 to 1005): say which "
        "frame it is, like -r 1001=hero.1030.exr",
    )


@pytest.mark.parametrize("name", ["paint.1001.png", "paint.1001.exr"])
def test_a_paint_over_changes_nothing_where_it_is_not_painted(shot, monkeypatch, capsys, name):
    monkeypatch.chdir(shot)
    pixels = np.zeros((64, 96, 4), np.float32)
    pixels[20:40, 30:60] = [0.9, 0.6, 0.3, 1]
    if name.endswith("png"):
        plain(shot / name, (pixels * 255).astype(np.uint8), oiio__UnassociatedAlpha=1)
    else:
        plain(shot / name, pixels, "RGBA")
    code, told, _ = run(capsys, "plate", "-r", name, "-o", "out", "--frames", "1001")
    assert code == 0
    assert warned(told) == [f"the alpha of {name} says where it is painted: where it is 0 the plate keeps its light"]
    plate, relit = light(shot / "plate/plate.1001.exr"), light(shot / "out/plate.1001.exr")
    changed = (plate != relit).any(axis=-1)
    assert changed[20:40, 30:60].mean() > 0.99
    changed[20:40, 30:60] = False
    assert not changed.any()


def test_references_of_another_size_are_fitted_and_told_of_once(shot, monkeypatch, capsys):
    monkeypatch.chdir(shot)
    made = make_shot(size=(96, 64), frames=FRAMES, pan=(2, 0))
    for frame in (1001, 1005):
        half = made.truth[frame].reshape(32, 2, 48, 2, 3).mean((1, 3))
        plain(shot / f"half/half.{frame}.exr", half)
    code, told, _ = run(capsys, "plate", "-r", "half", "-o", "out", "--frames", "1001")
    names = f"{Path('half/half.1001.exr')} (48x32), {Path('half/half.1005.exr')} (48x32)"
    assert (code, warned(told)) == (0, [f"fitted to the plate's 96x64: {names} (--fit leaves this line out)"])
    # The plate's detail under the reference's light, not the pixels of an enlarged picture.
    error = np.abs(light(shot / "out/plate.1001.exr") - made.truth[1001]) / made.truth[1001]
    assert np.median(error) < 0.03
    code, told, _ = run(capsys, "plate", "-r", "half", "-o", "out", "--frames", "1001", "--fit")
    assert (code, warned(told), told[-1]["skipped"]) == (0, [], 1)
    plain(shot / "square.1001.exr", np.ones((50, 50, 3), np.float32))
    code, _, err = run(capsys, "plate", "-r", "square.1001.exr", "-o", "out")
    assert (code, err) == (
        2,
        "relumix: reference square.1001.exr is 50x50, but the plate's frame 1001 is 96x64: expected that size, or "
        "another of the same shape",
    )


def test_frames_that_the_shell_listed_are_the_pattern_that_they_make(shot, monkeypatch, capsys):
    monkeypatch.chdir(shot)
    files = sorted(str(path) for path in Path("plate").iterdir())
    for chosen, frames in ((files, [*FRAMES]), (files[1:3], [1002, 1003])):
        assert main(["relight", *chosen, "-r", f"{frames[0]}=relit.1001.exr", "-o", "out", "--dry-run"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["frames"] == frames
    plain(shot / "plate/other.exr", np.ones((64, 96, 3), np.float32))
    for words, sentence in (
        (
            [*files, "plate/other.exr", "-r", "a.exr"],
            "6 files were given, which are not one sequence (other.exr",
        ),
        (
            ["plate/*.exr", "-r", "a.exr"],
            "plate/*.exr: no such file or folder; # stands for a digit",
        ),
        (
            ["a.####.exr", "-r", "relit.1001.exr", files[0]],
            f"one file is expected where {files[0]} came too",
        ),
        (["a.exr", "b.exr", "-r", "relit.1001.exr"], "SOURCE is one pattern, file or folder: got a.exr and b.exr"),
    ):
        assert main(["relight", *words, "-o", "out"]) == 2
        assert capsys.readouterr().err.startswith(f"relumix: {sentence}")


def test_a_dry_run_says_what_is_up_to_date(shot, monkeypatch, capsys):
    monkeypatch.chdir(shot)
    command = ["plate", "-r", "relit.1001.exr", "-o", "out"]
    assert run(capsys, *command, "--frames", "1002-1003")[0] == 0
    assert main(["relight", *command, "--dry-run"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["up_to_date"], said["to_make"]) == ([1002, 1003], [1001, 1004, 1005])
    assert main(["relight", *command, "--dry-run", "--overwrite"]) == 0
    assert json.loads(capsys.readouterr().out)["to_make"] == [*FRAMES]


def test_what_is_no_movie_is_told_in_one_line(shot, monkeypatch, capsys):
    monkeypatch.chdir(shot)
    Path("clip.mov").touch()
    Path("clip.r3d").touch()
    code, _, err = run(capsys, "clip.mov", "-r", "relit.1001.exr", "-o", "out")
    assert (code, err.count("\n")) == (2, 0)
    assert err.startswith("relumix: clip.mov cannot be opened as a movie: ")
    code, _, err = run(capsys, "clip.r3d", "-r", "relit.1001.exr", "-o", "out")
    assert (code, err) == (
        2,
        "relumix: clip.r3d is of a kind that only its maker's programs decode: "
        "export it as ProRes, or as OpenEXR frames",
    )
