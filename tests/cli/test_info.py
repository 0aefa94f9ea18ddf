import json

import numpy as np

from relumix.cli.main import main
from tests.shot.files import plain


def test_a_plate_is_described(tmp_path, capsys):
    pixels = np.full((24, 32, 3), 0.18, np.float32)
    for frame in (1, 2, 4):
        plain(tmp_path / f"p.{frame:04d}.exr", pixels)
    pixels[3, 4] = np.nan
    plain(tmp_path / "p.0002.exr", pixels)
    assert main(["info", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "frames          1-2,4 (3)" in said
    assert "missing         3 (1)" in said
    assert "non-finite      1 in frame 2 (pixels)" in said
    assert main(["info", str(tmp_path), "--json", "--no-scan"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == [1, 2, 4]


def test_nothing_there_is_one_line(tmp_path, capsys):
    assert main(["info", str(tmp_path / "p.####.exr")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
