"""Many clients at once, and many one after another."""

import subprocess
import sys
import threading
import time

import pytest

from relumix.engines.registry import load_engine
from relumix.v1 import relight_pb2 as pb
from tests.server.harness import Disk, ask, serving
from tests.server.test_life import rested, until

pytestmark = pytest.mark.slow

CLIENTS = 32
WINDOWS = 5
"""Of each client: who is first and who is last in a round are one window apart in so many."""

SESSIONS = 300
SETTLED = 50


def frames_of(engine):
    """The frames of a shot of so many windows."""
    loaded = load_engine(engine)
    return range(1, 2 + WINDOWS * (loaded.windowing.window - loaded.windowing.overlap))


def by_command(disk, work_size, engine):
    """What the command makes of a shot, in a process of its own: torch's sums depend on its number of threads."""
    command = [sys.executable, "-m", "relumix.cli.main", "relight", disk.folder / "plate", "-o", disk.folder / "out"]
    command += ["-r", f"1={disk.reference(1)}", "--engine", engine, "--work-size", str(work_size), "--progress", "none"]
    subprocess.run(command, check=True)
    return {int(path.stem.split(".")[1]): path.read_bytes() for path in sorted((disk.folder / "out").glob("*.exr"))}


def test_clients_of_all_sizes_and_engines_at_once_are_all_served_alike(tmp_path):
    kinds = [((64, 40), 64, "flow"), ((96, 64), 96, "flow"), ((160, 90), 128, "flow"), ((64, 40), 64, "lite")]
    disks = [
        Disk(tmp_path / str(i), size=size, frames=frames_of(engine), pan=(0.5, 0))
        for i, (size, _, engine) in enumerate(kinds)
    ]
    made = [by_command(disk, work_size, engine) for disk, (_, work_size, engine) in zip(disks, kinds, strict=True)]
    seconds, answers, together = [0.0] * CLIENTS, [None] * CLIENTS, threading.Barrier(CLIENTS)

    def client(number):
        disk, (_, work_size, engine) = disks[number % 4], kinds[number % 4]
        settings = pb.Settings(engine=engine, work_size=work_size)
        said = list(disk.said(keys=disk.keys(made[number % 4]), settings=settings))
        together.wait()
        began = time.monotonic()
        answers[number] = ask(server, said, timeout=900)
        seconds[number] = time.monotonic() - began

    places = ("--max-sessions", str(CLIENTS), "--max-client-sessions", str(CLIENTS))  # All call from one host.
    with serving(tmp_path, *places, "--engine", "flow,lite") as server:
        threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert until(lambda: rested(server))
    for number, answer in enumerate(answers):
        assert answer.status.name == "OK", answer.details
        assert answer.results == made[number % 4]
    for kind in range(4):
        equals = seconds[kind::4]
        assert max(equals) / min(equals) < 1.5, equals


def test_more_clients_than_places_are_served_alike(tmp_path):
    """Of 64 that came back when told to, 48 were never served in a minute while one got 56 jobs."""
    disk = Disk(tmp_path / "shot", size=(64, 40), frames=range(1, 4))
    made = disk.in_process()
    said = list(disk.said(keys=disk.keys(made)))
    tokens = [f"the-token-of-client-{number}" for number in range(8)]
    (tmp_path / "tokens").write_text("\n".join(tokens))
    jobs, lock, left = [0] * len(tokens), threading.Lock(), [72]

    def client(number):
        while True:
            with lock:
                left[0] -= 1
                if left[0] < 0:
                    return
            answer = ask(server, said, timeout=300, metadata=(("authorization", f"Bearer {tokens[number]}"),))
            assert answer.results == made, answer.details
            jobs[number] += 1

    options = ("--max-sessions", "2", "--waiting-seconds", "300", "--token-file", str(tmp_path / "tokens"))
    with serving(tmp_path, *options) as server:
        threads = [threading.Thread(target=client, args=(number,)) for number in range(len(tokens))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(jobs) == 72
    assert max(jobs) <= 1.5 * min(jobs), jobs


def test_three_hundred_sessions_leave_nothing(tmp_path):
    disk = Disk(tmp_path / "shot", size=(64, 40), frames=range(1, 4))
    made = disk.in_process()
    said = list(disk.said(keys=disk.keys(made)))
    cut = said[: len(said) // 2]
    with serving(tmp_path) as server:
        settled = None
        for number in range(SESSIONS):
            if number == SETTLED:
                settled = (server.resident_bytes(), server.open_files(), server.threads(), set(server.children()))
            if number % 5 == 4:
                assert ask(server, cut).status.name == "INVALID_ARGUMENT"
            else:
                assert ask(server, said).results == made
        assert until(lambda: rested(server))
        resident, files, threads, children = settled
        assert server.resident_bytes() < 1.03 * resident
        assert set(server.children()) == children
        assert until(lambda: server.open_files() <= files)
        assert until(lambda: server.threads() <= threads + 6)  # The event loop fills its pool as it needs it.
