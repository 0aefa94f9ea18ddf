"""The wire contract: clean, compatible with what was committed before, and the generated code made from it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUF = "@bufbuild/buf@1.75.0"


def run(*command, cwd=ROOT):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def buf(tmp_path_factory):
    """The buf program, from npm."""
    if not shutil.which("npm"):
        pytest.skip("buf comes from npm, which is not installed")
    folder = tmp_path_factory.mktemp("buf")
    installed = run("npm", "install", "--silent", "--no-save", "--prefix", folder, BUF, cwd=folder)
    if installed.returncode:
        pytest.skip(f"npm cannot install {BUF}: {installed.stderr.strip().splitlines()[-1:]}")
    return folder / "node_modules/.bin/buf"


def test_generated_code_is_up_to_date(tmp_path):
    pytest.importorskip("grpc_tools")
    outputs = [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
    made = run(sys.executable, "-m", "grpc_tools.protoc", "-I", "proto", *outputs, "proto/relumix/v1/relight.proto")
    assert made.returncode == 0, made.stderr
    for path in sorted((tmp_path / "relumix/v1").iterdir()):
        assert (ROOT / "relumix/v1" / path.name).read_text() == path.read_text(), f"{path.name} is old: make proto"


def test_contract_is_clean(buf):
    found = run(buf, "lint")
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_broken_contract_is_told(buf, tmp_path):
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    proto = tmp_path / "proto/relumix/v1/relight.proto"
    proto.write_text(proto.read_text().replace("fixed32 crc32c = 7", "uint64 crc32c = 7"))
    found = run(buf, "breaking", "--against", ROOT / "proto", cwd=tmp_path)
    assert "crc32c" in found.stdout + found.stderr


def test_contract_is_compatible_with_the_last_commit(buf):
    if run("git", "rev-parse", "HEAD").returncode:
        pytest.skip("this is no git checkout")
    found = run(buf, "breaking", "--against", ".git#ref=HEAD")
    assert found.returncode == 0, found.stdout + found.stderr
