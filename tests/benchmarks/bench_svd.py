"""How fast the svd network is, and how much memory it takes: full size, random weights, 25 steps with guidance.

    python tests/benchmarks/bench_svd.py [--frames 14,30,61] [--json FILE]     on a GPU
    python tests/benchmarks/bench_svd.py --dry-run     tiny networks, on the CPU: does it run; half a minute
    python tests/benchmarks/bench_svd.py --count       what relumix.engines.svd.memory counts on; no GPU; as long

Each clip is sampled and decoded twice: as the engine does it (half precision, compiled, the VAE by slices), and plainly
(weights in float32 under autocast, not compiled, the whole clip in the VAE at once), with the same weights and noise.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import weakref
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  as everyone calls it
from diffusers import AutoencoderKLTemporalDecoder
from relumix.engines.svd.canvas import NetworkCanvas
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from relumix.engines.svd.memory import Weights, footprint
from relumix.engines.svd.model import lay_channels_last
from relumix.engines.svd.network import RelightUNet
from relumix.engines.svd.sampler import sample, vector_conditioning
from relumix.train.svd import SvdTask

GIB = 1 << 30
VAE = {"block_out_channels": (128, 256, 512, 512), "down_block_types": ("DownEncoderBlock2D",) * 4}
TINY_UNET = {
    "block_out_channels": (32, 32, 64, 64),
    "num_attention_heads": (1, 1, 2, 2),
    "layers_per_block": 1,
    "cross_attention_dim": 32,
    "vector_dims": (8, 16),
}
TINY_VAE = {**VAE, "block_out_channels": (32, 32, 32, 32), "layers_per_block": 1}
PUBLISHED_GIB = {6: 24, 14: 32, 61: 80}
PUBLISHED_H100_HOURS = 12


@dataclass(frozen=True)
class Run:
    """One clip: seconds and peak memory of both ways, and how far their latents are apart (relative L2)."""

    frames: int
    width: int
    height: int
    seconds: float
    plain_seconds: float
    peak_gib: float
    plain_peak_gib: float
    estimated_gib: float
    difference: float


@dataclass(frozen=True)
class Bench:
    """What is measured, where.

    dry  tiny networks and few steps, on the CPU: figures mean nothing.
    """

    device: torch.device
    dry: bool
    steps: int

    def networks(self) -> tuple[RelightUNet, AutoencoderKLTemporalDecoder]:
        """Random weights, float32."""
        torch.manual_seed(1)
        with self.device:
            unet = RelightUNet(**TINY_UNET) if self.dry else RelightUNet()
            vae = AutoencoderKLTemporalDecoder(**(TINY_VAE if self.dry else {**VAE, "layers_per_block": 2}))
        return unet.eval().requires_grad_(False), vae.eval().requires_grad_(False)

    def clip(self, unet: RelightUNet, frames: int, width: int, height: int) -> dict[str, Tensor]:
        """Random inputs of the sampler."""
        draw = torch.Generator().manual_seed(2)
        shape, clip_width = (frames, 4, height // 8, width // 8), unet.config.cross_attention_dim // 2
        made = {
            "noise": torch.randn(shape, generator=draw),
            "source_latents": torch.randn(shape, generator=draw),
            "reference_latents": torch.randn(shape[1:], generator=draw),
            "source_clip": torch.randn(frames, 1, clip_width, generator=draw),
            "reference_clip": torch.randn(1, clip_width, generator=draw),
            "vector": vector_conditioning(15, 0.02, unet.config.vector_dims),
        }
        return {name: value.to(self.device) for name, value in made.items()}

    def measured(self, work: Callable[[], Tensor]) -> tuple[Tensor, float, float]:
        """Return what work returns, its seconds, and the most memory that was in use, in GiB."""
        if self.device.type != "cuda":
            began = time.perf_counter()
            return work(), time.perf_counter() - began, 0.0
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        began = time.perf_counter()
        result = work()
        torch.cuda.synchronize()
        return result, time.perf_counter() - began, torch.cuda.max_memory_allocated() / GIB

    def run(self, frames: int, width: int, height: int) -> Run:
        """Measure one clip both ways, plainly first."""
        unet, vae = self.networks()
        clip = self.clip(unet, frames, width, height)

        def plainly() -> Tensor:
            with torch.inference_mode(), torch.autocast(self.device.type, self._half):
                latents = sample(unet, **clip, steps=self.steps)
                vae.decode(latents / vae.config.scaling_factor, num_frames=frames)
            return latents

        expected, plain_seconds, plain_peak = self.measured(plainly)
        for part in (unet, vae):
            torch.nn.Module.to(part, self._half)  # diffusers' own warns of layers to be kept, and names none
        if self.device.type == "cuda":
            lay_channels_last(unet)
        denoiser = torch.compile(unet, dynamic=False) if self.device.type == "cuda" else unet

        def quickly(steps: int = self.steps) -> Tensor:
            with torch.inference_mode():
                latents = sample(denoiser, **clip, steps=steps)
                for part in (latents / vae.config.scaling_factor).to(self._half).split(4):
                    vae.decode(part, num_frames=len(part))
            return latents

        quickly(1)  # what is compiled once for all clips does not count
        made, seconds, peak = self.measured(quickly)
        difference = float((made - expected).norm() / expected.norm())
        parts = (sum(p.numel() * p.element_size() for p in part.parameters()) for part in (unet, vae))
        canvas = NetworkCanvas.fit(height, width, width * height)
        weights = Weights(*parts, image_encoder=0, value_bytes=2)
        need = footprint(weights, canvas, frames, batched=True, vae_slice=4, offload=False).total / GIB
        return Run(frames, width, height, seconds, plain_seconds, peak, plain_peak, need, difference)

    @property
    def _half(self) -> torch.dtype:
        return torch.float16 if self.device.type == "cuda" else torch.bfloat16

    def training(self, frames: int, edge_px: int) -> tuple[float, float]:
        """Return clips an hour of training steps in bf16, latents at hand, and the peak in GiB."""
        torch.manual_seed(1)
        unet = (RelightUNet(**TINY_UNET) if self.dry else RelightUNet()).to(self.device)
        unet.enable_gradient_checkpointing()
        task = SvdTask(base=Path(), data=Path(), frames=frames)
        optimizer = task.optimizer(list(unet.parameters()), 2e-5)
        inputs = self.clip(unet, frames, edge_px, edge_px)
        batch = {
            "target": inputs["noise"][None],
            "source": inputs["source_latents"][None],
            "reference": inputs["source_latents"][None],
            "source_clip": inputs["source_clip"][None],
            "reference_clip": inputs["reference_clip"][None],
        }
        generator = torch.Generator(self.device).manual_seed(3)

        def learn(steps: int) -> Tensor:
            for step in range(steps):
                with torch.autocast(self.device.type, torch.bfloat16):
                    loss, _ = task.loss(unet, batch, step, generator)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            return loss

        learn(2)
        steps = 2 if self.dry else 20
        _, seconds, peak = self.measured(lambda: learn(steps))
        return 3600 * steps / seconds, peak


class Living(TorchDispatchMode):
    """Counts the bytes of all tensors that live at once, made while it is on."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[int, int] = {}
        self.peak = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        inputs = {t.untyped_storage()._cdata for t in tree_flatten((args, kwargs))[0] if isinstance(t, Tensor)}
        for tensor in tree_flatten(out)[0]:
            if isinstance(tensor, Tensor) and (key := tensor.untyped_storage()._cdata) not in inputs | set(self._sizes):
                self._sizes[key] = tensor.untyped_storage().nbytes()
                weakref.finalize(tensor.untyped_storage(), self._sizes.pop, key, None)
                self.peak = max(self.peak, sum(self._sizes.values()))
        return out


def counted() -> dict[str, float]:
    """Return the factors of relumix.engines.svd.memory by name, counted on tensors without data."""

    def flash(query: Tensor, key: Tensor, value: Tensor, *args: object, **kwargs: object) -> Tensor:
        return query.new_empty((*query.shape[:-1], value.shape[-1]))

    frames, side = 14, 64
    pixels = (8 * side) ** 2
    exact, F.scaled_dot_product_attention = F.scaled_dot_product_attention, flash
    try:
        with torch.device("meta"), torch.no_grad():
            unet, vae = RelightUNet(), AutoencoderKLTemporalDecoder(**VAE, layers_per_block=2)
            for network in (unet, vae):
                for module in network.modules():  # some are made on the CPU whatever is asked
                    for name, parameter in module.named_parameters(recurse=False):
                        setattr(module, name, torch.nn.Parameter(parameter.to("meta"), requires_grad=False))
            shapes = ((12, side, side), (1, 2048), (768,))
            latents, context, vector = (torch.empty(2, frames, *shape) for shape in shapes)
            works = (
                ("UNET_VALUES_A_LATENT", 2 * frames * side**2, lambda: unet(latents, torch.empty(1), context, vector)),
                ("DECODER_VALUES_A_PIXEL", 4 * pixels, lambda: vae.decode(torch.empty(4, 4, side, side), 4)),
                ("ENCODER_VALUES_A_PIXEL", pixels, lambda: vae.encode(torch.empty(1, 3, 8 * side, 8 * side))),
            )
            found = {}
            for name, values, work in works:
                with Living() as living:
                    work()
                found[name] = living.peak / values / 4
            return found
    finally:
        F.scaled_dot_product_attention = exact


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", default="14,30,61")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--count", action="store_true")
    args = parser.parse_args()
    if args.count:
        for name, factor in counted().items():
            print(f"{name} {factor:.0f}")
        return
    if not (args.dry_run or torch.cuda.is_available()):
        print("bench_svd: skipped, torch finds no GPU here (--dry-run tries it on the CPU, with tiny networks)")
        return
    bench = Bench(torch.device("cpu" if args.dry_run else "cuda"), args.dry_run, 2 if args.dry_run else 25)
    sizes = [(int(n), 512, 512) for n in args.frames.split(",")] + [(14, 1024, 576)]
    if args.dry_run:
        print("a dry run: tiny networks on the CPU; the figures mean nothing")
        sizes = [(2, 64, 64), (3, 128, 64)]
    else:
        print(torch.cuda.get_device_name())
    print("frames       size   seconds   plain      GiB   plain  estimated  published   latents apart")
    runs = []
    for size in sizes:
        run = bench.run(*size)
        runs.append(run)
        print(
            f"{run.frames:6} {run.width:5}x{run.height:<4} {run.seconds:9.1f} {run.plain_seconds:7.1f} "
            f"{run.peak_gib:8.1f} {run.plain_peak_gib:7.1f} {run.estimated_gib:10.1f} "
            f"{PUBLISHED_GIB.get(run.frames, '') if run.width == 512 else '':>10} {run.difference:14.2%}"
        )
        sys.stdout.flush()
    hourly, peak = bench.training(2 if args.dry_run else 14, 64 if args.dry_run else 512)
    print(f"training: {hourly:.0f} clips an hour, {peak:.1f} GiB; the published run took {PUBLISHED_H100_HOURS} hours")
    print(f"20,000 steps of one clip would take {20_000 / hourly:.1f} hours")
    if args.json:
        args.json.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")


if __name__ == "__main__":
    main()
