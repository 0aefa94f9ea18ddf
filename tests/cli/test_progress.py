"""What is shown while a job runs: the bar with its clock, and the messages for farms."""

import io
import os
import re
import struct
import time
from contextlib import redirect_stderr

import pytest

from relumix.cli.progress import OpenJD, Show, shown_as
from relumix.events import Done, Failed, FrameDone, Progress, Stage, Start, Warned

START = Start("0.1.0", "plate.####.exr", "out", [1, 2], {1: "relit.exr"}, {"engine": "flow"})
END = Done(written=2, skipped=0, failed=0, seconds=4.0, outputs=["out"])


@pytest.fixture
def stderr(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    return io.StringIO()


def lines(written):
    """What was ever shown, without what moves the cursor."""
    return [line.strip() for line in re.split(r"[\r\n]|\x1b\[A", written.getvalue()) if line.strip()]


def wait_for(written, pattern, seconds=30):
    give_up = time.monotonic() + seconds
    while not re.search(pattern, written.getvalue()):
        assert time.monotonic() < give_up, written.getvalue()
        time.sleep(0.05)


def test_the_bar_says_what_is_worked_on_and_how_long_the_rest_takes(stderr, capsys):
    with redirect_stderr(stderr), shown_as(Show.BAR) as tell:
        tell(START)
        tell(Stage("light", "light on frames 1-2"))
        tell(Stage("light", "light on frames 1-2", 0.25, 75.9))
        tell(FrameDone(1, "out/1.exr"))
        tell(Progress(1, 2, 0.5, 3700.5))
        tell(Warned("the alpha is odd"))
        tell(Progress(2, 2, 1.0, 0.0))
        tell(END)
    said = lines(stderr)
    assert re.fullmatch(r"0% \|\s*\| 0/2 frames, 0:0\d gone", said[0])
    assert re.fullmatch(r"0% \|\s*\| 0/2 frames, 0:0\d gone, light on frames 1-2", said[1])
    assert re.fullmatch(r"25% \|\S+\s*\| 0/2 frames, 0:0\d gone, about 1:1\d to go, light on frames 1-2", said[2])
    assert re.fullmatch(r"50% .* 1/2 frames, 0:0\d gone, about 1:01:[34]\d to go, light on frames 1-2", said[3])
    assert "relumix: warning: the alpha is odd" in said
    assert re.fullmatch(r"100% \|\S+\| 2/2 frames, 0:0\d gone", said[-1])
    assert capsys.readouterr().out == "2 frames relit in 4.0 s, 0.50 frames a second\nwrote out\n"


def test_the_clock_ticks_while_nothing_is_told(stderr):
    with redirect_stderr(stderr), shown_as(Show.BAR) as tell:
        tell(START)
        tell(Stage("light", "light on frames 1-2", 0.9, 0.5))
        wait_for(stderr, r"0:0[2-9] gone, taking longer than estimated, light")


@pytest.mark.parametrize("size", [(0, 0), (0, 100), (24, 0)])
def test_a_terminal_that_says_no_size_has_a_bar_too(monkeypatch, size):
    termios, fcntl, pty = (pytest.importorskip(name) for name in ("termios", "fcntl", "pty"))
    monkeypatch.delenv("COLUMNS", raising=False)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    with os.fdopen(ours, "rb", buffering=0) as screen, os.fdopen(theirs, "w") as terminal:
        with redirect_stderr(terminal), shown_as(Show.AUTO) as tell:
            tell(START)
        print("end", file=terminal, flush=True)  # or there is nothing to wait for
        assert re.search(rb"0% \|\s+\| 0/2 frames", screen.read(4096))


def test_a_failure_before_the_start_leaves_no_bar(stderr):
    with redirect_stderr(stderr), shown_as(Show.BAR) as tell:
        tell(Failed("there is no plate"))
    assert stderr.getvalue() == ""


def test_a_farm_is_told_the_share_of_the_time(capsys):
    tell = OpenJD()
    for event in (
        START,
        Stage("light", "light on frames 1-2"),
        Stage("light", "light on frames 1-2", 0.3, 9.0),
        Progress(1, 2, 0.8, 1.0),
        Progress(2, 2, 1.0, 0.0),
        END,
    ):
        tell(event)
    assert capsys.readouterr().out.splitlines() == [
        "openjd_status: 2 frames with flow",
        "openjd_progress: 0.0",
        "openjd_status: light on frames 1-2",
        "openjd_progress: 30.0",
        "openjd_progress: 80.0",
        "openjd_progress: 100.0",
        "openjd_status: 2 frames relit in 4.0 s, 0.50 frames a second; wrote out",
    ]
