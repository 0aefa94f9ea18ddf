"""What is missing is one line that names the extra, from every subcommand and from Python."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from relumix.engines.svd.weights import PARTS
from relumix.errors import InputError
from relumix.util.extras import install_command, needed, require

ROOT = Path(__file__).resolve().parents[1]
PLATE = str(ROOT / "examples/shot/plate")
TRUTH = str(ROOT / "examples/shot/truth")


def without(module: str, code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python code where a module cannot be imported, as where it is not installed."""
    blocked = f"import sys; sys.modules[{module!r}] = None\n{code}"
    return subprocess.run([sys.executable, "-c", blocked], cwd=cwd, capture_output=True, text=True, check=False)


COMMANDS = {
    "relight": (f"relight {PLATE} -r 1001={TRUTH}/example.1001.exr -o out", "cv2", "local", ", or name a --server"),
    "lite": (f"relight {PLATE} -r 1001={TRUTH}/example.1001.exr -o out --engine lite", "torch", "lite", ""),
    "svd": (f"relight {PLATE} -r 1001={TRUTH}/example.1001.exr -o out --engine svd --model .", "torch", "svd", ""),
    "preview": (f"relight {PLATE} -r 1001={TRUTH}/example.1001.exr -o out --preview a.mp4", "av", "local", ""),
    "evaluate": (f"evaluate {PLATE} --truth {TRUTH}", "skimage", "local", ""),
    "dataset render": ("dataset render --out out --scenes 1 --seed 1", "mitsuba", "dataset", ""),
    "dataset shots": ("dataset shots --out out --scenes 1 --seed 1", "PIL", "dataset", ""),
    "train lite": ("train lite --data d --held-out h --out out", "torch", "train", ""),
    "train svd": ("train svd --base b --data d --out out", "accelerate", "train", ""),
    "convert": ("convert a.pth -o out", "safetensors", "svd", ""),
    "serve": ("serve", "grpc_health", "server", ""),
    "serve page": ("serve", "jinja2", "server", ""),
}


@pytest.mark.parametrize(("command", "module", "extra", "otherwise"), COMMANDS.values(), ids=COMMANDS)
def test_every_subcommand_says_it_in_one_line(command: str, module: str, extra: str, otherwise: str, tmp_path: Path):
    for part in PARTS:
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").touch()
        (tmp_path / part / "model.safetensors").touch()
    code = f"from relumix.cli.main import main; sys.exit(main({shlex.split(command)}))"
    done = without(module, code, tmp_path)
    what, _, rest = done.stderr.partition(" needs the package ")
    assert done.returncode == 2, done.stderr
    assert what.startswith("relumix: ")
    assert rest == f"{module}: {install_command(extra)}{otherwise}\n"


PYTHON = {
    "engine lite": ("import relumix.engines.lite", "torch", "lite"),
    "engine flow": ("import relumix.engines.flow", "cv2", "local"),
    "lite without OpenCV": ("import relumix.engines.lite", "cv2", "lite"),
    "relight": ("import relumix; relumix.relight", "cv2", "local"),
    "relit": ("import relumix; relumix.relit", "cv2", "local"),
    "load_engine": ("import relumix; relumix.load_engine('flow')", "cv2", "local"),
    "lite": ("import relumix; relumix.load_engine('lite')", "torch", "lite"),
    "evaluate": ("from relumix.evaluate import evaluate", "flip_evaluator", "local"),
    "preview": ("import relumix.preview.movie", "av", "local"),
    "train": ("import relumix.train.loop", "torch", "train"),
    "dataset": ("import relumix.dataset.pairs", "cv2", "dataset"),
    "server": ("import relumix_server.serve", "prometheus_client", "server"),
}


@pytest.mark.parametrize(("code", "module", "extra"), PYTHON.values(), ids=PYTHON)
def test_from_python_it_is_the_same_line(code: str, module: str, extra: str, tmp_path: Path):
    done = without(module, code, tmp_path)
    name, _, message = done.stderr.splitlines()[-1].partition(": ")
    assert name == "relumix.util.extras.MissingPackageError"
    assert message.partition(" needs the package ")[2] == f"{module}: {install_command(extra)}"


def test_it_is_both_an_input_error_and_a_missing_module():
    for kind in (InputError, ModuleNotFoundError):
        with pytest.raises(kind, match=r"^this needs the package no_such: pip install "), needed("this", "local"):
            import no_such.module  # noqa: F401
        with pytest.raises(kind, match=r"^that needs the package no_such: pip install "):
            require("that", "local", "sys", "no_such")


def test_a_fault_of_ours_is_not_dressed_up():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'relumix\.nothing'"), needed("this", "local"):
        import relumix.nothing  # noqa: F401


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        ({}, "'relumix[local]'"),
        ({"url": "file:///jobs/my%20relumix", "dir_info": {"editable": True}}, "-e '/jobs/my relumix[local]'"),
        ({"url": "file:///jobs/relumix", "dir_info": {}}, "'/jobs/relumix[local]'"),
        (
            {"url": "file:///w/relumix-0.1.0-py3-none-any.whl", "archive_info": {}},
            "'/w/relumix-0.1.0-py3-none-any.whl[local]'",
        ),
        (
            {"url": "https://example.org/relumix.git", "vcs_info": {"vcs": "git", "commit_id": "0a1b"}},
            "'relumix[local] @ git+https://example.org/relumix.git@0a1b'",
        ),
    ],
)
def test_what_to_run_is_where_relumix_came_from(origin, command, monkeypatch: pytest.MonkeyPatch):
    class Distribution:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return json.dumps(origin) if origin else None

    monkeypatch.setattr("importlib.metadata.distributions", lambda name: [Distribution()])
    assert install_command("local") == f"pip install {command}"
