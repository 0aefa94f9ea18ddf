"""Run a command and measure its own peak memory, whoever asks.

    python peak.py FILE COMMAND ARGUMENT...    # FILE gets the peak resident memory in bytes

What the system reports of a child begins with the peak of the process that started it. So a large process starts this
small one, and this one the command: what is reported is the command's as soon as it takes more than these few MB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


def run(command: Sequence[str]) -> tuple[int, str, int]:
    """Run a command; returns its exit code, its standard output, and its peak resident memory in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        measured = Path(folder) / "peak"
        launcher = [sys.executable, "-I", "-S", __file__, str(measured), *command]
        done = subprocess.run(launcher, stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout, int(measured.read_text())


def main() -> int:
    """Run what the command line names. Returns its exit code, 128 + N where signal N ended it, as a shell does."""
    job = subprocess.Popen(sys.argv[2:])
    _, status, usage = os.wait4(job.pid, 0)
    job.returncode = os.waitstatus_to_exitcode(status)
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    Path(sys.argv[1]).write_text(str(usage.ru_maxrss * unit_bytes))
    return job.returncode if job.returncode >= 0 else 128 - job.returncode


if __name__ == "__main__":
    sys.exit(main())
