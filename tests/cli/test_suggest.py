import json

import numpy as np
import pytest

from relumix.cli.main import main
from tests.shot.files import light, plain
from tests.synthetic import make_shot, shadow_light


@pytest.fixture
def shot(tmp_path):
    """A pan on disk that leaves what its first frame shows; returns its folder."""
    made = make_shot(size=(96, 64), frames=range(1, 10), pan=(16.0, 0.0), square_px=0.0, light=shadow_light(50))
    (tmp_path / "plate").mkdir()
    for frame, pixels in made.plate.items():
        plain(tmp_path / "plate" / f"p.{frame:04d}.exr", pixels.astype(np.float16))
    plain(tmp_path / "relit.0001.exr", made.truth[1].astype(np.float16))
    return tmp_path


def test_a_frame_is_named(shot, capsys):
    assert main(["suggest", str(shot / "plate"), "-r", str(shot / "relit.0001.exr"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["frames"][0]["frame"] in range(4, 9)
    assert found["frames"][0]["error_stops"] < found["error_stops"]
    assert main(["suggest", str(shot / "plate"), "-r", f"1={shot / 'relit.0001.exr'}", "-n", "2"]) == 0
    first, guess, *named = capsys.readouterr().out.splitlines()
    assert first.startswith("expected error with the references there are: ")
    assert guess.startswith("mostly a guess: frames ") and guess.endswith(" to 9")
    assert named[0].startswith(f"relight frame {found['frames'][0]['frame']} next: ")
    assert len(named) == 2


def test_each_scene_without_a_reference_has_a_frame_named(shot, capsys):
    other = make_shot(size=(96, 64), frames=range(10, 16), pan=(2.0, 0.0), square_px=0.0, seed=5)
    for frame, pixels in other.plate.items():
        plain(shot / "plate" / f"p.{frame:04d}.exr", pixels.astype(np.float16))
    command = ["suggest", str(shot / "plate"), "-r", str(shot / "relit.0001.exr")]
    assert main([*command, "--json"]) == 0  # the cut is found
    found = json.loads(capsys.readouterr().out)
    assert found["unlit"] == [[10, 15]]
    assert [each["frame"] in range(10, 16) for each in found["frames"]] == [True]
    assert main([*command, "--cuts", "7,10", "-n", "3"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "scenes without a reference: frames 7 to 9, 10 to 15"
    named = [int(line.split()[2]) for line in said if line.startswith("relight frame ")]
    assert sorted((frame >= 7) + (frame >= 10) for frame in named) == [0, 1, 2]
    assert main([*command, "--cuts", "99"]) == 2
    assert capsys.readouterr().err == (
        "relumix: cuts has 99: expected first frames of scenes, from 2 to 15, auto or none\n"
    )


def test_bad_input_is_one_line(shot, capsys):
    assert main(["suggest", str(shot / "plate"), "-r", str(shot / "relit.0001.exr"), "-n", "0"]) == 2
    assert capsys.readouterr().err == "relumix: 0 frames to suggest: expected 1 or more\n"
    assert main(["suggest", str(shot / "plate"), "-r", str(shot / "missing.0001.exr")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_does_not_fit_is_told(shot, capsys):
    lit = 1 + np.mgrid[0:64, 0:96][1][..., None] / np.float32(96)
    plate = light(shot / "plate/p.0001.exr")
    moved = np.roll(plate * lit, 3, axis=1)
    plain(shot / "relit.0001.exr", moved.astype(np.float16))
    command = ["suggest", str(shot / "plate"), "-r", str(shot / "relit.0001.exr")]
    assert main(command) == 0
    warned = capsys.readouterr().err.splitlines()
    assert [line.startswith("relumix: warning: reference ") and "is shifted by " in line for line in warned] == [True]
    assert main([*command, "--json"]) == 0
    told = capsys.readouterr()
    assert [warned[0]] == [f"relumix: warning: {each}" for each in json.loads(told.out)["warnings"]]
    assert not told.err
    assert main([*command, "--align"]) == 0
    assert not capsys.readouterr().err


def test_it_reads_as_relight_does(shot, capsys, monkeypatch):
    """Its options are relight's, in the project's file too, of which it leaves alone what is not about reading."""
    (shot / "relumix.toml").write_text('[relight]\ncuts = "99"\nmix = 0.5\nreference_weights = ["1=0.5"]\n')
    monkeypatch.chdir(shot)
    command = ["suggest", "plate", "-r", "relit.0001.exr"]
    assert main(command) == 2
    assert capsys.readouterr().err.splitlines()[1:] == [
        "relumix: cuts has 99: expected first frames of scenes, from 2 to 9, auto or none"
    ]
    assert main([*command, "--cuts", "none"]) == 0
    half = float(capsys.readouterr().out.split(": ")[1].split()[0])
    assert main([*command, "--cuts", "none", "--reference-weight", "1=1"]) == 0
    assert half < 0.8 * float(capsys.readouterr().out.split(": ")[1].split()[0])
