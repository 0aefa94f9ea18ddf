"""`relumix bridge`, in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from relumix.bridge import wire


@pytest.fixture
def bridge(tmp_path):
    """Starts bridges in a folder of their own."""
    started = []

    def start(*options):
        process = subprocess.Popen(
            [sys.executable, "-m", "relumix.cli.main", "bridge", *options],
            env={**os.environ, "RELUMIX_BRIDGE_DIR": str(tmp_path / "b"), "XDG_CACHE_HOME": str(tmp_path / "c")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its folder has no mode there")


def test_one_a_folder_private_and_gone_when_told(bridge, tmp_path):
    first = bridge("--keep")
    assert first.stdout.readline() == f"ready {tmp_path}/b/bridge-1.sock\n"
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "b/bridge-1.sock").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "c/relumix/frames").stat().st_mode & 0o777 == 0o700
    second = bridge()
    assert second.communicate(timeout=60)[1] == f"relumix: another bridge has {tmp_path}/b\n"
    assert second.returncode == 2
    third = bridge("--background")
    assert third.communicate(timeout=60) == ("", "")
    assert third.returncode == 0
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 143
    assert not (tmp_path / "b/bridge-1.sock").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--token-file=t"], "--token-file goes with --server alone"),
        (["--store-bytes=many"], "'many' is no count of bytes: expected something like 500M or 2G"),
    ],
)
def test_what_cannot_be_is_said(bridge, options, said):
    for more in ([], ["--background"]):
        process = bridge(*options, *more)
        assert process.communicate(timeout=60)[1] == f"relumix: {said}\n"
        assert process.returncode == 2


def test_a_folder_of_others_is_refused(bridge, tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b").chmod(0o770)
    said = bridge().communicate(timeout=60)[1]
    assert said == (
        f"relumix: {tmp_path}/b is open to other users, or theirs: expected a folder of your own with mode 0700; "
        "remove it, or name another\n"
    )


def pid_of(folder):
    return int((folder / "b/bridge.lock").read_text())


def test_one_in_the_background_that_ends_with_its_client_waits_for_the_first(bridge, tmp_path):
    """Looking whether it listens made it end before its client came; and a linger of 0 was passed over."""
    assert bridge("--background", "--linger=0").wait(60) == 0
    pid = pid_of(tmp_path)
    try:
        assert sys.platform != "linux" or "--linger=0.0" in Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        time.sleep(1)
        assert bridge("--background").wait(60) == 0
        assert pid_of(tmp_path) == pid
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "b/bridge-1.sock"))
            wire.send(client, "hello", {"version": wire.VERSION})
            assert wire.receive(client, 0).kind == "welcome"
            wire.send(client, "open", {})
            assert wire.receive(client, 0).kind == "error"
        end = time.monotonic() + 60
        while (tmp_path / "b/bridge-1.sock").exists() and time.monotonic() < end:
            time.sleep(0.05)
        assert not (tmp_path / "b/bridge-1.sock").exists()
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
