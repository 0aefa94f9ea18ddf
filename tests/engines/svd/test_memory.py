"""What a clip takes, and what is there for it."""

import pytest
import torch

from relumix.engines.registry import load_engine
from relumix.engines.svd import memory
from relumix.engines.svd.memory import Weights, batched_if_it_fits, footprint, free_bytes
from relumix.engines.svd.options import SvdOptions
from relumix.errors import InputError
from tests.benchmarks.bench_svd_memory import counted

GIB = 1 << 30
WEIGHTS = Weights(3 * GIB, GIB >> 2, GIB, 2, 2)
SIZE = (576, 1024)


def test_the_factors_are_what_the_full_size_networks_are_counted_to_take():
    factors = counted()
    assert factors
    for name, factor in factors.items():
        assert factor <= getattr(memory, name) <= 1.05 * factor, name


def test_what_does_not_fit_is_refused_with_advice():
    options = {"vae_slice": 4, "offload": False}
    both, one = (footprint(WEIGHTS, SIZE, 61, batched=b, **options).total for b in (True, False))
    assert both > one
    fits = {"weights": WEIGHTS, "size": SIZE, "frames": 61, "on_gpu": True, **options}
    assert batched_if_it_fits(**fits, guidance="auto", free_bytes=both)
    assert not batched_if_it_fits(**fits, guidance="auto", free_bytes=one)
    with pytest.raises(InputError) as caught:
        batched_if_it_fits(**fits, guidance="batched", free_bytes=one)
    for advice in ("61 frames of 1024x576", "guidance=in_turn", "vae_slice=1", "offload=true", "windows=anchored"):
        assert advice in str(caught.value)
    with pytest.raises(InputError) as caught:
        batched_if_it_fits(**{**fits, "on_gpu": False}, guidance="auto", free_bytes=GIB)
    assert str(caught.value).endswith(
        "GiB for 61 frames of 1024x576 and 1.0 GiB are free: try vae_slice=1, fewer frames at once (61 now: "
        "windows=anchored, or a smaller window), a smaller --work-size, or crop (engine options but --work-size)"
    )


def test_a_decoder_in_full_precision_takes_twice_as_much():
    full = Weights(3 * GIB, GIB >> 2, GIB, 2, 4)
    half, whole = (footprint(w, (512, 512), 14, batched=False, vae_slice=14, offload=False) for w in (WEIGHTS, full))
    assert whole.work == 2 * half.work


class Driver:
    """Stands in for CUDA's statistics: a GPU, and what torch's allocator has of it."""

    def __init__(self, monkeypatch, total):
        self.total, self.reserved, self.allocated = total, 0, 0
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (self.total - self.reserved, self.total))
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: self.reserved)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: self.allocated)

    def works(self, weights, work):
        """A clip is done: its memory stays with the allocator, and what lives on is the weights."""
        self.reserved, self.allocated = weights + work, weights


def test_what_the_allocator_holds_and_nothing_uses_is_free(monkeypatch):
    driver = Driver(monkeypatch, 24 * GIB)
    assert free_bytes(torch.device("cuda")) == 24 * GIB
    driver.works(4 * GIB, 18 * GIB)
    assert free_bytes(torch.device("cuda")) == 20 * GIB


def test_a_second_shot_in_one_process_is_not_refused(model, monkeypatch):
    engine = load_engine("svd", model=model, device="cpu", options=["window=30"])
    loaded = engine._model
    needed = footprint(loaded.weights, (64, 64), 30, batched=True, vae_slice=4, offload=False)
    driver = Driver(monkeypatch, needed.total + (1 << 20))
    driver.works(loaded.weights.all, 0)
    monkeypatch.setattr(loaded, "device", torch.device("cuda"))

    def fits():
        from relumix.engines.svd.clip_sampler import ClipSampler

        return ClipSampler(loaded, SvdOptions().changed(["window=30"]), (48, 64)).batched(30)

    assert fits()
    driver.works(loaded.weights.all, needed.work)
    assert fits()
