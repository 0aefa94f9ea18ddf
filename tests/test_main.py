"""The command as a module: from a clone, where nothing is installed."""

from __future__ import annotations

import subprocess
import sys

from relumix import __version__


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "relumix", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["relumix", __version__])
