"""Attacks by work: windows that are large, clients that drip, places that are held."""

import os
import signal
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import grpc
import pytest

from relumix.v1 import relight_pb2 as pb
from tests.server.harness import CLOSE, FRAMES, ask, opening, pieces, serving
from tests.server.test_header_limits import START, attribute, channels
from tests.server.test_life import Held, held, rested, until  # noqa: F401


def test_a_window_that_would_take_too_much_memory(tmp_path, disk, made):
    """Once it was tried, and ended the server for all when it took too long."""
    with serving(tmp_path, "--window-memory", "2000000") as server:
        answer = ask(server, disk.said())
        assert (answer.status.name, answer.details, answer.retry_seconds) == (
            "RESOURCE_EXHAUSTED",
            "6 frames and 1 reference at 80x48 would take some 2 MiB at once, and this server gives 1: choose a smaller work_size",
            None,
        )
        answer = ask(server, disk.said(settings=pb.Settings(engine="flow", work_size=64)))
        assert answer.summary.written == 6
        assert until(lambda: rested(server))


def test_clients_that_drip_give_their_places_up(tmp_path, disk, made):
    """A byte now and then kept the limit on silence away, and eight of them kept everybody away."""
    reference = disk.reference(1001).read_bytes()

    def dripping():
        yield opening()
        for message in pieces(1001, reference, pb.ROLE_REFERENCE, size=1):
            yield message
            time.sleep(0.05)

    places = ("--max-sessions", "2", "--max-client-sessions", "2", "--waiting-seconds", "120")
    with serving(tmp_path, "--idle-seconds", "2", *places) as server:
        answers = []
        dripped = [threading.Thread(target=lambda: answers.append(ask(server, dripping()))) for _ in range(2)]
        for thread in dripped:
            thread.start()
        assert until(lambda: server.info().load.sessions == 2)
        assert ask(server, disk.said(keys=disk.keys(made))).results == made
        for thread in dripped:
            thread.join(60)
        told = {"nothing came from the client for 2 s, and it is waited for"}
        told.add("too little came from the client for 2 s, and it is waited for")
        assert {answer.status.name for answer in answers} == {"DEADLINE_EXCEEDED"}
        assert {answer.details for answer in answers} <= told


def test_a_place_is_free_when_its_stream_ends(tmp_path, disk, made):
    """Who comes at once, however his stream ended, is served and never told that all places are taken."""
    with serving(tmp_path, "--max-sessions", "1") as server:
        for number in range(20):
            stream = Held(server, opening())
            with suppress(grpc.RpcError):
                next(stream.call)
            stream.leave()
            if number % 4 == 0:
                assert ask(server, disk.said(keys=disk.keys(made))).results == made
        assert until(lambda: rested(server))
        assert not any("slots" in line["message"] for line in server.log)


@pytest.mark.parametrize("guarded", [True, False], ids=["with a token", "that says it is many"])
def test_a_client_that_takes_all_it_can_leaves_a_place(tmp_path, disk, made, guarded):
    """Its streams hold places and chairs; a server that knows no tokens does not tell clients apart by them."""
    tokens = [f"the-token-of-client-{number}" for number in range(6)]
    (tmp_path / "tokens").write_text("\n".join(tokens))
    ours = (("authorization", f"Bearer {tokens[-1]}"),)
    options = ["--max-sessions", "3", "--max-waiting", "4", "--waiting-seconds", "120", "--idle-seconds", "120"]
    options += ["--token-file", str(tmp_path / "tokens")] if guarded else []
    with serving(tmp_path, *options) as server, ExitStack() as stack:
        for token in tokens:
            theirs = (("authorization", f"Bearer {tokens[0] if guarded else token}"),)
            call = stack.enter_context(server.stub()).Relight(silent(stack), metadata=theirs)
            stack.callback(call.cancel)
        assert until(lambda: info(server, ours).load.sessions >= 2)
        time.sleep(0.5)
        assert info(server, ours).load.sessions == 2
        if guarded:
            answer = ask(server, disk.said(keys=disk.keys(made)), metadata=ours)
            assert answer.results == made, answer.details


def test_decoders_that_died_idle_cost_nothing(tmp_path, disk, made):
    """One cost the next innocent job a frame, or the whole job where it was the reference."""
    with serving(tmp_path) as server:
        assert ask(server, disk.said(keys=disk.keys(made))).results == made
        idle = server.children()
        assert len(idle) == 2
        for pid in idle:
            os.kill(pid, signal.SIGKILL)
        answer = ask(server, disk.said(keys=disk.keys(made)))
        assert (answer.errors, answer.results) == ({}, made)
        assert until(lambda: rested(server))


@pytest.fixture(scope="module")
def roomy(tmp_path_factory):
    """A server that takes large files, as it does if not told otherwise."""
    with serving(tmp_path_factory.mktemp("roomy")) as started:
        yield started


def worker_seconds(server):
    """The processor time that a server's worker processes have taken, dead ones among them."""
    lines = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in server.children()]
    reaped = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[13:15]
    return sum(int(ticks) for line in [*(line[11:13] for line in lines), reaped] for ticks in line) / os.sysconf(
        "SC_CLK_TCK"
    )


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (START + attribute(b"a", b"int", bytes(4)) * 1_000_000, "more than 4096 attributes"),
        (START + channels(100_000), "more than 1024 channels"),
        (START + b"".join(attribute(b"a%d" % i, b"int", bytes(4)) for i in range(100_000)), "more than 4096 attr"),
    ],
    ids=["attributes", "channels", "attributes of names"],
)
@pytest.mark.parametrize("role", [pb.ROLE_REFERENCE, pb.ROLE_SOURCE], ids=["reference", "source"])
def test_headers_that_take_minutes(roomy, disk, header, sentence, role):
    """A million attributes held a worker for two minutes, 100,000 channels for 44 s."""
    before = worker_seconds(roomy)
    sound = disk.reference(1001).read_bytes()
    said = [opening(), *pieces(1001, header if role == pb.ROLE_REFERENCE else sound, pb.ROLE_REFERENCE)]
    for frame in FRAMES:
        bad = role == pb.ROLE_SOURCE and frame == FRAMES[2]
        said += pieces(frame, header if bad else disk.plate(frame).read_bytes())
    answer = ask(roomy, [*said, CLOSE])
    if role == pb.ROLE_REFERENCE:
        assert sentence in answer.details
    else:
        assert {frame: sentence in error.message for frame, error in answer.errors.items()} == {FRAMES[2]: True}
    assert worker_seconds(roomy) - before < 5
    assert until(lambda: rested(roomy))


def info(server, metadata):
    with server.stub() as stub:
        return stub.GetInfo(pb.GetInfoRequest(), timeout=20, metadata=metadata)


def silent(stack):
    """What a client says that opens a job and leaves it at that."""
    over = threading.Event()
    stack.callback(over.set)
    yield opening()
    over.wait()
