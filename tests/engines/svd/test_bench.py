"""The benches of the svd engine run, though figures of time mean something on a GPU alone."""

import sys

import numpy as np
import pytest
import torch

from relumix.engines.base import Windowing
from relumix.pipeline.windows import plan
from tests.benchmarks import bench_svd
from tests.benchmarks.bench_svd_windows import Carried
from tests.benchmarks.tiny_svd import box_vae


@pytest.fixture
def bench(monkeypatch, capsys):
    """Run it where there is no GPU; returns the lines that it prints."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    def run(*options):
        monkeypatch.setattr(sys, "argv", ["bench_svd.py", *options])
        bench_svd.main()
        return capsys.readouterr().out.splitlines()

    return run


def test_without_a_gpu_it_says_so_and_ends(bench):
    assert bench() == [
        "bench_svd: skipped, torch finds no GPU here (--dry-run tries it on the CPU, with tiny networks)"
    ]


def test_a_dry_run_goes_through_all_of_it(bench):
    said = bench("--dry-run")
    assert said[0] == "a dry run: tiny networks on the CPU; the figures mean nothing"
    rows = [line.split() for line in said[2:4]]
    assert [row[:2] for row in rows] == [["2", "64x64"], ["3", "128x64"]]
    assert all(float(row[-1].rstrip("%")) < 2 for row in rows)
    assert said[4].startswith("training: ")


@pytest.mark.parametrize(
    ("overlap", "chained", "borders"),
    [(0, False, [3, 6]), (1, True, [4, 7]), (1, False, [3, 4, 6, 7])],
    ids=["apart", "chained", "blended"],
)
def test_borders_are_where_windows_pass_a_shot_on(overlap, chained, borders):
    laid = plan(range(8), [0], Windowing("1", 4 if overlap else 3, overlap, tracks=False, chained=chained))
    truth = np.zeros((8, 2, 2, 3), np.float32)
    made = truth + np.arange(8, dtype=np.float32)[:, None, None, None] / 10
    carried = Carried.of(made, truth, laid, chained, 0.0)
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
