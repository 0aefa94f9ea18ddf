"""Attacks by work: windows that are large, clients that drip, places that are held."""

import os
import signal
import struct
import threading
import time
import zlib
from contextlib import ExitStack, suppress
from pathlib import Path

import grpc
import numpy as np
import pytest

from relumix.v1 import relight_pb2 as pb
from tests.server.attack import SERVICE, opening_of_keys, peak_bytes
from tests.server.harness import CLOSE, FRAMES, ask, opening, pieces, serving, write_exr
from tests.server.test_header_limits import START, attribute, channels
from tests.server.test_life import Held, held, rested, until  # noqa: F401
from tests.server.test_page import get

MIB = 1 << 20


def test_a_window_that_would_take_too_much_memory(tmp_path, disk, made):
    """Once it was tried, and ended the server for all when it took too long."""
    with serving(tmp_path, "--window-memory", "2000000") as server:
        answer = ask(server, disk.said())
        assert (answer.status.name, answer.details, answer.retry_seconds) == (
            "RESOURCE_EXHAUSTED",
            "6 frames and 1 reference at 80x48 would take some 2 MiB at once, and this server gives 1: "
            "choose a smaller work_size",
            None,
        )
        answer = ask(server, disk.said(settings=pb.Settings(engine="flow", work_size=64)))
        assert answer.summary.written == 6
        assert until(lambda: rested(server))


def test_an_opening_of_a_million_keys_is_not_parsed(roomy, disk, made):
    """That took ten seconds for 12 MiB, and nobody else was answered meanwhile."""
    before = server_seconds(roomy)
    with roomy.channel() as channel, pytest.raises(grpc.RpcError) as refused:
        list(channel.stream_stream(f"/{SERVICE}/Relight")(iter([opening_of_keys(1_500_000)]), timeout=60))
    assert (refused.value.code().name, refused.value.details()) == (
        "RESOURCE_EXHAUSTED",
        "the opening names more frames, or options, than this server takes of a shot",
    )
    assert server_seconds(roomy) - before < 2
    assert ask(roomy, disk.said(keys=disk.keys(made))).results == made


def server_seconds(server):
    """The processor time that a server's own process has taken."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def flat(path, size):
    """A file of a few KiB."""
    write_exr(path, np.full((size, size, 3), 0.5, np.float16))
    return path.read_bytes()


def test_a_large_working_size_is_refused_before_it_is_made(tmp_path):
    """The first reference was downsampled first: the server held all of it when it refused the job."""
    data, settings = flat(tmp_path / "a.exr", 2048), pb.Settings(engine="flow", work_size=8192)
    with serving(tmp_path, "--window-memory", "64M") as server:
        before = peak_bytes(server.pid)
        said = [opening(settings=settings), *pieces(1001, data, pb.ROLE_REFERENCE), *pieces(1001, data), CLOSE]
        answer = ask(server, said)
        assert (answer.status.name, answer.retry_seconds) == ("RESOURCE_EXHAUSTED", None)
        assert answer.details.startswith("6 frames and 1 reference at 2048x2048 would take some 3008 MiB at once, and ")
        assert peak_bytes(server.pid) - before < 48 * MIB


def test_references_count_as_memory(tmp_path):
    """All of them are held to the end of a job, and only the frames of a window were counted."""
    data, frames = flat(tmp_path / "a.exr", 512), range(1, 101)
    with serving(tmp_path, "--window-memory", "600M") as server:
        before = peak_bytes(server.pid)
        said = [opening(settings=pb.Settings(engine="flow", work_size=512), frames=frames, references=frames)]
        for frame in frames:
            said += [*pieces(frame, data, pb.ROLE_REFERENCE), *pieces(frame, data)]
        answer = ask(server, [*said, CLOSE])
        assert answer.status.name == "RESOURCE_EXHAUSTED"
        assert "100 references at 512x512 would take some 800 MiB at once, and this server gives 600" in answer.details
        assert peak_bytes(server.pid) - before < 300 * MIB
        assert until(lambda: rested(server))


def test_jobs_share_the_memory_for_the_working_size(tmp_path, disk, made):
    """Each was held to the limit, and eight of them together were not."""
    memory = 6 * 80 * 48 * 120 + 80 * 48 * 32
    with (
        serving(tmp_path, "--window-memory", str(memory), "--max-client-sessions", "8") as server,
        ExitStack() as stack,
    ):
        said = list(disk.said(keys=disk.keys(made)))
        streams = [Held(server, *said[:3]) for _ in range(3)]
        for stream in streams:
            stack.callback(stream.leave)
            next(stream.call)
        assert until(lambda: get(server)[0].count("waiting for frames, light on") == 3, 60)
        answer = ask(server, said)
        assert (answer.status.name, answer.retry_seconds) == ("RESOURCE_EXHAUSTED", 30.0)
        size = "6 frames and 1 reference at 80x48"
        assert answer.details == f"{size} find no memory beside the other jobs: try again later"
        for stream in streams:
            stream.leave()
        assert until(lambda: server.info().load.sessions == 0)
        assert ask(server, said).results == made


def test_workers_are_free_when_their_client_has_gone(tmp_path, disk, made):
    """A task went on to its limit, which is minutes, though nobody waited for it; each worker could be held so."""
    said = list(disk.said(keys=disk.keys(made)))
    with serving(tmp_path) as server:
        assert ask(server, said).results == made
        for pid in server.children():
            os.kill(pid, signal.SIGSTOP)  # So looks a file that keeps a decoder busy.
        streams = [Held(server, *said) for _ in range(2)]
        for stream in streams:
            next(stream.call)
        time.sleep(1)
        for stream in streams:
            stream.leave()
        assert ask(server, said, timeout=60).results == made
        assert until(lambda: rested(server))


@pytest.mark.slow
def test_a_header_that_unpacks_to_gigabytes(tmp_path, disk, made):
    """7 MiB of PNG keep a decoder busy for minutes before the first pixel."""
    text = b"k\0\0" + zlib.compress(bytes(7 << 20), 9)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)), *[(b"zTXt", text)] * 1000]
    chunks += [(b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    bomb = b"\x89PNG\r\n\x1a\n"
    bomb += b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    with serving(tmp_path) as server:
        before = worker_seconds(server)
        said = [opening(), *pieces(1001, disk.reference(1001).read_bytes(), pb.ROLE_REFERENCE)]
        for frame in FRAMES:
            bad = frame == FRAMES[2]
            data = bomb if bad else disk.plate(frame).read_bytes()
            said += pieces(frame, data, name="bomb.png" if bad else "")
        answer = ask(server, [*said, CLOSE])
        assert answer.errors[FRAMES[2]].message == (
            "frame 1003 (bomb.png) cannot be relit: its header took longer than 5 s"
        )
        assert len(answer.done) == len(FRAMES) - 1
        assert worker_seconds(server) - before < 40


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
