"""The status page and the metrics, as people and scrapers get them."""

import re
import shutil
import socket
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack

import pytest

from relumix.errors import InputError
from relumix.v1 import relight_pb2 as pb
from relumix_server.metrics import Metrics
from relumix_server.options import Options
from relumix_server.page import _handler, _Server
from tests.server.harness import Disk, ask, opening, pieces, serving
from tests.server.test_life import Held, until


def get(server, path=""):
    with urllib.request.urlopen(server.page + path, timeout=20) as answer:
        return answer.read().decode(), answer.headers


def metric(server, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", get(server, "metrics")[0], re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_metrics_count_what_happens(server, disk):
    names = {
        "relumix_sessions_total": 2,
        'relumix_frames_total{outcome="written"}': 5,
        'relumix_frames_total{outcome="failed"}': 1,
        "relumix_windows_total": 1,
        'relumix_errors_total{code="DATA_LOSS"}': 1,
    }
    before = {name: metric(server, name) for name in names}
    sent, received = (
        metric(server, 'relumix_bytes_total{direction="sent"}'),
        sum(len(m.chunk.data) for m in disk.said(frames=[1001, 1002, 1003, 1004, 1005])),
    )
    came = metric(server, 'relumix_bytes_total{direction="received"}')
    answer = ask(server, disk.said(frames=[1001, 1002, 1003, 1004, 1005]))
    (bad,) = pieces(1001, b"x")
    bad.chunk.crc32c += 1
    ask(server, [opening(), bad])
    assert {name: metric(server, name) - before[name] for name in names} == names
    assert metric(server, 'relumix_bytes_total{direction="sent"}') - sent == sum(map(len, answer.results.values()))
    assert metric(server, 'relumix_bytes_total{direction="received"}') - came == received
    assert metric(server, 'relumix_stage_seconds_total{stage="engine"}') > 0
    assert metric(server, "relumix_device_memory_bytes") > 1 << 20
    assert metric(server, "relumix_sessions_running") == 0


def test_the_page_shows_sessions_and_errors_and_trusts_no_text(server, disk):
    name = "<script>alert(1)</script>.txt"
    ask(server, [opening(), *pieces(1001, b"x", name=name)])
    stream = Held(server, *list(disk.said())[:4])
    try:
        session = next(stream.call).accepted.session_id
        assert until(lambda: session in get(server)[0])
        assert until(lambda: "waiting for frames, " in get(server)[0])
        page, headers = get(server)
        assert "not known yet" in page
        assert 'http-equiv="refresh"' in page
        assert until(lambda: "<td>127.0.0.1</td>" in get(server)[0])
        assert until(lambda: "1001" in re.sub(r"\s+", " ", get(server)[0]).split(session)[1][:200])
        assert "script-src" not in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "&lt;script&gt;alert(1)" in page
        assert "<script" not in page
        assert ">serving<" in page
    finally:
        stream.leave()
    assert until(lambda: session not in get(server)[0].split("Recent errors")[0])


def test_other_addresses_are_not_found(server):
    for path in ("x", "../etc/passwd", "metrics/x"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(server, path)


def test_it_leads_to_the_page_of_relumix_web(tmp_path):
    with serving(tmp_path, "--page", "http://127.0.0.1:7860/") as server:
        assert '<a href="http://127.0.0.1:7860/">The page to try it</a>' in get(server)[0]
    with pytest.raises(InputError, match="the page is javascript:1: expected an address that begins with http"):
        Options(page="javascript:1")


@pytest.fixture(scope="module")
def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no Chromium is installed")


def test_the_page_in_a_browser(server, chromium, tmp_path):
    disk = Disk(tmp_path / "shot", size=(64, 40), frames=range(1, 41), pan=(0.5, 0))
    ask(server, disk.said(frames=[1, *range(3, 41)]))
    said = list(disk.said(masks=pb.MASKS_UNSPECIFIED))
    streams = [Held(server, *said[:count]) for count in (30, 4)]
    try:
        sessions = [next(stream.call).accepted.session_id for stream in streams]
        assert until(lambda: re.search(r'value="(0\.0*)?[1-9]', get(server)[0]))
        picture, profile = tmp_path / "page.png", tmp_path / "profile"
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
                   "--virtual-time-budget=1000", "--window-size=1100,900"]  # fmt: skip
        drawn = subprocess.run(
            [*command, f"--screenshot={picture}", server.page], capture_output=True, timeout=120, check=False
        )
        assert picture.stat().st_size > 10_000, drawn.stderr.decode()
        dom = subprocess.run([*command, "--dump-dom", server.page], capture_output=True, timeout=120, check=True)
        text = dom.stdout.decode()
        assert all(session in text for session in sessions)
        assert text.count("<progress") == 2
    finally:
        for stream in streams:
            stream.leave()


def said(server, text):
    """What the page's server answers to bytes."""
    host, port = server.page.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(text)
        return connection.makefile("rb").readline()


@pytest.mark.parametrize(
    ("host", "code"),
    [("127.0.0.1", 200), ("localhost:9464", 200), ("[::1]:1", 200), ("evil.example", 421), ("[", 421), ("", 421)],
)
def test_a_name_that_leads_here_from_elsewhere_is_refused(server, host, code):
    """A page in a browser may give its own name this address, and would then read what is shown here."""
    assert int(said(server, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).split()[1]) == code


def test_connections_to_the_page_are_bounded(tmp_path):
    with serving(tmp_path) as server, ExitStack() as stack:
        host, port = server.page.removeprefix("http://").rstrip("/").split(":")
        threads = server.threads()
        for _ in range(300):
            stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
        assert until(lambda: server.threads() > threads)
        assert not until(lambda: server.threads() > threads + 40, 1)
        stack.close()
        assert until(lambda: "relumix" in get(server)[0])


def test_a_client_that_leaves_is_no_fault(tmp_path):
    with serving(tmp_path) as server:
        host, port = server.page.removeprefix("http://").rstrip("/").split(":")
        for _ in range(5):
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        assert "relumix" in get(server)[0]
    assert all("level" in line for line in server.log), server.log


def test_a_client_that_drips_is_hung_up_on(monkeypatch):
    """A letter now and then kept each limit on silence away, and 32 of them kept everybody from the page."""
    monkeypatch.setattr("relumix_server.page.MOST_SECONDS", 1.0)
    http = _Server(("127.0.0.1", 0), _handler(bytes, Metrics(), "127.0.0.1", local=True))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        with ExitStack() as stack:
            dripping = [stack.enter_context(socket.create_connection(http.server_address, 20)) for _ in range(32)]
            deadline = time.monotonic() + 60
            while dripping and time.monotonic() < deadline:
                dripping = [each for each in dripping if drips(each)]
                time.sleep(0.1)
            assert not dripping
        with urllib.request.urlopen(f"http://127.0.0.1:{http.server_address[1]}/", timeout=20) as answer:
            assert answer.status == 200
    finally:
        http.shutdown()
        http.server_close()


def drips(connection):
    """Send a letter; tells whether the other side still listens."""
    try:
        connection.sendall(b"G")
    except ConnectionError:
        return False
    return True
