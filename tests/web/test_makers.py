"""The commands that make references are ones that `relumix reference` takes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from relumix.cli.main import build_parser
from relumix.web.clips import Clip, Reference, Shapes
from relumix.web.downloads import commands
from relumix.web.errors import RefusedError, without_folders
from relumix.web.jobs import Order
from relumix.web.makers import Makers, Recipe
from relumix.web.options import Options
from relumix.web.tasks import Probed, Source


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of models in the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("depth", "words"):
        (tmp_path / name).mkdir()


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    found = Probed(
        frames=[1001],
        missing=[],
        width=64,
        height=48,
        aspect=1.0,
        rate=24.0,
        exposure=1.0,
        pattern="/shots/plate.####.exr",
        geometry=False,
        notes=[],
    )
    return Clip("plate", Source(found.pattern, "ACEScg"), found, tmp_path, "plate")


def read(recipe: Recipe) -> Any:
    """The command line of a recipe, as the command reads it."""
    return build_parser().parse_args(recipe.arguments())


def test_what_is_offered_depends_on_models(clip: Clip):
    assert Makers.of(Options()).offered(clip) == ["match"]
    assert Makers.of(Options(depth_model="depth", words_model="words")).offered(clip) == ["match", "lights", "text"]


def test_the_command_takes_what_it_is_asked(clip: Clip, tmp_path: Path):
    makes = Makers.of(Options(depth_model="depth", words_model="words"))
    recipes = [
        makes.match(clip, 1001, tmp_path / "picture.1001.png"),
        makes.lights(clip, 1001, {"lights": []}, 40.0),
        makes.words(clip, 1001, "-low sun", 3),
    ]
    match, lights, words = map(read, recipes)
    for recipe, each in zip(recipes, (match, lights, words), strict=True):
        assert (each.source, each.frames, each.colorspace) == ("/shots/plate.####.exr", "1001", "ACEScg")
        assert each.output == str(recipe.folder / "reference.1001.exr")
    assert match.to == str(tmp_path / "picture.1001.png")
    assert (Path(lights.lights).read_text(), lights.fov) == ('{\n "lights": []\n}', 40.0)
    assert (words.prompt, words.seed) == ("-low sun", 3)
    assert (lights.estimate, words.model) == (str(Path.cwd() / "depth"), str(Path.cwd() / "words"))  # run elsewhere


def test_shapes_beside_a_clip_are_of_their_frames(clip: Clip, tmp_path: Path):
    clip.shapes = Shapes({"position": tmp_path / "p.exr", "albedo": tmp_path / "a.exr"}, (1001, 1003))
    assert Makers.of(Options()).offered(clip) == ["match", "lights"]
    lights = read(Makers.of(Options()).lights(clip, 1003, {}, None))
    assert (lights.position, lights.albedo) == (str(tmp_path / "p.exr"), str(tmp_path / "a.exr"))
    with pytest.raises(RefusedError, match="the clip has no depth at frame 1002: it has some at 1001, 1003"):
        Makers.of(Options()).lights(clip, 1002, {}, None)


@pytest.mark.parametrize("words", ["", "  ", "x" * 401, "sun\0"])
def test_words_are_few(clip: Clip, words: str):
    with pytest.raises(RefusedError, match="expected 1 to 400 letters"):
        Makers.of(Options(words_model="words")).words(clip, 1001, words, 0)


@pytest.mark.parametrize("coded", [False, True])
def test_words_of_several_lines_stay_in_their_command(clip: Clip, coded: bool):
    recipe = Makers.of(Options(words_model="words")).words(clip, 1001, "a sun\nexit 1", 3)
    command = tuple(recipe.arguments())
    clip.references = {1001: Reference(recipe.target, "worded", command=command, coded=coded)}
    order = Order(clip.source.pattern, {1001: recipe.target}, clip.results)
    script = 'relumix() { echo "$1 $#"; }\n' + commands(clip, order, local=False)
    shown = subprocess.run(["sh", "-e"], input=script, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == [*([] if coded else [f"reference {len(command)}"]), "relight 7"]


def test_errors_do_not_tell_the_servers_folders():
    assert without_folders("/tmp/a/plate.1001.exr cannot be read: no file") == "plate.1001.exr cannot be read: no file"
