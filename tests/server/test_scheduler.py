"""One thread a device: sessions take turns window by window, and one that is cancelled leaves the queue."""

import gc
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest

from relumix.engines.base import Carried, Windowing
from relumix.gain.proxy import ProxyFrame
from relumix_server.scheduler import EngineThread, ScheduledEngine, warm
from relumix_server.status_errors import SessionCancelledError

NO_LIGHT = Carried(np.zeros((1, 1, 1, 3), np.float32), np.zeros((1, 1, 1), np.float32))


class SlowEngine:
    name, windowing = "slow", Windowing(version="1", window=4, overlap=1, tracks=False)

    def __init__(self):
        self.worked, self.threads, self.go = [], set(), threading.Event()

    def start(self):
        return self

    def propagate(self, frames, references, keyframe_paths):
        self.go.wait(10)
        time.sleep(0.05)  # Long enough for the others to come back to the queue.
        self.worked.append(frames[0])
        self.threads.add(threading.current_thread().name)
        return NO_LIGHT


@pytest.fixture
def device():
    made = EngineThread()
    yield made
    made.close()


def run(engine, device, name, windows, ended):
    scheduled = ScheduledEngine(engine, device)

    def work():
        try:
            for number in range(windows):
                scheduled.start().propagate([f"{name}{number}"], [], [])
            ended.append(name)
        except SessionCancelledError:
            ended.append(f"{name} cancelled")

    thread = threading.Thread(target=work)
    thread.start()
    return scheduled, thread


def test_sessions_take_turns(device):
    engine, ended = SlowEngine(), []
    threads = []
    for number, (name, windows) in enumerate((("a", 4), ("b", 4), ("c", 1)), 1):
        threads.append(run(engine, device, name, windows, ended)[1])
        while device.queued < number:
            time.sleep(0.001)
    engine.go.set()
    for thread in threads:
        thread.join(10)
    assert engine.worked[:3] == ["a0", "b0", "c0"]
    for before, after in zip(engine.worked[3:-1], engine.worked[4:], strict=True):
        assert before[0] != after[0], engine.worked
    assert len(engine.threads) == 1
    assert device.queued == 0


def test_a_cancelled_session_leaves_the_queue(device):
    engine, ended = SlowEngine(), []
    _, first = run(engine, device, "a", 1, ended)
    while device.queued < 1:
        time.sleep(0.001)
    waiting, second = run(engine, device, "b", 1, ended)
    while device.queued < 2:
        time.sleep(0.001)
    waiting.cancel()
    second.join(10)
    assert ended == ["b cancelled"]
    assert device.queued == 1
    engine.go.set()
    first.join(10)
    assert ended == ["b cancelled", "a"]
    waiting.cancel()
    with pytest.raises(SessionCancelledError):
        waiting.propagate(["b1"], [], [])
    assert engine.worked == ["a0"]


def test_what_an_engine_keeps_of_a_shot_goes_with_it(device):
    class Shot(SlowEngine):
        def start(self):
            made = SlowEngine()
            made.go.set()
            kept.append(weakref.ref(made))
            return made

    kept = []
    scheduled = ScheduledEngine(Shot(), device)
    scheduled.start().propagate(["a0"], [], [])
    assert kept[0]() is not None
    scheduled.end()
    device.submit(lambda: None).result()  # What it did before is then let go of by its thread, too.
    assert kept[0]() is None


def test_what_an_engine_raises_reaches_its_session(device):
    class Broken(SlowEngine):
        def propagate(self, frames, references, keyframe_paths):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ScheduledEngine(Broken(), device).start().propagate(["a"], [], [])
    with pytest.raises(ZeroDivisionError):
        warm(Broken(), device)
    assert device.queued == 0


def test_what_an_engine_may_still_read_is_there_before_its_turn(device):
    engine, seen = SlowEngine(), []
    engine.go.set()

    def await_frames(frames):
        seen.append((list(frames), device.queued))

    scheduled = ScheduledEngine(engine, device, await_frames=await_frames)
    keyframes = [ProxyFrame(number, np.zeros((1, 1, 3), np.float32), np.ones((1, 1), np.float32)) for number in (1, 5)]
    scheduled.start().propagate(["a"], [], [keyframes[:1], keyframes])
    assert seen == [([1, 1, 5], 0)]


WATCHED = """
import sys, time
from relumix_server.scheduler import EngineThread

device = EngineThread(last_seconds=2)

def work():
    for step in range(1, 25):
        time.sleep(0.2)
        device.advance(step / 25 if sys.argv[1] == "further" else 0.1)

device.submit(work).result()
device.close()
"""


@pytest.mark.parametrize(("how", "code"), [("further", 0), ("still", 1)])
def test_the_last_resort_counts_from_what_was_last_done(how, code):
    ended = subprocess.run([sys.executable, "-c", WATCHED, how], capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert ("Timeout" in ended.stderr) == bool(code)


def test_progress_is_told_on_and_counted_anew_with_each_window(device):
    class Reports(SlowEngine):
        def report_to(self, tell):
            self.tell = tell

        def propagate(self, frames, references, keyframe_paths):
            for share in (0.2, 0.9, 0.9, 0.5):
                time.sleep(0.05)
                before = device.seconds
                self.tell(share)
                moved.append(device.seconds < before)
            return NO_LIGHT

    moved, told = [], []
    scheduled = ScheduledEngine(Reports(), device)
    scheduled.report_to(told.append)
    for _ in range(2):
        scheduled.start().propagate(["a"], [], [])
    assert moved == [True, True, False, False] * 2
    assert told == [0.2, 0.9, 0.9, 0.5] * 2
    assert device.seconds == 0


def test_what_is_told_of_progress_goes_with_the_shot(device):
    """It held the engine and the engine it: the references' shared memory stayed until garbage was collected."""

    class Shot:
        def report(self, share):
            pass

    shot, scheduled = Shot(), ScheduledEngine(SlowEngine(), device)
    shot.engine, gone = scheduled, weakref.ref(shot)
    scheduled.report_to(shot.report)
    scheduled.end()
    gc.disable()
    try:
        del shot
        assert gone() is None
    finally:
        gc.enable()
