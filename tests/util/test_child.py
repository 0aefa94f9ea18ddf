"""What other processes of relumix find, and what they do not."""

import subprocess
import sys

import pytest

from relumix.util.child import decoder_environment, relumix_command
from relumix.version import __version__

MODULES = ("numpy", "argparse", "relumix", "types", "queue")


@pytest.fixture
def foreign(tmp_path):
    """A folder with modules that nobody meant for relumix."""
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name} of the working folder')")
    return tmp_path


def test_modules_of_the_working_folder_are_not_loaded(foreign):
    command = [*relumix_command(), "info", "nothing.exr"]
    done = subprocess.run(command, cwd=foreign, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2, "relumix: nothing.exr: no such file or folder, and no frame number in it (like plate.####.exr)\n"
    )  # fmt: skip


def test_a_relumix_that_was_not_installed_finds_itself(tmp_path):
    command = [sys.executable, "-S", *relumix_command()[1:], "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"relumix {__version__}\n", "")


def test_decoders_get_what_they_look_at_and_no_more():
    kept = {
        "PATH": "/bin", "HOME": "/home/me", "LC_ALL": "C", "TMPDIR": "/t", "OCIO": "studio.ocio",
        "PYTHONPATH": "/rez/numpy", "LD_LIBRARY_PATH": "/rez/lib", "OMP_NUM_THREADS": "2", "RELUMIX_BRIDGE_DIR": "/b",
        "Path": "C:/",
    }  # fmt: skip
    others = {
        "AWS_SECRET_ACCESS_KEY": "k",
        "QT_PLUGIN_PATH": "/nuke",
        "DISPLAY": ":0",
        "NUKE_PATH": "/n",
        "MYPATH": "x",
    }
    assert decoder_environment({**kept, **others}) == kept
