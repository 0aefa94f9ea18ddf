"""Long checks: memory errors and leaks, and the bundle for every system. Run them with `pytest -m slow`."""

import importlib.util
import shutil
import subprocess

import pytest

from tests.ofx_plugin import exports
from tests.ofx_plugin.conftest import build_all
from tests.ofx_plugin.rig import PLUGIN, Bench

pytestmark = pytest.mark.slow


def exercise(host, bench):
    """Everything that a host does with an effect, once, with a bridge that dies in between."""
    assert host.press("relight", "cancel=3") == "cancelled; finished frames are kept"
    assert host.press("relight").startswith("8 frames relit")
    for options in ((), ("negative",), ("scale=2",), ("thumbnail",), ("abort=0",), ("interactive=0",)):
        host.try_render(1004, *options)
    host.set("referenceFrames", "nonsense")
    host.try_render(1004)
    host.set("referenceFrames", "")
    host.create("b")
    host.press("relight", name="b")
    assert host.say(f"crowd {bench.folder / 'crowd'} 1002 1003 : a b") == "ok 0"
    subprocess.run(["kill", "-9", str(bench.bridge_pid())], check=True)
    host.try_render(1004)
    host.render(1004, "interactive=0")
    assert host.press("clear").endswith("forgotten")
    assert [host.say("destroy a"), host.say("destroy b"), host.say("unload")] == ["ok 0"] * 3
    assert host.state()["offences"] == []


def test_valgrind_finds_nothing(bench, shot):
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    bench.put("Source", shot.plate)
    bench.put("Reference", {1001: shot.truth[1001]})
    host = bench.host("valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite")
    exercise(host.load(), bench)
    host.close()
    assert host.process.returncode == 0


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_sanitizers_find_nothing(tmp_path, shot, sanitizer):
    built = build_all(tmp_path, "-O1", "-g", f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", "-Wl,-z,undefs")
    bench = Bench(tmp_path / "bench", *built)
    try:
        bench.put("Source", shot.plate)
        bench.put("Reference", {1001: shot.truth[1001]})
        host = bench.host()
        exercise(host.load(), bench)
        host.close()
        assert host.process.returncode == 0
    finally:
        bench.close()


DOOR = ["OfxGetNumberOfPlugins", "OfxGetPlugin", "OfxSetHost"]


def test_cmake_builds_the_same_bundle(tmp_path):
    if not shutil.which("cmake"):
        pytest.skip("CMake is not installed")
    subprocess.run(["cmake", "-S", PLUGIN.parent, "-B", tmp_path], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", tmp_path], check=True, stdout=subprocess.DEVNULL)
    contents = tmp_path / "Relumix.ofx.bundle/Contents"
    assert exports.elf(contents / "Linux-x86-64/Relumix.ofx") == DOOR
    assert (contents / "Info.plist").exists()


def test_the_bundle_for_every_system(tmp_path):
    if not importlib.util.find_spec("ziglang"):
        pytest.skip("zig is not installed: pip install ziglang")
    from relumix_ofx.build import build

    contents = build(tmp_path) / "Contents"
    kinds = {
        path.parent.name: subprocess.run(["file", "-b", path], capture_output=True, text=True, check=True).stdout
        for path in contents.glob("*/Relumix.ofx")
    }
    assert kinds["Linux-x86-64"].startswith("ELF 64-bit LSB shared object, x86-64")
    assert kinds["Win64"].startswith("PE32+ executable (DLL)")
    assert "x86-64" in kinds["Win64"]
    assert kinds["MacOS"].startswith("Mach-O universal binary with 2 architectures")
    assert {word for word in ("arm64", "x86_64") if word in kinds["MacOS"]} == {"arm64", "x86_64"}
    linux = contents / "Linux-x86-64/Relumix.ofx"
    assert exports.elf(linux) == exports.windows(contents / "Win64/Relumix.ofx") == DOOR
    assert list(exports.mac(contents / "MacOS/Relumix.ofx").values()) == [DOOR, DOOR]
    needed = subprocess.run(["nm", "-D", "--undefined-only", linux], capture_output=True, text=True, check=True).stdout
    versions = {tuple(map(int, line.split("GLIBC_")[1].split("."))) for line in needed.splitlines() if "GLIBC_" in line}
    assert max(versions) <= (2, 28)
    assert (contents / "Info.plist").exists()
