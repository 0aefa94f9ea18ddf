"""`relumix relight` in a process of its own."""

import subprocess
import sys


def command(folder, *args, **kwargs):
    return subprocess.Popen(
        [sys.executable, "-m", "relumix.cli.main", "relight", "plate", *args],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **kwargs,
    )


def finished(job):
    out, err = job.communicate(timeout=180)
    return job.returncode, out, err
