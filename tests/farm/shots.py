"""Shots, commands and parsers that the tests of the farm share."""

import subprocess
import sys

from relumix.cli.main import build_parser
from tests.shot import files

FRAMES = range(1001, 1010)


def relight_parser():
    (commands,) = build_parser()._subparsers._group_actions
    return commands.choices["relight"]


def relumix(folder, *args):
    command = [sys.executable, "-m", "relumix.cli.main", *map(str, args)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def bundled(folder, *options, output="out", bundle="job"):
    """Write the bundle of the shot in a folder, in chunks of three frames."""
    job = ["plate", "-r", "relit.1001.exr", "-o", output, "--chunk-size", "3", "--bundle", bundle]
    made = relumix(folder, "farm", "bundle", *job, *options)
    assert made.returncode == 0, made.stderr
    return folder / bundle


def relit(folder, output="plain", *options):
    """Relight the shot in a folder in one plain run."""
    done = relumix(folder, "relight", "plate", "-r", "relit.1001.exr", "-o", output, *options)
    assert done.returncode == 0, done.stderr


def assert_same(one, other):
    names = sorted(path.name for path in one.glob("*.exr"))
    assert names
    assert names == sorted(path.name for path in other.glob("*.exr"))
    for name in names:
        files.assert_same_pixels(one / name, other / name)
