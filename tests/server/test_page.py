"""The status page and the metrics, as people and scrapers get them."""

import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

from relumix.v1 import relight_pb2 as pb
from tests.server.harness import Disk, ask, opening, pieces
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
        assert until(lambda: re.search(r'value="[1-9]', get(server)[0]))
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
