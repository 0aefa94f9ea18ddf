"""The benches of the svd engine run, though figures of time mean something on a GPU alone."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from relumix.engines.base import Windowing
from relumix.pipeline.windows import plan
from tests.benchmarks import bench_svd
from tests.benchmarks.bench_svd import TINY, Bench
from tests.benchmarks.bench_svd_windows import CarriedShot
from tests.benchmarks.tiny_svd import box_vae

ROOT = Path(__file__).resolve().parents[3]


class Clock:
    """Time that goes on by a second whenever it is asked for."""

    def __init__(self):
        self.seconds = 0

    def __call__(self):
        self.seconds += 1
        return float(self.seconds)


@pytest.fixture
def answered(monkeypatch):
    """Stands in for the sampler: its answer is its noise. Returns the shapes that it was asked for."""
    seen = []

    def sample(network, noise, *args, steps, batched=True, **kwargs):
        seen.append((len(noise), steps, batched))
        return noise

    monkeypatch.setattr(bench_svd, "sample", sample)
    return seen


def bench(seconds=1000):
    return Bench(TINY, torch.device("cpu"), seconds, Clock())


def test_without_a_gpu_it_says_so_and_ends(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["bench_svd.py"])
    bench_svd.main()
    assert capsys.readouterr().out == (
        "bench_svd: skipped, torch finds no GPU here (--tiny tries it on the CPU, with tiny networks)\n"
    )


def test_what_tells_most_is_measured_first_and_all_of_it_in_time(answered, capsys):
    bench().run()
    said = [line.partition("] ")[2] for line in capsys.readouterr().out.splitlines()]
    order = ["as published (autocast), 14", "the engine's (fp16), 14", "VAE, a frame", "61 frames", "training", "done"]
    found = [next(i for i, line in enumerate(said) if line.startswith(start)) for start in order]
    assert found == sorted(found)
    assert answered[0] == (14, 1, True)


def test_it_stops_by_its_own_clock(answered, capsys):
    bench(seconds=12).run()
    said = capsys.readouterr().out.splitlines()
    assert any("the engine's (fp16), 14 frames of 64x64, a step, batched: left out, " in line for line in said)
    assert said[-1].endswith("done")
    assert len(answered) == 2


def test_it_survives_running_out_of_memory(answered, monkeypatch, capsys):
    real = bench_svd.sample

    def sample(network, noise, *args, **kwargs):
        if len(noise) > 14:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore about it")
        return real(network, noise, *args, **kwargs)

    monkeypatch.setattr(bench_svd, "sample", sample)
    bench().run()
    said = capsys.readouterr().out
    assert said.count("out of memory: CUDA out of memory. Tried to allocate 20.00 GiB.\n") == 4
    assert said.endswith("done\n")


def test_it_imports_torch_diffusers_and_the_engines_own_modules():
    """On a machine that has no more than those: what a plain import of the two brings in is theirs."""
    program = """
import sys
from diffusers import AutoencoderKLTemporalDecoder, EulerDiscreteScheduler, UNetSpatioTemporalConditionModel
theirs = {name.partition(".")[0] for name in sys.modules}
import runpy
runpy.run_path(sys.argv[1], run_name="bench")
ours = {name for name in sys.modules if name.partition(".")[0] not in theirs | set(sys.stdlib_module_names)}
print(*sorted(ours))
"""
    script = ROOT / "tests/benchmarks/bench_svd.py"
    done = subprocess.run([sys.executable, "-c", program, str(script)], capture_output=True, text=True, check=True)
    assert {name.partition(".")[0] for name in done.stdout.split()} == {"relumix"}
    assert "relumix.engines.svd.model" not in done.stdout.split()


@pytest.mark.parametrize(
    ("overlap", "chained", "borders"),
    [(0, False, [3, 6]), (1, True, [4, 7]), (1, False, [3, 4, 6, 7])],
    ids=["apart", "chained", "blended"],
)
def test_borders_are_where_windows_pass_a_shot_on(overlap, chained, borders):
    laid = plan(range(8), [0], Windowing("1", 4 if overlap else 3, overlap, tracks=False, chained=chained))
    truth = np.zeros((8, 2, 2, 3), np.float32)
    made = truth + np.arange(8, dtype=np.float32)[:, None, None, None] / 10
    carried = CarriedShot.of(made, truth, laid, chained, 0.0)
    assert [i + 1 for i in np.flatnonzero(carried.borders)] == borders
    np.testing.assert_allclose(carried.off, np.arange(8) / 10, atol=1e-6)
    np.testing.assert_allclose(carried.jumps, 0.1, atol=1e-6)


def test_the_tiny_vae_averages_squares_and_shows_them():
    picture = torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1
    vae = box_vae()
    latents = vae.encode(picture).latent_dist.mode()
    torch.testing.assert_close(latents[:, :3], torch.nn.functional.avg_pool2d(picture, 8), rtol=0, atol=1e-4)
    shown = vae.decode(latents, num_frames=2).sample
    expected = latents[:, :3].repeat_interleave(8, 2).repeat_interleave(8, 3)
    torch.testing.assert_close(shown, expected, rtol=0, atol=1e-4)
