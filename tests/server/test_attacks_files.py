"""Attacks by files: pipes among paths, folders swapped for links, results that are larger than their sources."""

import os
import shutil
import struct
import time
from contextlib import contextmanager, suppress
from threading import Thread

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc

from relumix.v1 import relight_pb2 as pb
from relumix_server.storage import THREADS
from tests.server.attack import peak_bytes
from tests.server.harness import CLOSE, FRAMES, Disk, ask, opening, pieces, serving, write_exr
from tests.server.test_header_limits import START
from tests.server.test_life import Held, held, rested, until  # noqa: F401

MIB = 1 << 20


@contextmanager
def by_path(folder, *options, **how):
    """A server, and the paths of a sound job below its root."""
    disk = Disk(folder / "root/shot")
    paths = {
        "sources": {frame: str(disk.plate(frame)) for frame in FRAMES},
        "references": {1001: str(disk.reference(1001))},
        "results": {frame: str(folder / f"root/out/p.{frame}.exr") for frame in FRAMES},
    }
    with serving(folder, "--root", str(folder / "root"), *options, **how) as server:
        yield server, paths


def asked(server, paths, **fields):
    return ask(server, [opening(by_path=pb.ByPath(**paths), **fields), CLOSE])


def test_a_pipe_as_a_result_that_is_there(tmp_path):
    """Ten of them, cancelled, once took every thread that checks jobs; the server could not be ended then either."""
    with by_path(tmp_path) as (server, paths):
        os.mkfifo(tmp_path / "root/pipe.exr")
        for _ in range(10):
            results = {**paths["results"], 1001: str(tmp_path / "root/pipe.exr")}
            answer = ask(server, [opening(by_path=pb.ByPath(**{**paths, "results": results})), CLOSE], timeout=20)
            assert (answer.status.name, answer.details) == (
                "FAILED_PRECONDITION",
                f"{tmp_path}/root/pipe.exr exists and relumix did not write it: choose another output, or overwrite",
            )
        assert asked(server, paths).order == list(FRAMES)
        assert until(lambda: rested(server))


def test_a_huge_header_in_a_result_that_is_there(tmp_path):
    """It was read into the server to see who wrote it: gigabytes of a file that takes no space."""
    with by_path(tmp_path) as (server, paths):
        huge, before = tmp_path / "root/huge.exr", peak_bytes(server.pid)
        with huge.open("wb") as file:
            file.write(START)
            for number in range(16):
                file.write(b"a%d\0string\0" % number + struct.pack("<i", 200 << 20))
                file.seek(200 << 20, os.SEEK_CUR)
            file.write(b"\0")
        answer = asked(server, {**paths, "results": {**paths["results"], 1001: str(huge)}})
        assert answer.status.name == "FAILED_PRECONDITION"
        assert peak_bytes(server.pid) - before < 100 * MIB


def test_pipes_as_results_and_everybody_gone(tmp_path, disk, made):
    """Ten openings that were cancelled at once; other jobs go on, and SIGTERM ends the server (see `serving`)."""
    with by_path(tmp_path) as (server, paths):
        os.mkfifo(tmp_path / "root/pipe.exr")
        results = {**paths["results"], 1001: str(tmp_path / "root/pipe.exr")}
        for _ in range(10):
            stream = Held(server, opening(by_path=pb.ByPath(**{**paths, "results": results})))
            time.sleep(0.05)
            stream.leave()
        assert asked(server, paths).order == list(FRAMES)
        assert ask(server, disk.said(keys=disk.keys(made))).results == made
        assert until(lambda: rested(server))
        with server.channel() as channel:
            health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
        assert health.status == health_pb2.HealthCheckResponse.SERVING


def test_storage_that_does_not_answer(tmp_path, monkeypatch, disk, made):
    """Health says so and takes it back; SIGTERM ends the server while it hangs (see `serving`)."""
    stuck = tmp_path / "stuck"
    monkeypatch.setenv("RELUMIX_STUCK", str(stuck))
    with by_path(tmp_path, module="tests.server.stuck_storage") as (server, paths), server.channel() as channel:
        watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=120)
        serving_or_not = (health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status) for answer in watched)
        for turn in range(2):
            assert next(serving_or_not) == "SERVING"
            stuck.touch()
            threads = [Thread(target=asked, args=(server, paths)) for _ in range(THREADS)]
            for thread in threads:
                thread.start()
            assert next(serving_or_not) == "NOT_SERVING"
            answer = asked(server, paths)
            assert (answer.status.name, answer.retry_seconds) == ("UNAVAILABLE", 30.0)
            for thread in threads:
                thread.join(30)
            if not turn:
                stuck.unlink()


def test_pipes_as_inputs(tmp_path):
    with by_path(tmp_path) as (server, paths):
        pipe = str(tmp_path / "root/pipe.exr")
        os.mkfifo(pipe)
        answer = asked(server, {**paths, "references": {1001: pipe}})
        assert (answer.status.name, answer.details) == (
            "NOT_FOUND",
            f"the reference for frame 1001 is not there: {pipe}",
        )
        answer = asked(server, {**paths, "sources": {**paths["sources"], 1003: pipe}})
        assert answer.errors[1003].message == f"frame 1003: {pipe} cannot be read: there is no such file"
        assert len(answer.done) == len(FRAMES) - 1


def test_folders_swapped_for_links_after_the_check(tmp_path, held, monkeypatch):  # noqa: F811
    """The engine waits until they lead outside: nothing is read there then, and nothing written."""
    outside = tmp_path / "outside"
    shutil.copytree(Disk(tmp_path / "theirs").folder / "plate", outside)
    (outside / "p.1001.exr").write_bytes(b"theirs")
    monkeypatch.setenv("RELUMIX_HANGS", f"until:{tmp_path / 'swapped'}")
    with by_path(tmp_path, module="tests.server.hanging") as (server, paths):
        (tmp_path / "root/out").mkdir()
        stream = held(opening(by_path=pb.ByPath(**paths), deliver=FRAMES[1:]), CLOSE, server=server)
        assert until(lambda: server.info().load.queued_windows == 1)
        for name in ("out", "shot/plate"):
            (tmp_path / "root" / name).rename(tmp_path / "root" / f"{name}-before")
            (tmp_path / "root" / name).symlink_to(outside)
        (tmp_path / "swapped").touch()
        kinds = []
        with suppress(grpc.RpcError):  # Where a process has not seen the shot's first frame yet, the job ends.
            kinds += [answer.WhichOneof("message") for answer in stream.call]
        assert "done" not in kinds
        assert until(lambda: rested(server))
    assert (outside / "p.1001.exr").read_bytes() == b"theirs"
    assert sorted(path.name for path in outside.iterdir()) == [f"p.{frame}.exr" for frame in FRAMES]


def test_results_larger_than_their_sources_keep_to_the_budget(tmp_path, held):  # noqa: F811
    """A flat plate is a small file; as uncompressed float it is not. Budgets are kept by what is made of it."""
    write_exr(tmp_path / "flat.exr", np.full((512, 1024, 4), 0.5, np.float16))
    flat = (tmp_path / "flat.exr").read_bytes()
    with serving(tmp_path, "--memory-budget", str(4 * MIB), "--idle-seconds", "300") as server:
        settings = pb.Settings(engine="flow", work_size=64, compression="none", bits="float")
        messages = [opening(settings=settings), *pieces(1001, flat, pb.ROLE_REFERENCE)]
        messages += [piece for frame in FRAMES for piece in pieces(frame, flat)]
        stream = held(*messages, CLOSE, server=server)
        assert until(lambda: server.info().load.spool_bytes > 8 * MIB, 60)
        for _ in range(20):
            kept = [path for path in server.kept_files() if "/dev/shm" in str(path)]
            assert sum(path.stat().st_size for path in kept if path.exists()) <= 4 * MIB
        assert sum(response.WhichOneof("message") == "done" for response in stream.call) == len(FRAMES)


def test_names_that_no_file_system_takes(tmp_path):
    with by_path(tmp_path) as (server, paths):
        for name, status in (("x" * 300 + ".exr", "INVALID_ARGUMENT"), ("x" * 250 + ".exr", "OK")):
            results = {**paths["results"], 1001: f"{tmp_path}/root/{name}"}
            answer = asked(server, {**paths, "results": results}, deliver=[1001])
            assert answer.status.name == status, answer.details
