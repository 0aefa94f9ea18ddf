"""Engines other than the default, through a real server: the files that the command makes here, bit for bit."""

import subprocess
import sys

import numpy as np
import pytest

from relumix.client import RelightClient
from tests.server.harness import serving
from tests.shot import files
from tests.synthetic import make_shot, shadow_light

FRAMES = range(1001, 1009)


@pytest.fixture
def plate(tmp_path):
    shot = make_shot(size=(64, 48), frames=FRAMES, pan=(1.5, 0.0), light=shadow_light(20))
    for frame, pixels in shot.plate.items():
        files.plain(tmp_path / f"plate/plate.{frame}.exr", pixels.astype(np.float16))
    files.plain(tmp_path / "relit.1001.exr", shot.truth[1001].astype(np.float16))
    return tmp_path


def relit(folder, output, *options):
    """Relight the plate into a folder of its own; returns its frames.

    In a process of its own: torch's sums depend on its number of threads, which other tests change in this one.
    """
    command = [
        sys.executable,
        "-m",
        "relumix.cli.main",
        "relight",
        str(folder / "plate"),
        "-r",
        str(folder / "relit.1001.exr"),
        "-o",
        str(folder / output),
    ]
    command += ["--work-size", "64", "--progress", "none", *options]
    subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True)
    return sorted((folder / output).iterdir())


@pytest.fixture(scope="module")
def svd(tmp_path_factory):
    from tests.engines.svd.models import make_model

    return str(make_model(tmp_path_factory.mktemp("svd")))


def same(here, there):
    assert len(here) == len(there) == len(FRAMES)
    for one, other in zip(here, there, strict=True):
        files.assert_same_pixels(one, other)


def test_lite(plate):
    here = relit(plate, "here", "--engine", "lite", "--device", "cpu")
    with serving(plate, "--engine", "lite", "--device", "cpu") as server:
        same(here, relit(plate, "there", "--engine", "lite", "--server", server.address))


def test_svd(plate, svd, monkeypatch):
    """At the plate's own exposure, which the server's workers must tell, and with options that a job chooses."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # torch's sums depend on it
    loaded, asked = (
        [word for option in options for word in ("--engine-option", option)]
        for options in (("steps=1", "window=4", "overlap=1"), ("exposure=plate", "median_gain=whole"))
    )
    here = relit(plate, "here", "--engine", "svd", "--model", svd, "--device", "cpu", *loaded, *asked)
    with serving(plate, "--engine", "svd", "--model", svd, "--device", "cpu", *loaded) as server:
        there = ["there", "--engine", "svd", "--server", server.address]
        same(here, relit(plate, *there, *asked))
        with pytest.raises(subprocess.CalledProcessError) as caught:
            relit(plate, *there, "--engine-option", "windows=anchored")
    assert caught.value.stderr == (
        "relumix: how the windows of svd lie is the server's to choose: leave windows, window, overlap, chained and "
        "published out, or start a server with --engine-option for them\n"
    )


def test_one_server_holds_several_engines_and_the_model_is_that_of_svd(plate, svd):
    with serving(plate, "--engine", "flow,lite,svd", "--model", svd, "--device", "cpu") as server:
        (info,) = RelightClient(server.address).info().values()
        assert [engine.name for engine in info.engines] == ["flow", "lite", "svd"]
        for name in ("flow", "lite"):
            here = relit(plate, f"here_{name}", "--engine", name)
            same(here, relit(plate, f"there_{name}", "--engine", name, "--server", server.address))
