"""What the command is told, and in what environment."""

import os
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest

from tests.nuke_plugin.comps import RELUMIX, Comp


@pytest.fixture
def comp(nuke, tmp_path):
    return Comp(nuke, tmp_path)


@pytest.fixture
def plugin(nuke):
    import relumix_nuke.cache
    import relumix_nuke.command
    import relumix_nuke.knobs

    return relumix_nuke


def told(plugin, comp, folder=Path("/c")):
    request = plugin.knobs.Request.of(comp.node)
    program = plugin.command.Program("/bin/relumix", "relumix 0.1.0")
    return plugin.command.relight(program, request, plugin.cache.Folder(folder), "left")


def test_the_knobs_as_they_are_at_first(plugin, comp):
    assert told(plugin, comp) == [
        *("/bin/relumix", "relight", "/c/source.left.####.exr", "--reference=1001=/c/reference.left.1001.exr"),
        *("--output=/c/result.left.####.exr", "--confidence-layer", "--gain-out=/c/gain.left.####.exr"),
        "--frames=1001-1006",
        *("--engine=flow", "--work-size=768", "--compression=zip", "--progress", "json"),
    ]


def test_every_knob_that_the_command_has_to_know(plugin, comp):
    comp.node.setInput(2, comp.source)
    for knob, value in (
        *(("range", "custom"), ("frames", "-5--3, 0"), ("reference_frames", "-4 1002"), ("engine", "lite")),
        *(("work_size", 512), ("compression", "dwaa"), ("where", "server"), ("server", "r7:50051,r8:50051")),
        ("options", r"""--token-file "C:\a b\token" --tls-ca '#1.pem' --patience=60"""),
    ):
        comp.node[knob].setValue(value)
    comp.source["first"].setValue(-5)
    assert told(plugin, comp) == [
        *("/bin/relumix", "relight", "/c/source.left.####.exr"),
        *("--reference=-4=/c/reference.left.-004.exr", "--reference=1002=/c/reference.left.1002.exr"),
        *("--output=/c/result.left.####.exr", "--confidence-layer", "--gain-out=/c/gain.left.####.exr"),
        "--frames=-5--3,0",
        *("--engine=lite", "--work-size=512", "--compression=dwaa", "--mask=/c/mask.left.####.exr"),
        *("--server=r7:50051,r8:50051", "--token-file", r"C:\a b\token", "--tls-ca", "#1.pem", "--patience=60"),
        *("--progress", "json"),
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [(r"D:\shots\für 光", "D:/shots/für 光"), (r"\\server\share\cache", "//server/share/cache")],
)
def test_paths_of_windows_have_slashes_wherever_nuke_reads_them(plugin, comp, written, meant):
    _, _, source, reference, output, *_ = told(plugin, comp, PureWindowsPath(written))
    assert source == f"{meant}/source.left.####.exr"
    assert reference == f"--reference=1001={meant}/reference.left.1001.exr"
    assert output == f"--output={meant}/result.left.####.exr"


def test_options_that_cannot_be_read(plugin, comp):
    with pytest.raises(
        plugin.RelumixError, match=r"^more options cannot be read, as --layer 'x: no closing quotation$"
    ):
        plugin.knobs.words("--layer 'x", "more options")


def test_what_is_for_nukes_python_and_its_libraries_does_not_reach_a_child(plugin, monkeypatch):
    home = "/usr/local/Nuke15.1v1"
    for name, value in (
        *(("PYTHONHOME", home), ("PYTHONPATH", "/studio/py39"), ("PYTHONEXECUTABLE", f"{home}/python3")),
        *(("VIRTUAL_ENV", "/home/me/rez"), ("QT_PLUGIN_PATH", f"{home}/qtplugins"), ("OCIO", "/show/config.ocio")),
        ("LD_LIBRARY_PATH", os.pathsep.join([home, f"{home}/lib", "/studio/cuda/lib", "/usr/local/Nuke15.1v1-tools"])),
        ("DYLD_LIBRARY_PATH", f"{home}/lib"),
        *(("SHOT", "ab_010"), ("QTOS", "none of Qt's")),
    ):
        monkeypatch.setenv(name, value)
    found = plugin.command.environment()
    assert found["PYTHONNOUSERSITE"] == found["PYTHONUTF8"] == "1"
    assert {name for name in found if name.startswith("PYTHON")} == {"PYTHONNOUSERSITE", "PYTHONUTF8"}
    assert not {"VIRTUAL_ENV", "QT_PLUGIN_PATH", "OCIO", "DYLD_LIBRARY_PATH"} & set(found)
    assert found["LD_LIBRARY_PATH"] == os.pathsep.join(["/studio/cuda/lib", "/usr/local/Nuke15.1v1-tools"])
    assert (found["SHOT"], found["QTOS"]) == ("ab_010", "none of Qt's")


@pytest.mark.parametrize("option", ["--colorspace=ACEScg", "--reference-colorspace", "--config"])
def test_ocio_goes_along_where_an_option_means_it(plugin, monkeypatch, option):
    monkeypatch.setenv("OCIO", "/show/config.ocio")
    assert plugin.command.environment(["--mix=1", option, "x"])["OCIO"] == "/show/config.ocio"


def test_the_command_runs_beside_modules_of_another_python(plugin, monkeypatch, tmp_path):
    for module in ("numpy", "cv2", "relumix"):
        (tmp_path / module).mkdir()
        (tmp_path / module / "__init__.py").write_text("raise ImportError('for the Python of the host')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONHOME", sys.prefix + "/nowhere")
    command = [RELUMIX, "--version"]
    done = subprocess.run(command, env=plugin.command.environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
