"""What `make wheel` builds is one file that holds everything, and works in an environment that has nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import relumix

ROOT = Path(__file__).resolve().parents[1]
NAME = f"relumix-{relumix.__version__}-py3-none-any.whl"
EXAMPLES = (
    *("*.py", "shot/plate/*.exr", "shot/truth/example.1008.exr", "shot/geometry/*.exr", "shot/lights.json"),
    *("crates/plate/*.exr", "crates/relit.*.exr"),
)
"""What the page of an installed relumix opens."""

NOT_OURS = re.compile(r"__pycache__|\.egg-info")

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what makes the package, with leavings of an older build beside it."""
    clone = tmp_path_factory.mktemp("clone")
    for folder in ("relumix", "server", "ofx_plugin", "examples"):
        shutil.copytree(ROOT / folder, clone / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "constraints.txt", "Makefile", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    (clone / "build/lib/relumix").mkdir(parents=True)
    (clone / "build/lib/relumix/old.py").touch()
    return clone


@pytest.fixture(scope="module")
def wheel(clone: Path) -> Path:
    run("make", "wheel", f"PYTHON={sys.executable}", cwd=clone)
    (wheel,) = (clone / "dist").iterdir()
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a fresh environment with the wheel and its extra [local]."""
    fresh = tmp_path_factory.mktemp("fresh") / "venv"
    run(sys.executable, "-m", "venv", fresh, cwd=ROOT)
    pip = [fresh / "bin/python", "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt"]
    run(*pip, f"{wheel}[local]", cwd=fresh)
    return fresh / "bin"


def test_it_holds_every_file_and_no_other(wheel: Path):
    assert wheel.name == NAME
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    there = {
        str(path.relative_to(base))
        for base, top in ((ROOT, "relumix"), (ROOT / "server", "relumix_server"), (ROOT / "ofx_plugin", "relumix_ofx"))
        for path in (base / top).rglob("*")
        if path.is_file() and not NOT_OURS.search(str(path))
    }
    examples = [path for each in EXAMPLES for path in (ROOT / "examples").glob(each)]
    there |= {f"relumix_examples/{path.relative_to(ROOT / 'examples')}" for path in examples}
    assert held == there
    assert "relumix_examples/crates/relit.1010.exr" in held
    assert "relumix/engines/lite/lite.safetensors" in held


def test_it_relights_in_a_fresh_environment(installed: Path, tmp_path: Path):
    shot = ROOT / "examples/shot"
    for frame in (1001, 1002):
        (tmp_path / "plate").mkdir(exist_ok=True)
        shutil.copy(shot / f"plate/example.{frame}.exr", tmp_path / "plate")
    relit = f"1001={shot}/truth/example.1001.exr"
    command = [installed / "relumix", "relight", "plate", "-r", relit, "-o", "relit", "--contact-sheet", "sheet.png"]
    run(*command, "--preview", "movie.mp4", cwd=tmp_path)
    assert sorted(path.name for path in (tmp_path / "relit").glob("*.exr")) == ["example.1001.exr", "example.1002.exr"]
    assert (tmp_path / "sheet.png").exists() and (tmp_path / "movie.mp4").exists()
    assert "PSNR" in run(
        installed / "relumix", "evaluate", "relit", "--truth", shot / "truth", "--frames=1002", cwd=tmp_path
    )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            ["relight", "plate", "-r", "relit.1001.exr", "-o", "out", "--engine", "lite"],
            "engine lite needs the package torch: pip install '{wheel}[lite]'",
        ),
        (["serve"], "the server needs the package grpc_health: pip install '{wheel}[server]'"),
        (
            ["train", "lite", "--data", "d", "--held-out", "h", "--out", "o"],
            "training needs the package accelerate: pip install '{wheel}[train]'",
        ),
        (
            ["dataset", "render", "--out", "o", "--scenes", "1", "--seed", "1"],
            "rendering needs the package drjit: pip install '{wheel}[dataset]'",
        ),
    ],
)
def test_what_is_missing_there_is_one_line(installed: Path, wheel: Path, command: list[str], said: str, tmp_path: Path):
    shot = ROOT / "examples/shot"
    (tmp_path / "plate").mkdir()
    shutil.copy(shot / "plate/example.1001.exr", tmp_path / "plate")
    shutil.copy(shot / "truth/example.1001.exr", tmp_path / "relit.1001.exr")
    done = subprocess.run([installed / "relumix", *command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"relumix: {said.format(wheel=wheel)}\n")


def test_no_torch_comes_with_local(installed: Path, tmp_path: Path):
    packages = run(installed / "python", "-m", "pip", "list", "--format=freeze", cwd=tmp_path)
    assert "opencv-python-headless" in packages
    assert not re.search(r"^(torch|safetensors|grpcio-tools|pytest|mitsuba)==", packages, re.MULTILINE)
