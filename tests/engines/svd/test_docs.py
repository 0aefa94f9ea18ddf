"""Commands that the documentation gives are ones that today's tools accept."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from relumix.cli.main import build_parser
from relumix.engines.svd.options import PUBLISHED, SvdOptions
from relumix.engines.svd.weights import BASE_FILES, FETCH, PARTS

PAGE = (Path(__file__).resolve().parents[3] / "docs/svd.md").read_text(encoding="utf-8")


def commands(first_word):
    """The command lines of the page's blocks that begin with a word, and those of the sentence about weights."""
    blocks = "\n".join(line[4:] for line in PAGE.splitlines() if line.startswith("    "))
    lines = [*blocks.replace("\\\n", " ").splitlines(), *FETCH.split("&&")]
    return [words for line in lines if (words := shlex.split(line)) and words[0] == first_word]


HF = [*dict.fromkeys(tuple(words[1:]) for words in commands("hf"))]


@pytest.fixture(scope="module")
def help_of():
    """What the Hub's own tool says of one of its commands."""
    said = {}

    def ask(*command):
        if command not in said:
            tool = [sys.executable, "-m", "huggingface_hub.cli.hf", *command, "--help"]
            said[command] = subprocess.run(tool, capture_output=True, text=True, check=True).stdout
        return said[command]

    return ask


@pytest.mark.parametrize("words", HF, ids=[" ".join(words)[:60] for words in HF])
def test_download_lines_are_ones_that_the_tool_accepts(words, help_of):
    if words[0] == "auth":
        assert "login" in help_of("auth") and "auth login" in help_of("auth", "login")
        return
    command, repository, *rest = words
    said = help_of(command)
    assert command == "download" and "REPO_ID" in said and "[FILENAMES]" in said
    options = [word for word in rest if word.startswith("-")]
    assert options == ["--local-dir"] and re.search(r"--local-dir TEXT", said)
    assert repository in ("stabilityai/stable-video-diffusion-img2vid", "lez/relumix")


def test_only_what_is_needed_is_downloaded():
    files = {tuple(words[2:-2]) for words in HF if words[0] == "download"}
    unet = ("unet/config.json", "unet/diffusion_pytorch_model.safetensors")
    assert files == {BASE_FILES, ("relumix.pth",), unet}
    parts = {name.partition("/")[0] for name in BASE_FILES}
    assert parts - {"feature_extractor"} == set(PARTS) - {"unet"}


def test_our_own_lines_are_ones_that_the_command_accepts():
    lines = [words[1:] for words in commands("relumix")]
    assert len(lines) >= 4
    for words in lines:
        assert build_parser().parse_args(words).run
        options = [words[i + 1] for i, word in enumerate(words) if word == "--engine-option"]
        SvdOptions().changed(options)


def test_every_option_and_every_departure_is_on_the_page():
    names = SvdOptions.__dataclass_fields__.keys()
    assert [name for name in names if f"`{name}`" not in PAGE] == []
    departures = PAGE[PAGE.index("| option | default | published") : PAGE.index("Not options, since")]
    assert [name for name in PUBLISHED if f"`{name}`" not in departures and name != "windows"] == []
