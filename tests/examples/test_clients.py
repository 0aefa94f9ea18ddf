"""The example clients, as they stand, against a real server."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import relumix
from tests.server.harness import serving
from tests.shot import files
from tests.synthetic import make_shot

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
FRAMES = range(1001, 1012)
TOKEN = "open-sesame-0123456789"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    (folder / "token").write_text(TOKEN)
    with serving(folder, "--token-file", str(folder / "token")) as running:
        yield running


@pytest.fixture
def shot(tmp_path):
    made = make_shot(size=(96, 64), frames=FRAMES, pan=(1.5, 0))
    for frame, pixels in made.plate.items():
        files.plain(tmp_path / f"plate/p.{frame}.exr", pixels.astype(np.float16), "RGB")
    files.plain(tmp_path / "relit.exr", made.truth[1001].astype(np.float16), "RGB")
    (tmp_path / "token").write_text(TOKEN)
    relumix.relight(tmp_path / "plate", {1001: tmp_path / "relit.exr"}, tmp_path / "here")
    return tmp_path


def run(*command, cwd):
    return subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def test_python_without_files(server, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    done = run(sys.executable, EXAMPLES / "python_client.py", server.address, "token", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    places = [
        re.fullmatch(r"frame (\d+): ([\d.]+) stops at most, at x (\d+), y \d+", s) for s in done.stdout.splitlines()
    ]
    assert [int(place[1]) for place in places] == list(range(24))
    # The wall moves 3 pixels a frame to the left, and the light with it.
    assert abs(int(places[0][3]) - 60) <= 8
    assert int(places[10][3]) < int(places[0][3]) - 15


def test_python_fits_on_a_napkin():
    lines = (EXAMPLES / "python_client.py").read_text().splitlines()
    assert len([line for line in lines if line and not line.startswith("#")]) <= 20


def test_the_shell(server, shot, tmp_path):
    folder = Path(sys.executable).parent
    script = f'PATH="{folder}:$PATH" sh {EXAMPLES / "shell_client.sh"} "$@"'
    args = [server.address, "plate", "1001=relit.exr", "out", "--token-file", "token"]
    done = run("sh", "-c", script, "sh", *args, cwd=shot)
    assert done.returncode == 0, done.stderr
    assert len([line for line in done.stdout.splitlines() if line.startswith("have ")]) == len(FRAMES)
    assert_relit(shot / "out")
    (shot / "wrong").write_text("close-sesame-0123456789")
    args[-1] = "wrong"
    done = run("sh", "-c", script, "sh", *args, cwd=shot)
    assert done.returncode == 2
    assert "no token that this server knows" in done.stderr


@pytest.fixture(scope="module")
def node_client(tmp_path_factory):
    """The Node client beside the contract, its packages installed."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    root = tmp_path_factory.mktemp("node")
    shutil.copytree(ROOT / "proto", root / "proto")
    folder = shutil.copytree(
        EXAMPLES / "node_client", root / "examples/node_client", ignore=shutil.ignore_patterns("node_modules")
    )
    installed = run("npm", "install", "--no-audit", "--no-fund", cwd=folder)
    if installed.returncode:
        pytest.skip(f"npm cannot install the packages of the client: {installed.stderr.strip().splitlines()[-1]}")
    return folder / "relight.js"


def test_node_from_the_contract_alone(server, shot, node_client):
    args = [server.address, "plate", "1001=relit.exr", "out", "--token-file", "token"]
    done = run("node", node_client, *args, cwd=shot)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"{len(FRAMES)} frames relit in [\d.]+ s\n$", done.stdout)
    assert_relit(shot / "out")
    (shot / "out/p.1004.exr").unlink()
    done = run("node", node_client, *args, cwd=shot)
    assert done.stdout.splitlines()[0] == "frame 1004: out/p.1004.exr"
    assert len(done.stdout.splitlines()) == 2


def test_node_says_what_is_wrong(server, shot, node_client):
    done = run("node", node_client, server.address, "plate", "1001=relit.exr", "out", cwd=shot)
    assert done.returncode == 2
    assert done.stderr.startswith("relight: no token that this server knows")
    damaged = shot / "plate/p.1005.exr"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    args = [server.address, "plate", "1001=relit.exr", "out", "--token-file", "token"]
    done = run("node", node_client, *args, cwd=shot)
    assert done.returncode == 3
    assert done.stderr.startswith("frame 1005: plate/p.1005.exr cannot be read: ")


def assert_relit(folder):
    """The pixels are those of the job in-process; what names the key of a frame is the client's own."""
    for frame in FRAMES:
        files.assert_same_pixels(folder / f"p.{frame}.exr", folder.parent / f"here/p.{frame}.exr")
