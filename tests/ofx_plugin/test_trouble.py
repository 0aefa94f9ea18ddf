"""What goes wrong: hosts that lack this and that, aborted renders, and bridges that die."""

import os
import re
import signal
import socket
import struct

import numpy as np
import pytest

from tests.ofx_plugin.rig import eventually
from tests.synthetic import make_shot

LAST = 65


def message(head, body=0):
    return b"RLXB" + struct.pack("<IQ", len(head), body) + head.encode()


@pytest.fixture(scope="module")
def long_shot():
    """Five windows: enough to be interrupted in the middle."""
    return make_shot(size=(40, 30), frames=range(1, 66), pan=(1, 0))


@pytest.fixture
def long_bench(bench, long_shot):
    bench.put("Source", long_shot.plate)
    bench.put("Reference", {1: long_shot.truth[1]})
    return bench


@pytest.mark.parametrize(
    "missing",
    [
        ["without OfxProgressSuite 2"],
        ["without OfxProgressSuite 2", "without OfxProgressSuite 1"],
        ["hollow OfxProgressSuite 2"],
        ["without OfxMessageSuite 2"],
        ["hollow OfxMessageSuite 2"],
    ],
    ids=" ".join,
)
def test_optional_suites_may_be_missing(shared, missing):
    host = shared.host()
    for suite in missing:
        host.say(suite)
    host.load()
    assert host.press("relight").startswith("8 frames")
    assert host.render(1003)[1] == ""
    assert host.state()["offences"] == []
    host.close()


def test_loaded_and_unloaded_twice(shared):
    host = shared.host().load()
    assert host.say("load").startswith("ok 0")
    host.press("relight")
    assert [host.say("destroy a"), host.say("unload"), host.say("unload")] == ["ok 0", "ok 0", "ok 0"]
    host.load()
    assert host.render(1003)[1] == ""
    host.press("relight")
    host.close()


def test_the_first_error_is_said_where_there_is_no_relumix(shared):
    host = shared.host(RELUMIX_COMMAND="/nowhere/relumix", RELUMIX_BRIDGE_DIR=str(shared.folder / "none"))
    host.load()
    said = "the relumix bridge cannot be started: /nowhere/relumix: No such file or directory"
    assert host.press("relight") == said
    assert host.try_render(1003, "interactive=0")[1] == f"ok 1 OfxMessageError: {said}"
    host.set("command", shared.variables["RELUMIX_COMMAND"])
    host.close()


def test_the_bridges_own_words_are_passed_on(bench, shot):
    bench.put("Source", shot.plate)
    bench.bridge_folder.mkdir(mode=0o755)
    bench.bridge_folder.chmod(0o755)
    host = bench.host().load()
    assert host.press("relight").startswith(
        f"the relumix bridge cannot be started: relumix: {bench.bridge_folder} is open to other users"
    )


def test_a_hosts_own_libraries_are_not_the_bridges(bench, shot):
    bench.put("Source", shot.plate)
    bench.put("Reference", {1001: shot.truth[1001]})
    names = ("LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "QT_PLUGIN_PATH", "QML2_IMPORT_PATH")
    host = bench.host(**dict.fromkeys(names, "/nowhere")).load()
    assert host.press("relight") == "8 frames relit"
    theirs = (f"/proc/{bench.bridge_pid()}/environ", f"/proc/{bench.bridge_pid()}/fd")
    assert b"/nowhere" not in open(theirs[0], "rb").read()  # noqa: PTH123, SIM115
    assert not [fd for fd in os.listdir(theirs[1]) if os.readlink(f"{theirs[1]}/{fd}").startswith("pipe")]  # noqa: PTH115, PTH208


def test_by_tcp_with_a_token(bench, shot):
    bench.put("Source", shot.plate)
    bench.put("Reference", {1001: shot.truth[1001]})
    host = bench.host(RELUMIX_BRIDGE_TCP="1").load()
    assert host.press("relight") == "8 frames relit"
    announced = bench.bridge_folder / "bridge-1.port"
    assert announced.stat().st_mode & 0o777 == 0o600
    host.say("unload")
    announced.write_text(announced.read_text().split()[0] + " " + "0" * 64 + "\n")
    assert host.press("relight") == "the token is not this bridge's"


def stopped_in_the_middle(bench):
    """Stop the bridge as soon as it has made something; returns its process."""
    assert eventually(lambda: bench.made() > 0)
    pid = bench.bridge_pid()
    os.kill(pid, signal.SIGSTOP)
    assert bench.made() < LAST
    return pid


def test_cancel_and_a_host_that_goes_keep_what_is_finished(long_bench):
    host = long_bench.host().load(first=1, last=LAST)
    assert host.press("relight", "cancel=50") == "cancelled; finished frames are kept"
    host.begin("press a relight")
    pid = stopped_in_the_middle(long_bench)
    host.process.kill()
    host.process.wait()
    os.kill(pid, signal.SIGCONT)
    other = long_bench.host().load(first=1, last=LAST)
    made, fresh = (int(word) for word in re.findall(r"\d+", other.press("relight")))
    assert made + fresh == LAST
    assert fresh > 0


def test_a_bridge_whose_last_host_was_killed_ends(bench, shot):
    bench.put("Source", shot.plate)
    bench.put("Reference", {1001: shot.truth[1001]})
    bench.start_bridge("--linger=0.2")
    host = bench.host().load()
    host.press("relight")
    host.process.kill()
    host.process.wait()
    assert eventually(lambda: bench.bridge_pid() is None)
    assert not (bench.bridge_folder / "bridge-1.sock").exists()


def test_abort_ends_a_render_and_the_next_one_works(long_bench):
    host = long_bench.host().load(first=1, last=LAST)
    assert host.try_render(30, "interactive=0", "abort=40")[1] == "ok 0 "
    assert host.render(30, "interactive=0")[1] == ""


def test_cancel_ends_what_waits_in_another_thread(long_bench):
    host = long_bench.host().load(first=1, last=LAST)
    assert host.say(f"cancelled a 60 {long_bench.folder / 'o'}") == "ok 0 "
    assert long_bench.made() == 0
    assert host.state()["offences"] == []


@pytest.mark.parametrize(
    ("bytes_said", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what answers is no relumix bridge"),
        (b"RLXB" + b"\xff" * 12, "the bridge sent a message of an impossible length"),
        (message("welcome", body=3), "the bridge sent a message of an impossible length"),
        (message(""), "the bridge sent a message without a kind"),
        (message("welcome\nno field\n"), "the bridge sent a line that is no field"),
        (message("error\ntext: too old\n"), "too old"),
        (message("hi\n"), "the relumix bridge did not say welcome"),
        (message("welcome\n") + message("sing\n"), "the relumix bridge said 'sing', which this plugin does not know"),
        (message("welcome\n") + message("wait\npermille: x\n") + message("done\ntext: ok\n"), "ok"),
        (message("welcome\n") + message("look\nclip: \n") + message("absent\ntext: none\n"), "none"),
    ],
)
def test_whatever_the_bridge_says(bench, shot, bytes_said, told):
    bench.put("Source", shot.plate)
    bench.bridge_folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(bench.bridge_folder / "bridge-1.sock"))
        listener.listen()
        host = bench.host().load()
        host.begin("press a relight")
        connection, _ = listener.accept()
        with connection:
            connection.sendall(bytes_said)
            assert host.end() == f"ok 0 {told}"
    assert host.state()["images"] == 0


@pytest.mark.parametrize("button", [True, False])
def test_a_bridge_that_is_killed_is_said_and_started_again(long_bench, button):
    host = long_bench.host().load(first=1, last=LAST)
    host.begin("press a relight" if button else f"render a 20 {long_bench.folder / 'o'} interactive=0")
    if button:
        os.kill(stopped_in_the_middle(long_bench), signal.SIGKILL)
        assert host.end() == "ok 0 the relumix bridge has gone"
    else:
        assert eventually(lambda: len(list(long_bench.frames.glob("*.pixels"))) > 5)
        os.kill(long_bench.bridge_pid(), signal.SIGKILL)
        assert host.end() == "ok 1 OfxMessageError: the relumix bridge has gone"
    made = long_bench.made()
    assert host.render(20, "interactive=0")[1] == ""
    if button:
        assert long_bench.made() >= made > 0
    assert host.state()["images"] == 0


def test_a_bridge_that_hangs_is_said(bench, shot):
    bench.put("Source", shot.plate)
    bench.put("Reference", {1001: shot.truth[1001]})
    host = bench.host(RELUMIX_BRIDGE_PATIENCE="0.5").load()
    host.press("relight")
    os.kill(bench.bridge_pid(), signal.SIGSTOP)
    assert host.try_render(1003)[1] == "ok 1 OfxMessageError: the relumix bridge does not answer"
    os.kill(bench.bridge_pid(), signal.SIGCONT)
    assert host.render(1003)[1] == ""


def test_damaged_frames_are_made_again(bench, shot):
    bench.put("Source", shot.plate)
    bench.put("Reference", {1001: shot.truth[1001]})
    host = bench.host().load()
    host.press("relight")
    for path in bench.frames.glob("*.frame"):
        damaged = bytearray(path.read_bytes())
        damaged[-1] ^= 1
        path.write_bytes(damaged)
    assert host.render(1003)[1].startswith("OfxMessageWarning: frame 1003 is not relit")
    assert host.press("relight") == "1 frame relit, 7 up to date"


def test_pictures_of_other_sizes_are_said(bench, shot):
    bench.put("Source", shot.plate)
    bench.put("Reference", {1001: np.ones((10, 10, 3), np.float32)})
    host = bench.host().load()
    assert host.press("relight") == "Reference is 10x10 at frame 1001, but Source is 64x48: expected the same size"


def test_two_hundred_renders_leave_nothing(host, shared):
    host.press("relight")
    frames = list(range(1001, 1009))
    for frame in frames * 2:
        host.render(frame)
    before, bridge = host.state(), shared.bridge_pid()
    threads = len(os.listdir(f"/proc/{bridge}/task"))  # noqa: PTH208
    files = len(os.listdir(f"/proc/{bridge}/fd"))  # noqa: PTH208
    for frame in frames * 25:
        host.render(frame)
    after = host.state()
    assert after["descriptors"] == before["descriptors"]
    assert after["memory_bytes"] < before["memory_bytes"] + (1 << 20)
    assert len(os.listdir(f"/proc/{bridge}/task")) <= threads  # noqa: PTH208
    assert len(os.listdir(f"/proc/{bridge}/fd")) <= files  # noqa: PTH208
    children = open(f"/proc/{host.process.pid}/task/{host.process.pid}/children").read()  # noqa: PTH123, SIM115
    assert children == ""
