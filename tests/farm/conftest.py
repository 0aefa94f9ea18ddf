import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.farm.shots import FRAMES
from tests.shot import files
from tests.synthetic import make_shot


@pytest.fixture
def shot(tmp_path):
    """A folder, with a space in its name, of plate/p.1001.exr and on, and relit.1001.exr."""
    folder = tmp_path / "my shot"
    made = make_shot(size=(96, 64), frames=FRAMES, pan=(2, 0))
    for frame, pixels in made.plate.items():
        files.plain(folder / f"plate/p.{frame}.exr", pixels.astype(np.float16), "RGB")
    files.plain(folder / "relit.1001.exr", made.truth[1001].astype(np.float16), "RGB")
    return folder


@pytest.fixture
def openjd(shot):
    """The runner, with our command on its PATH; returns the code and all that was printed."""
    here = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}

    def run(*args):
        done = subprocess.run(
            [str(here / "openjd"), *map(str, args)],
            cwd=shot,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout

    return run
