"""The wire contract: clean, compatible with what was released, and the generated code made from it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "proto/released.binpb"
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


def test_contract_is_compatible_with_what_was_released(buf):
    found = run(buf, "breaking", "--against", RELEASED)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("released", "changed", "told"),
    [
        ("fixed32 crc32c = 7", "fixed32 crc32c = 9", 'field "7" with name "crc32c" on message "FrameChunk" was'),
        ("fixed32 crc32c = 7", "uint64 crc32c = 7", 'Field "7" with name "crc32c" on message "FrameChunk" changed'),
        ("  ROLE_MASK = 3;\n", "", 'enum value "3" on enum "Role" was deleted'),
        ("rpc GetInfo(", "rpc Info(", 'RPC "GetInfo" on service "RelightService" was deleted'),
    ],
    ids=["number", "type", "value", "call"],
)
def test_a_contract_that_breaks_what_was_released_is_told(buf, tmp_path, released, changed, told):
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    proto = tmp_path / "proto/relumix/v1/relight.proto"
    assert released in proto.read_text()
    proto.write_text(proto.read_text().replace(released, changed))
    found = run(buf, "breaking", "--against", RELEASED, cwd=tmp_path)
    assert found.returncode != 0
    assert told in found.stdout + found.stderr
