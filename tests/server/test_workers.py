"""Worker processes: what they do, and what becomes of a task whose worker dies."""

import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from relumix.errors import FrameError, InputError
from relumix.gain.downsample import Canvas
from relumix.settings import Settings
from relumix.shot.box import Box
from relumix_server.frame_files import FrameFiles, PlaneShape
from relumix_server.status_errors import SessionCancelledError
from relumix_server.turns import Owner
from relumix_server.worker_tasks import PackPlanes, ReadFrame, Task, TaskResult, UnpackPlanes
from relumix_server.workers import OverLimitError, WorkerDiedError, WorkerError, Workers
from tests.server.harness import write_exr


@pytest.fixture(scope="module", autouse=True)
def _workers_know_these_tasks():
    """Let worker processes import the tasks of this file: they look for nothing in the working folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]), prepend=os.pathsep)
        yield


@pytest.fixture(scope="module")
def workers(_workers_know_these_tasks):
    pool = Workers(1, memory_bytes=1 << 30, seconds=20)
    yield pool
    pool.close()


def frame(path, **changes):
    return FrameFiles(**{"session": str(path), "settings": Settings(), "frame": 7, "path": path, "first_frame": 7,
                    "first": path, **changes})  # fmt: skip


def canvas(width, height):
    return Canvas(Box(0, 0, width, height), width, height)


def test_a_frame_is_looked_at(workers, tmp_path):
    pixels = np.random.default_rng(1).uniform(0, 1, (30, 40, 3)).astype(np.float16)
    write_exr(tmp_path / "a.exr", pixels)
    seen = workers.call(ReadFrame(frame(tmp_path / "a.exr"), canvas(40, 30)))
    np.testing.assert_array_equal(seen.rgb, (pixels.astype(float) * seen.exposure).astype(np.float32))
    assert seen.rgb.flags.writeable
    assert list(seen.seconds) == ["read"]


def test_errors_come_back_as_they_are(workers, tmp_path):
    (tmp_path / "bad.exr").write_bytes(b"nonsense")
    write_exr(tmp_path / "a.exr", np.zeros((4, 4, 3)))
    bad = frame(tmp_path / "bad.exr", first=tmp_path / "a.exr", first_frame=6)
    with pytest.raises(FrameError, match=r"^frame 7: .*bad\.exr cannot be read"):
        workers.call(ReadFrame(bad, canvas(4, 4)))
    with pytest.raises(InputError, match=r"bad\.exr cannot be read"):
        workers.call(ReadFrame(frame(tmp_path / "bad.exr"), canvas(4, 4)))


@pytest.mark.parametrize(
    ("work", "sentence"), [(os.getpid, "builtin_function_or_method is no"), ("id", "str is no task")]
)
def test_only_tasks_are_done(workers, work, sentence):
    with pytest.raises(WorkerError, match=sentence):
        workers.call(work)
    assert workers.deaths == 0


def test_too_many_pixels_are_refused_before_they_are_read(workers, tmp_path):
    write_exr(tmp_path / "a.exr", np.zeros((20, 30, 3)))
    with pytest.raises(OverLimitError, match=r"a\.exr is 30x20 with 3 channels: this server takes up to 599 pixels"):
        workers.call(ReadFrame(frame(tmp_path / "a.exr", max_pixels=599), canvas(30, 20)))


def test_a_display_window_counts_as_pixels_too(workers, tmp_path):
    import OpenImageIO as oiio

    spec = oiio.ImageSpec(4, 4, 3, "half")
    spec.full_width = spec.full_height = 60_000
    out = oiio.ImageOutput.create(str(tmp_path / "wide.exr"))
    assert out.open(str(tmp_path / "wide.exr"), spec)
    assert out.write_image(np.zeros((4, 4, 3), np.float32))
    assert out.close()
    with pytest.raises(OverLimitError, match=r"wide\.exr is 60000x60000"):
        workers.call(ReadFrame(frame(tmp_path / "wide.exr"), canvas(4, 4)))


def test_memory_is_limited(tmp_path):
    write_exr(tmp_path / "a.exr", np.zeros((2000, 4000, 3), np.float32), kind="float")
    pool = Workers(1, memory_bytes=128 << 20, seconds=20)
    try:
        with pytest.raises((OverLimitError, WorkerDiedError, FrameError)) as limited:
            pool.call(ReadFrame(frame(tmp_path / "a.exr"), canvas(4000, 2000)))
        assert str(limited.value)
        write_exr(tmp_path / "b.exr", np.zeros((4, 4, 3)))
        assert pool.call(ReadFrame(frame(tmp_path / "b.exr"), canvas(4, 4))).rgb.shape == (4, 4, 3)
    finally:
        pool.close()


@dataclass(frozen=True)
class Dies(Task):
    """Ends its process by a signal, unless a file is there; it makes that file where it has a path."""

    number: int
    unless: Path | None = None

    def run(self):
        if self.unless is None or not self.unless.exists():
            if self.unless:
                self.unless.touch()
            os.kill(os.getpid(), self.number)
        return TaskResult()


@dataclass(frozen=True)
class Exits(Task):
    """Ends its process as a program that fails does."""

    def run(self):
        os._exit(3)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (signal.SIGSEGV, "it ended the process that worked on it (signal 11)"),
        (signal.SIGKILL, "it ended the process that worked on it (signal 9)"),
        (signal.SIGALRM, "it took longer than 20 s"),
        (signal.SIGPROF, "it took longer than 20 s"),
    ],
)
def test_a_task_that_ends_its_worker_costs_itself_and_the_worker_is_replaced(workers, tmp_path, number, sentence):
    write_exr(tmp_path / "a.exr", np.zeros((4, 4, 3)))
    (pid,) = workers.pids()
    with pytest.raises(WorkerDiedError) as died:
        workers.call(Dies(number))
    assert str(died.value) == sentence
    assert workers.call(ReadFrame(frame(tmp_path / "a.exr"), canvas(4, 4))).rgb.shape == (4, 4, 3)
    assert workers.pids() != [pid]
    assert not Path(f"/proc/{pid}").exists()


def test_a_task_whose_worker_died_once_is_done_by_another(workers, tmp_path):
    deaths = workers.deaths
    assert workers.call(Dies(signal.SIGSEGV, tmp_path / "died")) == TaskResult()
    assert workers.deaths == deaths + 1


def test_a_worker_that_died_idle_costs_nothing(workers, tmp_path):
    write_exr(tmp_path / "a.exr", np.zeros((4, 4, 3)))
    (pid,) = workers.pids()
    os.kill(pid, signal.SIGKILL)
    assert workers.call(ReadFrame(frame(tmp_path / "a.exr"), canvas(4, 4))).rgb.shape == (4, 4, 3)
    assert workers.pids() != [pid]


def test_a_worker_that_fails_as_a_program_is_no_fault_of_a_file(workers):
    with pytest.raises(WorkerError, match=r"^a worker process ended with exit code 3$") as failed:
        workers.call(Exits())
    assert not isinstance(failed.value, WorkerDiedError)


@dataclass(frozen=True)
class Works(Task):
    """Takes processor time without end, or sleeps for so long."""

    sleeps: float = 0.0

    def run(self):
        time.sleep(self.sleeps)
        while not self.sleeps:
            pass
        return TaskResult()


def test_processor_time_is_limited_and_waiting_is_no_work(tmp_path):
    pool = Workers(1, memory_bytes=1 << 30, seconds=0.5)
    try:
        with pytest.raises(WorkerDiedError, match=r"^it took longer than 0\.5 s$"):
            pool.call(Works())
        assert pool.deaths == 1
        assert pool.call(Works(sleeps=1.0)) == TaskResult()
    finally:
        pool.close()


def test_a_worker_that_hangs_is_given_up_on(tmp_path, monkeypatch):
    monkeypatch.setattr("relumix_server.workers.GRACE_SECONDS", 0.2)
    write_exr(tmp_path / "a.exr", np.zeros((4, 4, 3)))
    pool = Workers(1, memory_bytes=1 << 30, seconds=0.3)
    try:
        (pid,) = pool.pids()
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(WorkerDiedError):
            pool.call(ReadFrame(frame(tmp_path / "a.exr"), canvas(4, 4)))
        assert time.monotonic() - began < 60  # and not for ever
        assert pool.pids() != [pid]
    finally:
        pool.close()


def test_closing_ends_who_waits(tmp_path):
    write_exr(tmp_path / "a.exr", np.zeros((4, 4, 3)))
    pool = Workers(1, memory_bytes=1 << 30, seconds=20)
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    raised = []

    def call():
        try:
            pool.call(ReadFrame(frame(tmp_path / "a.exr"), canvas(4, 4)))
        except WorkerDiedError as error:
            raised.append(str(error))

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    pool.close()
    for thread in threads:
        thread.join(10)
    assert len(raised) == 3
    assert not Path(f"/proc/{pid}").exists()


def test_planes_there_and_back(workers, tmp_path):
    planes = np.random.default_rng(2).normal(size=(5, 7, 4)).astype(np.float32)
    planes[0, 0] = np.nan
    planes.tofile(tmp_path / "a.raw")
    shape = PlaneShape(7, 5, ("R", "G", "B", "A"), "float")
    workers.call(PackPlanes(tmp_path / "a.raw", shape, tmp_path / "a.exr"))
    workers.call(UnpackPlanes(tmp_path / "a.exr", tmp_path / "b.raw", shape.channels, "float"))
    assert (tmp_path / "b.raw").read_bytes() == planes.tobytes()


@pytest.mark.skipif(sys.platform != "linux", reason="where the system shows a process's environment")
def test_a_worker_has_nothing_of_the_servers_environment_that_it_does_not_look_at(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-studio")
    pool = Workers(1, memory_bytes=1 << 30, seconds=20)
    try:
        pool.call(Works(sleeps=0.01))  # What has only just been started may have no environment to show yet.
        theirs = Path(f"/proc/{pool.pids()[0]}/environ").read_bytes()
    finally:
        pool.close()
    assert b"of-the-studio" not in theirs
    assert b"PATH=" in theirs


def test_a_task_that_nobody_waits_for_ends(tmp_path):
    """It held its worker to its limit, which is minutes, after its client had gone."""
    pool, owner, raised = Workers(1, memory_bytes=1 << 30, seconds=100), Owner("a"), []

    def call():
        try:
            pool.call(Works(), owner)
        except SessionCancelledError:
            raised.append(True)

    try:
        pool.turns.enter(owner)
        threads = [threading.Thread(target=call) for _ in range(3)]  # One at work, two that wait.
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        pool.turns.leave(owner)
        began = time.monotonic()
        assert pool.call(Works(sleeps=0.01), Owner("b")) == TaskResult()
        assert time.monotonic() - began < 60
        for thread in threads:
            thread.join(60)
        assert len(raised) == 3
        assert pool.deaths == 1
    finally:
        pool.close()


def test_a_killed_worker_leaves_no_link(tmp_path):
    pool = Workers(1, memory_bytes=1 << 30, seconds=0.3, scratch=tmp_path)
    try:
        (pid,) = pool.pids()
        (tmp_path / f"relumix-{pid}-abc.exr").symlink_to("/dev/fd/3")
        with pytest.raises(WorkerDiedError):
            pool.call(Works())
        assert not list(tmp_path.glob("relumix-*"))
    finally:
        pool.close()
