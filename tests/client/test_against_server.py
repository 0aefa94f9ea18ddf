"""The client and a real server: results are those of the command in-process, bit for bit, whatever happens."""

import json
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import relumix
from relumix.client import RelightClient
from relumix.errors import InputError
from relumix.events import Done, Failed, FrameDone, Warned
from relumix.settings import Settings
from tests.client.real import free_port, serve
from tests.shot import files
from tests.synthetic import make_shot

FRAMES = range(1001, 1023)
SIZE = (96, 64)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("server")) as running:
        yield running


def write_shot(folder, frames=FRAMES, layer="", moving=False, alpha=False, references=(1001,), size=SIZE):
    """A shot on disk in plate/, and its relit frames; moving: the data window is another in every frame."""
    shot = make_shot(size=size, frames=frames, pan=(1.5, 0.5), square_px=24, alpha=alpha, bad_pixels=2)
    names = [f"{layer}{name}" for name in "RGBA"]
    for frame, pixels in shot.plate.items():
        step = (frame - frames[0]) % 7 if moving else 0
        files.plain(
            folder / f"plate/p.{frame:04d}.exr",
            pixels[step:, : size[0] - step].astype(np.float16),
            names,
            window=(0, step),
            display=(0, 0, *size),
            shotName="beach",
        )
    for frame in references:
        files.plain(folder / f"relit.{frame:04d}.exr", shot.truth[frame].astype(np.float16), names)
    return {frame: folder / f"relit.{frame:04d}.exr" for frame in references}


def write_masks(folder, frames, name="m"):
    x = np.arange(SIZE[0]) + np.zeros((SIZE[1], 1))
    for frame in frames:
        mask = np.clip((x[..., None] - frame % 50) / 40, 0, 1).astype(np.float16)
        files.plain(folder / f"{name}/{name}.{frame:04d}.exr", mask, "Y")
    return str(folder / f"{name}/{name}.####.exr")


def both(folder, address, references, **settings):
    """Relight in-process to here/ and on servers to there/; return the events of each."""
    here, there = [], []
    for output, events in (("here", here), ("there", there)):
        chosen = {"gain_out": str(folder / f"{output}-gain/g.####.exr")} if settings.get("gain_out") else {}
        chosen = Settings(**{**settings, **chosen})
        if output == "here":
            relumix.relight(folder / "plate", references, folder / output, chosen, on_event=events.append)
        else:
            there.extend(RelightClient(address).relight(folder / "plate", references, folder / output, chosen))
    return here, there


def assert_same(folder, here, there):
    """Every file is the same, to the byte, and every event but for times and the name of the folder."""

    def plain(event):
        told = json.loads(event.to_json().replace(str(folder / "there"), str(folder / "here")))
        return {name: value for name, value in told.items() if name not in ("seconds", "stage_seconds")}

    assert [plain(event) for event in there] == [plain(event) for event in here]
    for mine in ("here", "here-gain"):
        theirs = folder / mine.replace("here", "there")
        names = sorted(path.name for path in (folder / mine).iterdir()) if (folder / mine).exists() else []
        assert names == (sorted(path.name for path in theirs.iterdir()) if theirs.exists() else [])
        for name in names:
            assert (folder / mine / name).read_bytes() == (theirs / name).read_bytes(), name


def test_a_plain_shot(server, tmp_path):
    references = write_shot(tmp_path)
    here, there = both(tmp_path, server.address, references)
    assert_same(tmp_path, here, there)
    assert here[-1].written == len(FRAMES)
    assert set(there[-1].stage_seconds) == {"read", "engine", "transfer", "write"}


@pytest.mark.parametrize(
    ("shot", "settings"),
    [
        ({"references": (1001, 1022)}, {"gain_out": "yes"}),
        ({"references": (1008,)}, {"mix": 0.7, "bits": "float", "compression": "zips"}),
        ({"references": (1004, 1013, 1020), "moving": True, "alpha": True}, {"gain_out": "yes", "work_size": 64}),
        ({"layer": "beauty."}, {"layer": "beauty", "frames": "1012-1020x4"}),
        ({"frames": range(-9, 12, 3), "references": (-3,)}, {}),
    ],
    ids=["two references, gain maps", "from the middle", "moving windows", "a layer, a chunk", "negative frames"],
)
def test_every_kind_of_shot(server, tmp_path, shot, settings):
    references = write_shot(tmp_path, **shot)
    assert_same(tmp_path, *both(tmp_path, server.address, references, **settings))


def test_masks_one_and_each(server, tmp_path):
    references = write_shot(tmp_path, frames=range(1001, 1010))
    one = write_masks(tmp_path, [1001], "one").replace("####", "1001")
    assert_same(tmp_path, *both(tmp_path, server.address, references, mask=one))
    each = write_masks(tmp_path, range(1001, 1010))
    here, there = both(tmp_path, server.address, references, mask=each, overwrite=True)
    assert_same(tmp_path, here, there)
    assert here[-1].written == 9


def test_a_rerun_here_or_there_makes_nothing_again(server, tmp_path):
    references = write_shot(tmp_path, frames=range(1001, 1006))
    client, out = RelightClient(server.address), tmp_path / "out"
    assert [*client.relight(tmp_path / "plate", references, out)][-1].written == 5
    assert [*client.relight(tmp_path / "plate", references, out)][-1].skipped == 5
    assert relumix.relight(tmp_path / "plate", references, out).skipped == 5
    (out / "p.1003.exr").unlink()
    assert relumix.relight(tmp_path / "plate", references, out).written == 1
    assert [*client.relight(tmp_path / "plate", references, out)][-1].skipped == 5


def test_damaged_and_odd_frames_cost_themselves(server, tmp_path):
    references = write_shot(tmp_path)
    damaged = tmp_path / "plate/p.1005.exr"
    damaged.write_bytes(damaged.read_bytes()[:1200])
    files.plain(tmp_path / "plate/p.1009.exr", files.noise(16, 16, 3), "RGB")
    (tmp_path / "plate/p.1013.exr").write_bytes(b"no picture at all" * 100)
    here, there = both(tmp_path, server.address, references)
    assert [event.frame for event in here if isinstance(event, Failed)] == [1005, 1009, 1013]
    assert_same(tmp_path, here, there)


def test_a_mask_of_another_size_costs_its_frame(server, tmp_path):
    references = write_shot(tmp_path, frames=range(1001, 1006))
    masks = write_masks(tmp_path, range(1001, 1006))
    files.plain(tmp_path / "m/m.1003.exr", files.noise(16, 16, 1), "Y")
    here, there = both(tmp_path, server.address, references, mask=masks)
    assert_same(tmp_path, here, there)
    assert here[-1].failed == 1


@pytest.mark.parametrize("spoiled", ["plate/p.1008.exr", "relit.1008.exr"])
def test_what_ends_the_job_here_ends_it_there(server, tmp_path, spoiled):
    references = write_shot(tmp_path, frames=range(1001, 1010), references=(1001, 1008))
    path = tmp_path / spoiled
    path.write_bytes(path.read_bytes()[:1200])
    said = []
    for relight in (
        lambda: relumix.relight(tmp_path / "plate", references, tmp_path / "here"),
        lambda: list(RelightClient(server.address).relight(tmp_path / "plate", references, tmp_path / "there")),
    ):
        with pytest.raises(InputError) as caught:
            relight()
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert str(path) in said[0]


def test_arrays_are_relit_as_in_process(server):
    shot = make_shot(size=SIZE, frames=range(1, 12), alpha=True)
    masks = {frame: np.linspace(0, 1, SIZE[0] * SIZE[1]).reshape(SIZE[::-1]).astype(np.float32) for frame in shot.plate}
    for plate in (shot.plate, {frame: pixels.astype(np.float16) for frame, pixels in shot.plate.items()}):
        here = list(relumix.relit(plate, {4: shot.truth[4]}, masks=masks))
        there = list(RelightClient(server.address).relit(plate, {4: shot.truth[4]}, masks=masks))
        assert [made.frame for made in there] == [made.frame for made in here]
        for mine, theirs in zip(here, there, strict=True):
            np.testing.assert_array_equal(theirs.pixels, mine.pixels)
            np.testing.assert_array_equal(theirs.stops, mine.stops.astype(np.float16))  # as gain maps are sent


def test_previews_are_made_too(server, tmp_path):
    references = write_shot(tmp_path, frames=range(1001, 1006))
    looks = {"preview": str(tmp_path / "ba.mp4"), "contact_sheet": str(tmp_path / "sheet.png")}
    end = [*RelightClient(server.address).relight(tmp_path / "plate", references, tmp_path / "o", Settings(**looks))][
        -1
    ]
    assert end.outputs == [str(tmp_path / "o"), *looks.values()]
    assert (tmp_path / "ba.mp4").stat().st_size > 1000
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def command(folder, *args, **kwargs):
    return subprocess.Popen(
        [sys.executable, "-m", "relumix.cli.main", "relight", "plate", *args],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **kwargs,
    )


def finished(job):
    out, err = job.communicate(timeout=180)
    return job.returncode, out, err


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
        told.append([{k: v for k, v in event.items() if k not in ("seconds", "stage_seconds")} for event in events])
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
    write_shot(tmp_path, frames=range(1001, 1041))
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
    nobody = f"127.0.0.1:{free_port()}"
    job = command(tmp_path, "-r", "relit.1001.exr", "-o", "out", "--server", nobody, "--patience", "0.5")
    assert finished(job)[::2] == (
        2,
        f"relumix: no server answers: {nobody}: it cannot be reached: Connection refused\n",
    )


def test_options_of_servers_need_a_server(tmp_path):
    write_shot(tmp_path, frames=range(1001, 1003))
    code, _, err = finished(command(tmp_path, "-r", "relit.1001.exr", "-o", "out", "--token-file", "t"))
    assert (code, err) == (2, "relumix: --token-file goes with --server alone\n")


def test_kill_9_of_the_server_costs_nothing_but_time(tmp_path):
    """Killed in the middle and started again, on the same port: every frame comes, bit for bit, none twice."""
    references = write_shot(tmp_path, frames=range(1001, 1025), size=(160, 100))
    relumix.relight(tmp_path / "plate", references, tmp_path / "here")
    port, told = free_port(), []
    with serve(tmp_path, port=port) as first:
        events = RelightClient(first.address).relight(tmp_path / "plate", references, tmp_path / "there")
        for event in events:
            told.append(event)
            if isinstance(event, FrameDone) and event.frame == 1007:
                break
        first.kill()
    again = threading.Thread(target=lambda: _serve_until(tmp_path, port, done))
    done = threading.Event()
    again.start()
    told += events
    done.set()
    again.join()
    assert [event.frame for event in told if isinstance(event, FrameDone)] == list(range(1001, 1025))
    assert isinstance(told[-1], Done)
    for frame in range(1001, 1025):
        mine, theirs = (tmp_path / side / f"p.{frame}.exr" for side in ("here", "there"))
        assert mine.read_bytes() == theirs.read_bytes(), frame


def _serve_until(folder, port, done):
    time.sleep(1.0)
    with serve(folder, port=port):
        done.wait(120)


def test_two_servers_share_and_one_is_killed(tmp_path):
    references = write_shot(tmp_path, frames=range(1001, 1031), size=(160, 100))
    relumix.relight(tmp_path / "plate", references, tmp_path / "here")
    told = []
    with serve(tmp_path) as one, serve(tmp_path) as other:
        client = RelightClient([one.address, other.address], patience_seconds=2.0)
        for event in client.relight(tmp_path / "plate", references, tmp_path / "there"):
            told.append(event)
            if isinstance(event, FrameDone) and event.frame == 1003:
                other.kill()
    assert [event.frame for event in told if isinstance(event, FrameDone)] == list(range(1001, 1031))
    assert next(event for event in told if isinstance(event, Warned)).message.startswith(other.address)
    for frame in range(1001, 1031):
        mine, theirs = (tmp_path / side / f"p.{frame}.exr" for side in ("here", "there"))
        assert mine.read_bytes() == theirs.read_bytes(), frame


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server with TLS and a token, and the folder of its files."""
    folder = tmp_path_factory.mktemp("guarded")
    certificate(folder, "127.0.0.1")
    (folder / "token").write_text("open-sesame-0123456789\n")
    (folder / "wrong").write_text("close-sesame-0123456789\n")
    files_of = {"--tls-cert": "cert.pem", "--tls-key": "key.pem", "--token-file": "token"}
    options = [text for option, name in files_of.items() for text in (option, str(folder / name))]
    with serve(folder, *options, credentials=(folder / "cert.pem").read_bytes()) as running:
        yield running, folder


def certificate(folder, address):
    """A self-signed certificate for an IP address, cert.pem, and its key, key.pem."""
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem"
    names = ["-subj", f"/CN={address}", "-addext", f"subjectAltName=IP:{address}"]
    subprocess.run([*make.split(), *names], cwd=folder, check=True, capture_output=True)


def test_tls_and_a_token_open_the_door(guarded, tmp_path):
    server, secrets = guarded
    references = write_shot(tmp_path, frames=range(1001, 1006))
    client = RelightClient(server.address, token="open-sesame-0123456789", tls_ca=secrets / "cert.pem")
    assert [*client.relight(tmp_path / "plate", references, tmp_path / "out")][-1].written == 5


@pytest.mark.parametrize("token", ["wrong", None])
def test_the_wrong_token_does_not(guarded, tmp_path, token):
    server, secrets = guarded
    write_shot(tmp_path, frames=range(1001, 1003))
    args = ["--tls-ca", str(secrets / "cert.pem"), *(["--token-file", str(secrets / token)] if token else [])]
    code, _, err = finished(command(tmp_path, "-r", "relit.1001.exr", "-o", "out", "--server", server.address, *args))
    assert code == 2
    assert err.startswith(f"relumix: {server.address}: no token that this server knows")
    assert err.count("\n") == 1


def test_a_certificate_of_somebody_else_is_not_trusted(guarded, server, tmp_path):
    running, secrets = guarded
    certificate(tmp_path, "127.0.0.1")
    with pytest.raises(InputError, match=r"no TLS connection that can be trusted: its certificate is not signed by"):
        RelightClient(running.address, tls_ca=tmp_path / "cert.pem").info()
    with pytest.raises(InputError, match=r"no TLS connection that can be trusted: the server speaks none"):
        RelightClient(server.address, tls_ca=secrets / "cert.pem").info()


def test_by_path_the_server_reads_and_writes(tmp_path):
    references = write_shot(tmp_path)
    damaged = tmp_path / "plate/p.1005.exr"
    damaged.write_bytes(damaged.read_bytes()[:1200])
    gains = Settings(gain_out=str(tmp_path / "here-gain/g.####.exr"))
    here, there = [], []
    relumix.relight(tmp_path / "plate", references, tmp_path / "here", gains, on_event=here.append)
    gains = Settings(gain_out=str(tmp_path / "there-gain/g.####.exr"))
    (tmp_path / "log").mkdir()
    with serve(tmp_path / "log", "--root", str(tmp_path)) as server:
        client = RelightClient(server.address)
        there += client.relight(tmp_path / "plate", references, tmp_path / "there", gains, by_path=True)
    assert_same(tmp_path, here, there)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "relighting here needs the package cv2: pip install 'relumix[local]', or name a --server"),
        (
            ["--server", "{address}", "--preview", "a.mp4"],
            "previews need the package cv2: pip install 'relumix[local]'",
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
