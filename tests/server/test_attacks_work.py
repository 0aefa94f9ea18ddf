"""Attacks by work: windows that are large, clients that drip, places that are held."""

import threading
import time
from contextlib import suppress

import grpc

from relumix.v1 import relight_pb2 as pb
from tests.server.harness import ask, opening, pieces, serving
from tests.server.test_life import Held, held, rested, until  # noqa: F401


def test_a_window_that_would_take_too_much_memory(tmp_path, disk, made):
    """Once it was tried, and ended the server for all when it took too long."""
    with serving(tmp_path, "--window-memory", "2000000") as server:
        answer = ask(server, disk.said())
        assert (answer.status.name, answer.details, answer.retry_seconds) == (
            "RESOURCE_EXHAUSTED",
            "6 frames at 80x48 would take some 2 MiB at once, and this server gives 1: choose a smaller work_size",
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

    with serving(tmp_path, "--idle-seconds", "2", "--max-sessions", "2", "--waiting-seconds", "120") as server:
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
        assert not any("places" in line["message"] for line in server.log)
