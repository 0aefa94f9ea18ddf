"""Options from a file: a project's, or one that is named."""

import json
from pathlib import Path

import pytest

from relumix.cli import presets
from relumix.cli.main import main
from tests.shot.files import plain
from tests.synthetic import make_shot

COMMAND = ["relight", "plate", "-r", "relit.1001.exr", "-o", "out", "--dry-run"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder shots/sh010 of a project, with a shot in it."""
    made = make_shot(size=(96, 64), frames=range(1001, 1003))
    shot = tmp_path / "shots" / "sh010"
    (shot / "plate").mkdir(parents=True)
    for frame, pixels in made.plate.items():
        plain(shot / f"plate/plate.{frame}.exr", pixels)
    plain(shot / "relit.1001.exr", made.truth[1001])
    plain(tmp_path / "matte.exr", make_shot(size=(96, 64), frames=[1]).plate[1])
    monkeypatch.chdir(shot)
    return tmp_path


def settings(capsys, *args):
    assert main([*COMMAND, *args]) == 0
    out, err = capsys.readouterr()
    return json.loads(out)["settings"], err


def refusal(capsys, *args):
    assert main([*COMMAND, *args]) == 2
    return capsys.readouterr().err


def test_a_projects_file_is_found_above_and_options_win(folder, capsys):
    project = folder / "relumix.toml"
    project.write_text('[relight]\nmix = 0.5\nmask = "matte.exr"\noverwrite = true\n\n[serve]\nmax_sessions = 2\n')
    found, err = settings(capsys)
    assert (found["mix"], found["mask"], found["overwrite"]) == (0.5, str(folder / "matte.exr"), True)
    assert err == f"relumix: with the presets of {project}\n"
    assert settings(capsys, "--mix", "0.9")[0]["mix"] == 0.9
    (folder / "shots" / "relumix.toml").write_text("work_size = 512\n")
    near, _ = settings(capsys)
    assert (near["mix"], near["work_size"]) == (1.0, 512)


def test_a_file_that_is_named_counts_instead(folder, capsys):
    (folder / "relumix.toml").write_text("mix = 0.5\n")
    Path("mine.toml").write_text("mix = 1\nwork_size = 512\n")
    found, err = settings(capsys, "--config", "mine.toml")
    assert (found["mix"], found["work_size"], err) == (1, 512, "")


def test_a_file_that_begins_with_the_mark_of_its_encoding(folder, capsys):
    (folder / "relumix.toml").write_bytes(b"\xef\xbb\xbf[relight]\r\nmix = 0.5\r\n")
    assert settings(capsys)[0]["mix"] == 0.5


def test_options_that_may_be_given_several_times_take_the_place_of_presets(folder, capsys):
    Path("relumix.toml").write_text('engine = "lite"\nengine_options = ["a=1"]\n')
    assert "got a=1" in refusal(capsys, "--engine=flow")
    assert "got b=2" in refusal(capsys, "--engine=flow", "--engine-option=b=2")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mxi = 1", "mxi is nothing that can be set there; did you mean mix?"),
        ("[relihgt]", "relihgt is nothing that can be set there; did you mean relight?"),
        ('output = "x"', "output is nothing that can be set there"),
        ("mix = true", "mix is True: expected a number"),
        ("work_size = 1.5", "work_size is 1.5: expected a whole number"),
        ("colorspace = 1", "colorspace is 1: expected text"),
        ('overwrite = "yes"', "overwrite is 'yes': expected true or false"),
        ('engine_options = "a=1"', "engine_options is 'a=1': expected a list of texts"),
        ('bits = "double"', "bits is 'double': expected one of half, float"),
        ('premult = "maybe"', "premult is 'maybe': expected one of auto, yes, no"),
        ("relight = 1", "relight is 1: expected a table, [relight]"),
    ],
)
def test_what_cannot_be_set_is_refused(folder, capsys, text, sentence):
    Path("a.toml").write_text(text)
    assert refusal(capsys, "--config", "a.toml").startswith(f"relumix: a.toml: {sentence}")


def test_a_file_that_cannot_be_read(folder, capsys):
    assert refusal(capsys, "--config", "gone.toml") == "relumix: gone.toml cannot be read: No such file or directory\n"
    Path("bad.toml").write_text("mix =")
    assert refusal(capsys, "--config", "bad.toml").startswith("relumix: bad.toml cannot be read: Invalid value")


def test_a_farms_job_has_them_too(folder, capsys):
    Path("relumix.toml").write_text("mix = 0.25\n")
    assert main(["farm", "bundle", *COMMAND[1:-1], "--bundle", "job"]) == 0
    assert "- name: Mix\n  value: 0.25\n" in Path("job/parameter_values.yaml").read_text()


def test_a_folder_above_that_may_not_be_looked_into_has_no_presets(tmp_path, monkeypatch):
    real = Path.is_file

    def is_file(path):
        if path.parent == tmp_path:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "is_file", is_file)
    (tmp_path / "shot").mkdir()
    assert presets.project_file(tmp_path / "shot") is None
