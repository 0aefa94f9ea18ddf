"""The bench of the svd engine runs, though its figures mean something on a GPU alone."""

import sys

import pytest
import torch

from tests.benchmarks import bench_svd


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
