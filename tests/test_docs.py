"""Every command in the documentation works: it is run here as it stands, or it is in UNRUN with the reason why not.

Those that are not run are held against what reads them: relumix's own parser, a script's, make, or the tool's own help.
"""

from __future__ import annotations

import configparser
import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

import relumix
from relumix import events
from relumix.cli.main import build_parser
from relumix.dataset.llvm import CURE
from tests.server.harness import serving
from tests.shot import files
from tests.synthetic import make_shot

ROOT = Path(__file__).resolve().parents[1]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCS += [ROOT / "nuke_plugin/README.md", ROOT / "ofx_plugin/README.md"]
DOCS += sorted((ROOT / "examples").rglob("README*"))
TOOLS = ("relumix", "pip", "make", "python", "openjd", "deadline", "hf", "openssl", "apt-get", "nuke", "pytest")

NO_CHROMIUM = "apt-get install chromium"
"""What the tests of the page say where they are skipped."""

MENTION = "names a command, and no arguments that would do something"
MINUTES = "takes minutes, up to hours"
INSTALLS = "changes the environment: tests/test_wheel.py installs into a fresh one"
SERVES = "serves until it is stopped: it is run at a free port for the commands that call it"
WEIGHTS = "needs weights that do not come with relumix"
DATA = "needs data that takes hours to make or to record"

UNRUN = {
    r"make (demo|test|bench|lint)": MINUTES,
    r"make help": "needs the folder of the clone",
    r"make wheel": "tests/test_wheel.py does it",
    r"make bench-svd": "needs a GPU",
    r"make (proto|released)": "writes what tests/proto/test_contract.py compares",
    r"pip install .*": INSTALLS,
    r"apt-get install .*": INSTALLS,
    r"python (tests/benchmarks|examples/(shot|crates))/.*": MINUTES,
    r"pytest -m slow .*": MINUTES,
    r"make ofx": "tests/ofx_plugin/test_slow.py does it",
    r"relumix bridge.*": "serves until its last client has gone: tests/cli/test_bridge.py starts it",
    r"relumix ofx install.*": "builds for minutes: tests/cli/test_ofx.py installs",
    r"relumix serve --engine-option": MENTION,
    r"relumix serve.*": SERVES,
    r"relumix web(?! --help).*": "serves until it is stopped: tests/web/test_browser.py starts it",
    r"relumix (relight|info) clip\.mov.*": "needs a movie",
    r"relumix evaluate demo/relit .*": "needs what make demo made",
    r"relumix (relight|evaluate) .*examples/(shot|crates)/.*": "takes half a minute",
    r"relumix relight --engine lite": MENTION,
    r"relumix .*….*": MENTION,
    r"relumix (evaluate|relight|info|suggest|farm|farm start|dataset render|train svd|reference \w+)": MENTION,
    r"relumix (relight|convert|train) .*svd.*": WEIGHTS,
    r"relumix reference text .*": WEIGHTS,
    r"relumix reference lights .*": "needs the geometry of a frame: tests/reference/lights has some",
    r"relumix reference": MENTION,
    r"relumix train lite .*": DATA,
    r"relumix train lite-next .*": MINUTES,
    r"relumix dataset (render|shots) .*": MINUTES,
    r"relumix dataset record-carla .*": "needs a CARLA server",
    r"relumix .*/sc1/.*": "needs a studio's storage",
    r"hf .*": "needs the network, and an account",
    r"openjd run .*": "tests/farm/test_openjd.py runs such a job",
    r"deadline .*": "needs AWS Deadline Cloud",
    r"nuke .*": "needs Nuke",
}


@dataclass(frozen=True)
class Command:
    """A command as it is written, and where."""

    doc: Path
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)

    @property
    def unrun(self) -> str:
        return next((reason for pattern, reason in UNRUN.items() if re.fullmatch(pattern, self.text)), "")

    def __str__(self) -> str:
        return f"{self.doc.relative_to(ROOT)}: {self.text}"


def commands(doc: Path) -> Iterator[Command]:
    """Every command of a document: the lines of indented blocks, and what stands between backticks."""
    text = re.sub(r"^```.*?^```", "", doc.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    block = re.compile(r"(?<=\n\n)(?: {4}.*\n)+")
    lines = [line for found in block.findall(text) for line in re.sub(r"\\\n\s*", "", found).splitlines()]
    for line in [*lines, *re.findall(r"(?<!`)`([^`\n]+)`", block.sub("", text))]:
        for part in re.sub(r"\s#.*", "", line).split(" && "):
            found = Command(doc, part.strip().removeprefix(".venv/bin/"))
            if found.text.partition(" ")[0] in TOOLS and " " in found.text:
                yield found


ALL = list(dict.fromkeys(command for doc in DOCS for command in commands(doc)))


def environment() -> dict[str, str]:
    """Return the environment of a reader who has installed what the document tells."""
    return {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def run(command: str | list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        shell=isinstance(command, str),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


# What is run: document by document, one command after the other, as a reader would.


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running.address


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    """A folder with what the documents speak of: plate, truth, two frames relit, and a photograph."""
    made = make_shot(size=(96, 64), frames=range(1001, 1005), pan=(1.5, 0))
    for frame, pixels in made.plate.items():
        files.plain(tmp_path / f"plate.{frame}.exr", pixels.astype(np.float16), "RGB")
        files.plain(tmp_path / f"truth.{frame}.exr", made.truth[frame].astype(np.float16), "RGB")
    files.plain(tmp_path / "relit.1001.exr", made.truth[1001].astype(np.float16), "RGB")
    photograph = np.clip(made.truth[1002] ** (1 / 2.2) * 255, 0, 255).astype(np.uint8)
    assert oiio.ImageBuf(np.ascontiguousarray(photograph)).write(str(tmp_path / "sunset.jpg"))
    return tmp_path


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: str(doc.relative_to(ROOT)))
def test_commands_run_as_they_stand(doc: Path, shot: Path, request: pytest.FixtureRequest):
    for command in commands(doc):
        if command.unrun:
            continue
        text = command.text
        if "--server" in text:
            text = re.sub(r"(127\.0\.0\.1|render7):50051", request.getfixturevalue("server"), text)
        done = run(text, shot)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"


def test_some_are_run():
    assert len([command for command in ALL if not command.unrun]) >= 10


def test_python_in_the_readme_runs(shot: Path, monkeypatch: pytest.MonkeyPatch):
    (code,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(shot)
    made = make_shot(size=(96, 64), frames=range(1001, 1003))
    given = {f"plate_{frame}": pixels for frame, pixels in made.plate.items()} | {"relit_1001": made.truth[1001]}
    exec(compile(code, "README.md", "exec"), given)
    assert given["frame"].frame == 1002
    assert len(list((shot / "relit").glob("*.exr"))) == 4


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: str(doc.relative_to(ROOT)))
def test_python_elsewhere_is_python(doc: Path):
    for code in re.findall(r"^```python\n(.*?)^```", doc.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        compile(code, str(doc), "exec")


def blocks(doc: str, language: str) -> list[str]:
    text = (ROOT / doc).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_projects_file_of_the_readme_is_one(shot: Path):
    (toml,) = blocks("README.md", "toml")
    (shot / "relumix.toml").write_text(toml)
    done = run("relumix relight plate.####.exr -r relit.1001.exr -o relit/ --dry-run", shot)
    assert done.returncode == 0, done.stderr
    settings = json.loads(done.stdout)["settings"]
    assert (settings["colorspace"], settings["mix"]) == ("ACEScg", 0.8)


def test_the_servers_file_of_the_documentation_is_one(tmp_path: Path):
    (toml,) = blocks("docs/service.md", "toml")
    for folder in ("jobs", "library"):
        (tmp_path / folder).mkdir()
    (tmp_path / "server.toml").write_text(toml.replace('"/', f'"{tmp_path}/'))
    done = run(["relumix", "serve", "--config", "server.toml", "--dry-run"], tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["listen"], told["root"]) == ("0.0.0.0:50051", [f"{tmp_path}/jobs", f"{tmp_path}/library"])


def test_events_are_as_they_are_described():
    kinds = {kind.event: kind for kind in events.Event.__subclasses__()}
    (lines,) = blocks("docs/events.md", "json")
    for line in lines.splitlines():
        name, *told = json.loads(line)
        kind = kinds[json.loads(line)["event"]]
        assert [name, *told] == ["event", *(field.name for field in dataclasses.fields(kind))], line


# What is not run: somebody reads it all the same.


def by_relumix(command: Command) -> None:
    if command.unrun == MENTION:
        in_help_of(command)
    elif command.unrun == SERVES:
        assert run([sys.executable, "-m", "relumix.cli.main", *command.words[1:], "--dry-run"], ROOT).returncode == 0
    else:
        build_parser().parse_args(command.words[1:])


def by_script(command: Command) -> None:
    """Run a script as far as its arguments are read."""
    assert "parse_args(" in (ROOT / command.words[1]).read_text(encoding="utf-8"), "all of it would be run"
    code = (
        "import argparse, runpy, sys; read = argparse.ArgumentParser.parse_args\n"
        "def stop(self, *given): read(self, *given); sys.exit(0)\n"
        "argparse.ArgumentParser.parse_args = stop; sys.argv = sys.argv[1:]\n"
        "sys.path.insert(0, sys.argv[0].rpartition('/')[0]); runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    done = run([sys.executable, "-c", code, *command.words[1:]], ROOT)
    assert done.returncode == 0, done.stderr


def by_make(command: Command) -> None:
    done = run(["make", "--dry-run", *command.words[1:]], ROOT)
    assert done.returncode == 0, done.stderr


def by_pip(command: Command) -> None:
    if command.unrun == MENTION:
        in_help_of(command)
        return
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    (requirement,) = command.words[2:]
    name, _, extra = requirement.partition(" @ ")[0].removesuffix("]").partition("[")
    assert not extra or extra in config["options.extras_require"]
    ours = (".", "relumix", f"dist/relumix-{relumix.__version__}-py3-none-any.whl")
    assert name in (*ours, "openjd-cli", "carla==0.9.16", "playwright")
    assert name != "relumix" or "git+https://HOST/PATH/" in requirement, "relumix is on no index"


def in_help_of(command: Command) -> None:
    """Hold the options of a command against the help of the tool that it names."""
    tool, *rest = command.words
    if not (program := shutil.which(tool, path=environment()["PATH"])):
        pytest.skip(f"{tool} is not installed here")
    named = [word for word in rest[:2] if re.fullmatch(r"[a-z][a-z-]*", word)]
    done = run([program, *named, "--help"], ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    for option in (word.partition("=")[0] for word in rest if word.startswith("--")):
        assert re.search(rf"{option}\b", done.stdout), f"{tool} {' '.join(named)} has no {option}"


def by_apt(command: Command) -> None:
    assert command.text in CURE or command.text in NO_CHROMIUM, "the program says something else"


def by_pytest(command: Command) -> None:
    done = run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", *command.words[1:]], ROOT)
    assert done.returncode == 0, done.stdout  # 5 where it finds no test


READERS: dict[str, Callable[[Command], None]] = {
    "relumix": by_relumix,
    "python": by_script,
    "make": by_make,
    "pip": by_pip,
    "apt-get": by_apt,
    "pytest": by_pytest,
    "hf": in_help_of,
    "openjd": in_help_of,
    "deadline": in_help_of,
    "nuke": in_help_of,
}


def unrun() -> Iterator[pytest.ParameterSet]:
    """The commands that are not run; reading the options of those that load Stable Video Diffusion takes a while."""
    for command in ALL:
        if command.unrun:
            slow = command.words[0] == "python" and "svd" in command.text
            yield pytest.param(command, id=str(command), marks=pytest.mark.slow if slow else ())


@pytest.mark.parametrize("command", list(unrun()))
def test_what_is_not_run_is_understood(command: Command):
    READERS[command.words[0]](command)


@pytest.mark.parametrize("pattern", UNRUN)
def test_nothing_is_left_unrun_that_is_not_there(pattern: str):
    assert any(re.fullmatch(pattern, command.text) for command in ALL)
