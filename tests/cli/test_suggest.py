import json

import numpy as np
import pytest

from relumix.cli.main import main
from tests.shot.files import plain
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


def test_bad_input_is_one_line(shot, capsys):
    assert main(["suggest", str(shot / "plate"), "-r", str(shot / "relit.0001.exr"), "-n", "0"]) == 2
    assert capsys.readouterr().err == "relumix: 0 frames to suggest: expected 1 or more\n"
    assert main(["suggest", str(shot / "plate"), "-r", str(shot / "missing.0001.exr")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
