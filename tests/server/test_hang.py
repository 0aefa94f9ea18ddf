"""An engine that hangs while its server still answers pings: it costs that server, and no frame. One that is slow to
get warm costs time.
"""

import threading

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from relumix.client import RelightClient
from relumix.engines.registry import load_engine
from relumix.events import Done, Warned
from tests.server.harness import Disk, Server, ask, serving
from tests.server.test_life import until

SAID = "the engine hangs: it got no further with a window for 1 s"


@pytest.fixture
def hanging(tmp_path, monkeypatch):
    """Start a server whose engine hangs: alone, or with Python's lock."""
    started = []

    def start(how, *, seconds=1, **when):
        monkeypatch.setenv("RELUMIX_HANGS", how)
        (tmp_path / "hanging").mkdir()
        folder, module = tmp_path / "hanging", "tests.server.hanging"
        options = () if how.startswith("warm") else ("--window-seconds", str(seconds))
        started.append(Server(*options, folder=folder, module=module, **when))
        return started[0]

    yield start
    for server in started:
        server.kill()
        server.process.stdout.close()
        server.process.stderr.close()


def watched(server):
    """What the health service says from now on, and the thread that listens."""
    said, channel = [], server.channel()
    answers = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)

    def listen():
        with channel:
            for answer in answers:
                said.append(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
                if said[-1] == "NOT_SERVING":
                    return

    thread = threading.Thread(target=listen)
    thread.start()
    return said, thread


def test_streams_end_with_a_status_and_the_server_with_them(hanging, disk):
    server = hanging("alone")
    said, thread = watched(server)
    answers = []
    other = threading.Thread(target=lambda: answers.append(ask(server, disk.said())))
    other.start()
    answers.append(ask(server, disk.said()))  # one of them is at work, and one waits for its turn
    other.join(30)
    for answer in answers:
        assert (answer.status.name, answer.details, answer.retry_seconds) == (
            "UNAVAILABLE",
            f"{SAID}; go on at another server, or later",
            1.0,
        )
    thread.join(30)
    assert said == ["SERVING", "NOT_SERVING"]
    assert server.process.wait(30) == 1
    assert [line["message"] for line in server.log if line.get("level") == "error"] == [f"{SAID}; the server ends"]
    assert not list(server.spool.iterdir())


def test_its_frames_go_to_the_others(hanging, tmp_path):
    flow, stuck = load_engine("flow"), hanging("alone")
    frames = range(1, 2 + 4 * (flow.windowing.window - flow.windowing.overlap))  # windows enough for both
    disk = Disk(tmp_path / "shot", size=(64, 40), frames=frames, pan=(0.5, 0))
    made = disk.in_process()
    with serving(tmp_path) as server:
        client = RelightClient([stuck.address, server.address])
        events = list(client.relight(disk.folder / "plate", {1: disk.reference(1)}, tmp_path / "out"))
    assert [event.written for event in events if isinstance(event, Done)] == [len(frames)]
    assert {int(p.stem.split(".")[1]): p.read_bytes() for p in (tmp_path / "out").iterdir()} == made
    told = [event.message for event in events if isinstance(event, Warned)]
    assert told == [f"{stuck.address}: {SAID}; go on at another server, or later; trying again"]
    assert stuck.process.wait(30) == 1


def test_the_process_ends_where_nothing_else_can_end_it(hanging, disk):
    server = hanging("lock")
    answer = ask(server, disk.said())
    assert answer.status.name == "UNAVAILABLE"
    assert server.process.wait(60) == 1
    server._reader.join(10)
    assert any("propagate" in line["message"] for line in server.log)


def test_an_engine_that_gets_further_does_not_hang(hanging, disk, made):
    """A window may take any number of times the limit: what counts is the time without progress."""
    server = hanging("slow:8", seconds=3)
    answer = ask(server, disk.said(keys=disk.keys(made)))
    assert (answer.status.name, answer.results) == ("OK", made)
    assert server.stop() == 0


def test_one_that_says_the_same_again_and_again_hangs(hanging, disk):
    server = hanging("stands")
    answer = ask(server, disk.said())
    assert (answer.status.name, answer.details) == ("UNAVAILABLE", f"{SAID}; go on at another server, or later")
    assert server.process.wait(30) == 1


def test_nothing_is_served_until_the_engine_is_warm(hanging, disk, tmp_path):
    server = hanging(f"warm:{tmp_path / 'go'}", ready=False)
    assert until(lambda: any(line["message"].startswith("listening") for line in server.log))
    (server.address,) = [line["address"] for line in server.log if line["message"].startswith("listening")]
    said, thread = watched(server)
    thread.join(30)
    assert said == ["NOT_SERVING"]
    assert list(server.info().engines) == []
    answer = ask(server, disk.said())
    assert (answer.status.name, answer.details, answer.retry_seconds) == (
        "UNAVAILABLE",
        "the server is not ready yet: its engine loads",
        2.0,
    )
    (tmp_path / "go").touch()
    server.await_ready()
    with server.channel() as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
    assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert len(ask(server, disk.said()).results) == len(disk.frames)
    assert server.stop() == 0
