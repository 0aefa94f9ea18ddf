"""The commands that make references are ones that `relumix reference` takes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from relumix.cli.main import build_parser
from relumix.web import makers
from relumix.web.clips import Clip
from relumix.web.errors import RefusedError, without_folders
from relumix.web.makers import Makers
from relumix.web.options import Options
from relumix.web.tasks import Probed, Source


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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The command lines that were run, as the command reads them."""
    read: list[Any] = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        read.append(build_parser().parse_args(command[command.index("reference") :]))
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    return read


def test_what_is_offered_depends_on_models(clip: Clip):
    assert Makers.of(Options()).offered(clip) == ["match"]
    assert Makers.of(Options(depth_model="depth", words_model="words")).offered(clip) == ["match", "lights", "text"]


def test_the_command_takes_what_it_is_asked(clip: Clip, asked: list[Any], tmp_path: Path):
    makes, target = Makers.of(Options(depth_model="depth", words_model="words")), tmp_path / "reference.1001.exr"
    makes.match(clip, 1001, tmp_path / "sunset.png", target)
    makes.lights(clip, 1001, {"lights": []}, 40.0, target)
    makes.words(clip, 1001, "-low sun", 3, target)
    match, lights, words = asked
    for each in asked:
        assert (each.source, each.output, each.colorspace) == ("/shots/plate.####.exr", str(target), "ACEScg")
        assert each.overwrite
    assert match.to == str(tmp_path / "sunset.png")
    assert (lights.lights, lights.estimate, lights.fov) == (str(tmp_path / "lights.json"), "depth", 40.0)
    assert (words.prompt, words.seed, words.model) == ("-low sun", 3, "words")


@pytest.mark.parametrize("words", ["", "  ", "x" * 401])
def test_words_are_few(clip: Clip, words: str, tmp_path: Path):
    with pytest.raises(RefusedError, match="expected 1 to 400 letters"):
        Makers.of(Options(words_model="words")).words(clip, 1001, words, 0, tmp_path / "r.exr")


def test_a_maker_that_takes_too_long_is_ended(clip: Clip, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(makers._SECONDS, "match", 0.01)
    with pytest.raises(RefusedError, match=r"it took longer than 0\.01 s"):
        Makers.of(Options()).match(clip, 1001, tmp_path / "sunset.png", tmp_path / "r.exr")


def test_errors_do_not_tell_the_servers_folders():
    assert without_folders("/tmp/a/plate.1001.exr cannot be read: no file") == "plate.1001.exr cannot be read: no file"
