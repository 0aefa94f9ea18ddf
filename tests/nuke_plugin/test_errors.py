"""What goes wrong is one sentence, in the status line and in one dialog; without a window it is an exception."""

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.nuke_plugin.comps import Comp, script
from tests.nuke_plugin.conftest import PLUGIN
from tests.shot import files


@pytest.fixture
def comp(nuke, tmp_path):
    return Comp(nuke, tmp_path)


def pressed(comp):
    """Press Relight and return the sentence that it ends with."""
    comp.press("relight")
    comp.wait(lambda: comp.session.dialogs.messages)
    (message,) = comp.session.dialogs.messages
    assert comp.status() == message
    assert "\n" not in message and "Traceback" not in message
    return message


def test_inputs_that_are_not_connected(comp):
    comp.node.setInput(1, None)
    assert pressed(comp) == "Reference is not connected: connect the plate as you relit it"
    comp.session.dialogs.messages.clear()
    comp.node.setInput(0, None)
    assert pressed(comp) == "Source is not connected: connect the plate"


def test_a_range_without_frames(comp):
    comp.source["first"].setValue(1007)
    assert pressed(comp) == "frame range 1007-1006 is empty: correct it, or choose custom and write frames"


def test_formats_that_differ(comp):
    files.plain(comp.folder / "small/small.1001.exr", np.zeros((10, 20, 3), np.float16))
    comp.node.setInput(1, comp.read("small"))
    assert pressed(comp) == "Reference is 20x10, but Source is 64x48: expected the same format"


@pytest.mark.parametrize(
    ("knob", "text", "message"),
    [
        ("reference_frames", "1050", "reference frame 1050 is not in the shot, which has 1001-1006: .*"),
        ("reference_frames", "1001;1002", "reference frames has '1001;1002': expected frames and ranges, .*"),
        ("frames", "", "frame range is custom but empty: write frames beside it, such as 1001-1100"),
        ("frames", "1006-1001", "frame range has the range 1006-1001, which is empty: write 1001-1006"),
        ("server", "", "no server is named: write HOST:PORT beside where, or choose this machine"),
        ("executable", "/nowhere/relumix", "executable is /nowhere/relumix, which is no command that can be run: .*"),
        ("cache", "/tmp/take#1", "cache folder /tmp/take#1 has a #, which means something to Nuke: choose another"),
    ],
)
def test_knobs_that_cannot_be_meant(comp, knob, text, message):
    if knob == "frames":
        comp.node["range"].setValue("custom")
    if knob == "server":
        comp.node["where"].setValue("server")
    comp.node[knob].setValue(text)
    assert re.fullmatch(message, pressed(comp))
    assert comp.session.rendered == []


def test_a_command_that_is_not_there_says_where_it_was_looked_for(comp, monkeypatch):
    comp.node["executable"].setValue("")
    monkeypatch.setenv("PATH", "/here:/and there")
    said = pressed(comp)
    assert said.startswith("relumix was not found: the executable knob is empty, and no folder of PATH has it (/here, ")
    assert "/and there" in said and "pip install" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo relumix 9.1.0", r".*/relumix is relumix 9\.1\.0: expected 0\.1 to below 1\.0; .*"),
        ("echo something else", r".*/relumix is not relumix \(asked for its version it said: something else\): .*"),
        ("exit 1", r".*/relumix is not relumix \(asked for its version it said: nothing\): .*"),
    ],
)
def test_another_version_and_another_program(comp, text, message):
    comp.node["executable"].setValue(script(comp.folder / "relumix", f"#!/bin/sh\n{text}\n").as_posix())
    assert re.fullmatch(message, pressed(comp))


CHILD = """\
#!{python}
import sys
if "--version" in sys.argv:
    print("relumix 0.1.0")
    sys.exit()
{ends}
"""


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        (
            "print('so far, so good', file=sys.stderr); [].pop()",
            r".*/relumix ended with code 1: IndexError: pop from .*",
        ),
        ("import os; os.kill(os.getpid(), 9)", r".*/relumix was killed by signal 9 \(all that it said is in (.*)\)"),
        (
            'print(\'{"event": "error", "message": "no space left in /x: make room", "frame": null}\'); sys.exit(2)',
            "no space left in /x: make room",
        ),
        ("print('relumix: bad model', file=sys.stderr); sys.exit(2)", r".*relumix: bad model .*"),
    ],
)
def test_a_child_that_breaks_off(comp, ends, message):
    child = script(comp.folder / "relumix", CHILD.format(python=sys.executable, ends=ends))
    comp.node["executable"].setValue(child.as_posix())
    said = pressed(comp)
    assert re.fullmatch(message, said)
    log = re.search(r"is in (.*\.log)\)", said)
    assert bool(log) == (not message.startswith("no space left"))  # that says all there is to say
    assert log is None or (Path(log[1]).is_file() and comp.folder / "cache" in Path(log[1]).parents)


def test_a_folder_that_cannot_be_written(comp):
    (comp.folder / "file").write_text("")
    comp.node["cache"].setValue((comp.folder / "file/cache").as_posix())
    assert re.fullmatch(r".*/file/cache/.* cannot be written \(Not a directory\): .*choose another.*", pressed(comp))


@pytest.fixture
def small_disk(tmp_path):
    """A folder with room for 200 KB: the inputs, and some of the result."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", folder]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a disk of its own cannot be had: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="needs mount")
def test_a_disk_that_is_full_keeps_what_is_finished(comp, small_disk):
    comp.node["cache"].setValue(small_disk.as_posix())
    assert re.fullmatch(rf"{small_disk}/.*\.main\.100\d\.exr cannot be written: [Nn]o space left .*", pressed(comp))
    finished = {path: path.stat().st_mtime_ns for path in small_disk.rglob("result.*.exr")}
    assert 0 < len(finished) < 6
    subprocess.run(["mount", "-o", "remount,size=10m", small_disk], check=True)
    comp.session.dialogs.messages.clear()
    comp.relight()
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    np.testing.assert_array_equal(comp.all_shown(), comp.commanded())


def test_a_frame_of_the_plate_that_is_missing_names_the_input_and_the_frames(comp):
    (comp.folder / "plate/plate.1004.exr").unlink()
    said = pressed(comp)
    assert said.startswith("Source cannot be rendered at 1001-1006: Read1: ")
    assert "plate.1004.exr" in said
    assert [node.Class() for node in comp.nuke.allNodes("Write")] == []


@pytest.mark.parametrize(
    ("error", "message", "told"),
    [
        ("CancelledError", "cancelled while the inputs were rendered", False),
        ("RuntimeError", "Source cannot be rendered at 1001-1006: No space left on device", True),
    ],
)
def test_a_render_of_the_inputs_that_ends_early_leaves_no_write_behind(comp, error, message, told):
    def fail():
        raise getattr(comp.nuke, error, RuntimeError)("No space left on device")

    comp.nuke.addBeforeRender(fail, nodeClass="Write")
    comp.press("relight")
    assert comp.status() == message
    assert comp.session.dialogs.messages == [message] * told
    assert comp.nuke.allNodes("Write") == []


def test_a_frame_that_fails_costs_that_frame(comp):
    comp.node["executable"].setValue(comp.slow(0).as_posix())
    comp.press("relight")
    comp.wait(lambda: "relit" in comp.status())
    rendered = next((comp.folder / "cache").rglob("source.*.1004.exr"))
    rendered.write_bytes(rendered.read_bytes()[:600])
    for path in (comp.folder / "cache").rglob("result.*.1004.exr"):
        path.unlink()
    assert re.fullmatch(r"1 of 6 frames failed, the others are relit; the first of them: .*1004.*", pressed(comp))


def test_no_server_at_those_addresses_is_known_before_anything_is_rendered(comp):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    comp.node["where"].setValue("server")
    comp.node["server"].setValue(f"127.0.0.1:{port}, [::1]:{port}")
    assert re.fullmatch(
        rf"no server answers \(127\.0\.0\.1:{port}: Connection refused; \[::1\]:{port}: .+\): "
        r"correct its address, start it \(relumix serve\), or choose this machine",
        pressed(comp),
    )
    assert comp.session.rendered == []


@pytest.mark.parametrize("address", ["a..b:50051", "127.0.0.1:99999"])
def test_what_no_server_can_be_called(comp, address):
    comp.node["where"].setValue("server")
    comp.node["server"].setValue(address)
    assert pressed(comp).startswith(f"no server answers ({address}: ")


@pytest.mark.parametrize("address", ["render7", "render7:", ":50051", "render7:5005l"])
def test_what_is_no_address_of_a_server(comp, address):
    comp.node["where"].setValue("server")
    comp.node["server"].setValue(address)
    assert pressed(comp) == f"'{address}' is no address of a server: expected HOST:PORT, like render7:50051"


def test_without_a_window_it_is_done_when_the_call_returns(running, tmp_path):
    comp = Comp(running(gui=False), tmp_path)
    import relumix_nuke

    relumix_nuke.relight(comp.node)
    assert comp.status() == "6 frames are relit"
    np.testing.assert_array_equal(comp.all_shown(), comp.commanded())
    assert any("6 of 6 frames" in line for line in comp.session.dialogs.printed)
    comp.node.setInput(1, None)
    with pytest.raises(relumix_nuke.RelumixError, match=r"^Reference is not connected: connect .*"):
        relumix_nuke.relight(comp.node)
    assert comp.status() == "Reference is not connected: connect the plate as you relit it"


def test_a_plugin_that_is_broken_does_not_stop_nuke():
    for name in ("init.py", "menu.py"):
        code = f"import sys, runpy; sys.modules['nuke'] = None; runpy.run_path({name!r})"
        done = subprocess.run([sys.executable, "-c", code], cwd=PLUGIN, capture_output=True, text=True, check=False)
        assert done.returncode == 0
        assert "Traceback" in done.stderr
        assert re.fullmatch(r"relumix could not be .*\. Nuke goes on without it.*\n", done.stdout)
