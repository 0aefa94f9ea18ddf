"""`relumix relight --server`: the same command, the same lines, the same exit codes."""

import json
import re
import signal
import socket
import subprocess
import sys

import pytest

from relumix.util.extras import install_command
from tests.client.command import command, finished
from tests.client.shots import write_shot
from tests.shot import files


def test_the_command_tells_and_exits_as_ever(server, tmp_path):
    write_shot(tmp_path)
    damaged = tmp_path / "plate/p.1005.exr"
    damaged.write_bytes(damaged.read_bytes()[:1200])
    args = ["-r", "relit.1001.exr", "--progress", "json"]
    told = []
    for output, where in (("here", []), ("there", ["--server", server.address])):
        code, out, err = finished(command(tmp_path, *args, "-o", output, *where))
        assert (code, err) == (3, "")
        events = [json.loads(line) for line in out.replace("there", "here").splitlines()]
        times = ("seconds", "stage_seconds", "share", "remaining_seconds")
        events = [event for event in events if event["event"] != "stage"]
        told.append([{k: v for k, v in event.items() if k not in times} for event in events])
    assert told[0] == told[1]
    (failed,) = (event for event in told[1] if event["event"] == "error")
    assert failed["message"].startswith("frame 1005: plate/p.1005.exr cannot be read: ")


def test_a_dry_run_asks_the_server_and_sends_nothing(server, tmp_path):
    write_shot(tmp_path, frames=range(1001, 1004))
    code, out, _ = finished(
        command(tmp_path, "-r", "relit.1001.exr", "-o", "out", "--server", server.address, "--dry-run")
    )
    assert code == 0
    assert json.loads(out)["frames"] == [1001, 1002, 1003]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--compression", "lzw"], "unknown compression 'lzw': expected one of none, rle, zips"),
        (["--engine", "x"], "unknown engine 'x': expected one of flow"),
        (["--device", "cpu"], "--device is the server's to choose: leave it out with --server"),
        (["--frames", "2000"], "plate/p.####.exr has none of the frames 2000"),
        (["--tls-ca", "gone.pem"], "gone.pem cannot be read: No such file or directory"),
        (["--by-path"], "this server takes no frames by path: it was started without --root"),
    ],
)
def test_refusals_are_one_line(server, tmp_path, args, message):
    write_shot(tmp_path, frames=range(1001, 1004))
    job = command(tmp_path, "-r", "relit.1001.exr", "-o", "out", "--server", server.address, *args)
    code, _, err = finished(job)
    assert code == 2
    assert err.count("\n") == 1, err
    assert message in err


def test_an_interrupt_leaves_whole_frames(server, tmp_path):
    write_shot(tmp_path, frames=range(1001, 1801))  # more than are done before the signal comes
    job = command(tmp_path, "-r", "relit.1001.exr", "-o", "out", "--server", server.address, "--progress", "json")
    while "frame" not in json.loads(job.stdout.readline()):
        pass
    job.send_signal(signal.SIGINT)
    code, _, err = finished(job)
    assert (code, err) == (
        130,
        "relumix: interrupted; finished frames are kept, run the same command again to go on\n",
    )
    for path in (tmp_path / "out").iterdir():
        assert re.fullmatch(r"p\.\d{4}\.exr", path.name)
        files.pixels(path)


def test_nobody_there(tmp_path):
    write_shot(tmp_path, frames=range(1001, 1003))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{probe.getsockname()[1]}"
    job = command(tmp_path, "-r", "relit.1001.exr", "-o", "out", "--server", nobody, "--patience", "0.5")
    assert finished(job)[::2] == (
        2,
        f"relumix: no server answers: {nobody}: it cannot be reached: Connection refused\n",
    )


def test_options_of_servers_need_a_server(tmp_path):
    write_shot(tmp_path, frames=range(1001, 1003))
    code, _, err = finished(command(tmp_path, "-r", "relit.1001.exr", "-o", "out", "--token-file", "t"))
    assert (code, err) == (2, "relumix: --token-file goes with --server alone\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], f"relighting here needs the package cv2: {install_command('local')}, or name a --server"),
        (
            ["--server", "{address}", "--preview", "a.mp4"],
            f"making previews needs the package cv2: {install_command('local')}",
        ),
        (["--server", "{address}"], ""),
    ],
)
def test_without_the_packages_of_an_engine(server, tmp_path, options, message):
    write_shot(tmp_path, frames=range(1001, 1004))
    args = [
        "relight",
        "plate",
        "-r",
        "relit.1001.exr",
        "-o",
        "out",
        *(o.format(address=server.address) for o in options),
    ]
    code = f"import sys; sys.modules['cv2'] = None; from relumix.cli.main import main; sys.exit(main({args}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == ((2, f"relumix: {message}\n") if message else (0, ""))


def test_the_client_loads_nothing_heavy(server, tmp_path):
    """Not when it is imported, and not while it relights a shot."""
    write_shot(tmp_path, frames=range(1001, 1004))
    code = (
        "import sys; from relumix.client import RelightClient\n"
        f"events = list(RelightClient('{server.address}').relight('plate', {{None: 'relit.1001.exr'}}, 'out'))\n"
        "print(events[-1].written, {'torch', 'cv2', 'av', 'PIL', 'skimage', 'relumix.engines.flow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "3 set()\n"
