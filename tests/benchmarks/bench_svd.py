"""How long the svd network takes, and how much memory: full size, random weights, in a few minutes of one GPU.

    python tests/benchmarks/bench_svd.py [--minutes 4]     with a Python that has torch and diffusers
    python tests/benchmarks/bench_svd.py --tiny            tiny networks, on the CPU: does it run; figures mean nothing

What tells most comes first, and every line is out as soon as it is known: where the time ends, or memory does, what was
measured stands. A step is one of the sampler's 25, both branches of guidance together; memory is the peak that torch
allocated, and what it reserved.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import AutoencoderKLTemporalDecoder
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from relumix.engines.svd.edm import loss_weight, precondition
from relumix.engines.svd.memory import Weights, footprint
from relumix.engines.svd.network import RelightUNet, lay_channels_last
from relumix.engines.svd.sampler import sample, vector_conditioning

GIB = 1 << 30
PUBLISHED_GIB = {6: 24, 14: 32, 61: 80}
"""What the authors' inference takes at 512x512, as published."""

VAE_DOWN = ("DownEncoderBlock2D",) * 4
SLICE = 4  # frames that the VAE decodes at once, as the engine does by default
STEPS = 4  # that are measured at once


@dataclass(frozen=True)
class Sizes:
    """(width, height) of pictures, and the networks' own sizes."""

    square: tuple[int, int] = (512, 512)
    default: tuple[int, int] = (768, 448)
    large: tuple[int, int] = (1024, 576)
    unet: dict[str, object] = field(default_factory=dict)
    vae: tuple[int, ...] = (128, 256, 512, 512)
    vae_layers: int = 2


TINY = Sizes(
    (64, 64),
    (128, 64),
    (128, 128),
    {
        "block_out_channels": (32, 32, 64, 64),
        "num_attention_heads": (1, 1, 2, 2),
        "layers_per_block": 1,
        "cross_attention_dim": 32,
        "vector_dims": (8, 16),
    },
    (32, 32, 64, 64),
    1,
)


class Bench:
    """Networks with random weights on a device, and a clock.

    seconds  after which nothing more is begun; now: of the clock.
    """

    def __init__(self, sizes: Sizes, device: torch.device, seconds: float, now: Callable[[], float]) -> None:
        self.sizes, self.device, self._seconds, self._now, self._began = sizes, device, seconds, now, now()
        self.half = torch.float16 if device.type == "cuda" else torch.float32
        torch.manual_seed(1)
        with device:
            self.unet = RelightUNet(**sizes.unet).eval().requires_grad_(False)
            self.vae = AutoencoderKLTemporalDecoder(
                block_out_channels=sizes.vae, down_block_types=VAE_DOWN, layers_per_block=sizes.vae_layers
            )
        self.vae.eval().requires_grad_(False)

    def say(self, *words: object) -> None:
        """Print a line, with the seconds since the beginning."""
        print(f"[{self._now() - self._began:6.1f} s]", *words, flush=True)

    def left(self) -> float:
        """Seconds that are left."""
        return self._seconds - (self._now() - self._began)

    def measure(self, label: str, work: Callable[[], Tensor], per: int = 1, needs: float = 5.0) -> Tensor | None:
        """Run, say how long and how much, and return the result; None where there was no time or memory for it.

        per    by how many the seconds are divided as well.
        needs  seconds that must be left to begin it.
        """
        if self.left() < needs:
            self.say(f"{label}: left out, {max(0.0, self.left()):.0f} s are left")
            return None
        try:
            result, seconds, memory = self._timed(work)
        except torch.cuda.OutOfMemoryError as error:
            self.say(f"{label}: out of memory: {str(error).splitlines()[0]}")
            traceback.clear_frames(error.__traceback__)  # which else keep what there was
            return None
        self.say(f"{label}: {seconds / per:.3f} s each, {seconds:.2f} s in all{memory}")
        return result

    def _timed(self, work: Callable[[], Tensor]) -> tuple[Tensor, float, str]:
        if self.device.type != "cuda":
            began = self._now()
            return work(), self._now() - began, ""
        torch.cuda.empty_cache()
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        began = self._now()
        result = work()
        torch.cuda.synchronize()
        peaks = torch.cuda.max_memory_allocated() / GIB, torch.cuda.max_memory_reserved() / GIB
        return result, self._now() - began, f"; {peaks[0]:.2f} GiB allocated, {peaks[1]:.2f} reserved"

    def clip(self, frames: int, size: tuple[int, int]) -> dict[str, Tensor]:
        """Random inputs of the sampler."""
        draw = torch.Generator().manual_seed(2)
        width, height = size
        latents, clip_width = (frames, 4, height // 8, width // 8), self.unet.config.cross_attention_dim // 2
        made = {
            "noise": torch.randn(latents, generator=draw),
            "source_latents": torch.randn(latents, generator=draw),
            "reference_latents": torch.randn(latents[1:], generator=draw),
            "source_clip": torch.randn(frames, 1, clip_width, generator=draw),
            "reference_clip": torch.randn(1, clip_width, generator=draw),
            "vector": vector_conditioning(15, 0.02, self.unet.config.vector_dims),
        }
        return {name: value.to(self.device) for name, value in made.items()}

    @torch.no_grad()
    def sampled(self, clip: dict[str, Tensor], steps: int, *, batched: bool = True, network: object = None) -> Tensor:
        """Run the sampler."""
        return sample(network or self.unet, **clip, steps=steps, batched=batched)

    # What is measured, in its order.

    def run(self) -> None:
        """Measure all that there is time for."""
        self.say(torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu", "torch", torch.__version__)
        clip = self.clip(14, self.sizes.square)
        plain = self.as_published(clip)
        self.in_half(clip, plain)
        self.vae_alone()
        for frames, size in ((14, self.sizes.default), (61, self.sizes.square), (30, self.sizes.large)):
            self.other_shapes(frames, size)
        self.training()
        self.compiled(clip)
        self.say("done")

    def as_published(self, clip: dict[str, Tensor]) -> Tensor | None:
        """float32 weights under autocast, both branches at once."""

        def steps(count: int) -> Tensor:
            with torch.autocast(self.device.type, self.half, enabled=self.device.type == "cuda"):
                return self.sampled(clip, count)

        label = f"as published (autocast), 14 frames of {_size(self.sizes.square)}, a step"
        self.measure("warming up", lambda: steps(1))
        self.measure(f"{label} (published: {PUBLISHED_GIB[14]} GB)", lambda: steps(STEPS), STEPS)
        with torch.no_grad():
            return self.measure("the same, 2 steps to compare", lambda: steps(2))

    def in_half(self, clip: dict[str, Tensor], plain: Tensor | None) -> None:
        """The engine's own way: half precision, convolutions as GPUs like them; and what that changes."""
        for part in (self.unet, self.vae.decoder):
            torch.nn.Module.to(part, self.half)  # diffusers' own warns of layers to be kept, and names none
        if self.device.type == "cuda":
            lay_channels_last(self.unet)
        where = f"the engine's (fp16), 14 frames of {_size(self.sizes.square)}, a step"
        self.measure("warming up", lambda: self.sampled(clip, 1))
        self.measure(f"{where}, batched", lambda: self.sampled(clip, STEPS), STEPS)
        self.measure(f"{where}, in turn", lambda: self.sampled(clip, STEPS, batched=False), STEPS)
        made = self.measure("the same, 2 steps to compare", lambda: self.sampled(clip, 2))
        if plain is not None and made is not None:
            apart = float((made - plain).norm() / plain.norm())
            self.say(f"latents of the two ways are apart by {apart:.2e} (relative L2); finite: {made.isfinite().all()}")

    @torch.no_grad()
    def vae_alone(self) -> None:
        """The VAE: a frame encoded in float32, one by one; latents decoded in slices."""
        width, height = self.sizes.square
        picture = torch.randn(1, 3, height, width, device=self.device)
        latents = torch.randn(14, 4, height // 8, width // 8, device=self.device, dtype=self.half)

        def encoded(count: int) -> Tensor:
            return torch.cat([self.vae.encode(picture).latent_dist.mode() for _ in range(count)])

        self.measure("warming up", lambda: encoded(1))
        self.measure(
            f"VAE, a frame of {_size(self.sizes.square)} encoded",
            lambda: encoded(SLICE),
            SLICE,
        )
        for size in (SLICE, 14):
            self.measure(
                f"VAE, a frame of {_size(self.sizes.square)} decoded, {size} at once",
                lambda size=size: [self.vae.decode(part, num_frames=len(part)).sample for part in latents.split(size)][
                    -1
                ],
                len(latents),
            )

    def other_shapes(self, frames: int, size: tuple[int, int]) -> None:
        """A step of another clip, both ways, beside what the engine thinks that it takes."""
        weights = Weights(_bytes(self.unet), _bytes(self.vae), 0, self.half.itemsize, self.half.itemsize)
        published = f", published: {PUBLISHED_GIB[frames]} GB" if size == (512, 512) else ""
        for batched in (True, False):
            need = footprint(weights, size[::-1], frames, batched=batched, vae_slice=SLICE, offload=False).total / GIB
            way = "batched" if batched else "in turn"
            label = f"{frames} frames of {_size(size)}, {way}, a step (estimated {need:.1f} GiB{published})"
            self.measure(
                label, lambda batched=batched: self.sampled(self.clip(frames, size), 1, batched=batched), 1, 15
            )

    def training(self) -> None:
        """A step of training in bf16 with gradient checkpointing, latents at hand."""
        unet = self.unet
        torch.nn.Module.to(unet, torch.float32)
        unet.enable_gradient_checkpointing()
        unet.train().requires_grad_(True)
        self._train(torch.optim.Adam(unet.parameters(), lr=2e-5))
        unet.zero_grad(set_to_none=True)
        unet.disable_gradient_checkpointing()
        torch.nn.Module.to(unet.eval().requires_grad_(False), self.half)

    def _train(self, optimizer: torch.optim.Optimizer) -> None:
        clip = self.clip(14, self.sizes.square)
        level = torch.tensor(2.0, device=self.device)
        c_skip, c_out, c_in, c_noise = precondition(level)
        noisy = clip["noise"] + level * clip["source_latents"]
        inputs = torch.cat([c_in * noisy, clip["source_latents"], clip["reference_latents"].expand_as(noisy)], 1)
        context = torch.cat([clip["source_clip"], clip["reference_clip"].expand_as(clip["source_clip"])], -1)

        def steps(count: int) -> Tensor:
            for _ in range(count):
                with torch.autocast(self.device.type, torch.bfloat16):
                    out = self.unet(inputs, c_noise, context, clip["vector"].expand(len(inputs), -1)).float()
                loss = (loss_weight(level) * (c_skip * noisy + c_out * out - clip["noise"]).square()).mean()
                loss.backward()
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            return loss.detach()

        label = f"training, a clip of 14 frames of {_size(self.sizes.square)}"
        if self.measure("warming up", lambda: steps(1), 1, 25) is not None:
            self.measure(f"{label} (published: 12 hours in all on an H100)", lambda: steps(2), 2, 15)

    def compiled(self, clip: dict[str, Tensor]) -> None:
        """torch.compile, of one shape: what is left of the time goes to it."""
        if self.device.type != "cuda":
            self.say("compiled: left out without a GPU")
            return
        network = torch.compile(self.unet, dynamic=False)
        if self.measure("compiling", lambda: self.sampled(clip, 1, network=network), 1, 90) is not None:
            label = f"compiled (fp16), 14 frames of {_size(self.sizes.square)}, a step, batched"
            self.measure(label, lambda: self.sampled(clip, STEPS, network=network), STEPS)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _bytes(part: torch.nn.Module) -> int:
    return sum(each.numel() * each.element_size() for each in part.parameters())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=4.0, metavar="N", help="that it may take (4)")
    parser.add_argument("--tiny", action="store_true", help="tiny networks on the CPU: does it run")
    args = parser.parse_args()
    if not (args.tiny or torch.cuda.is_available()):
        print("bench_svd: skipped, torch finds no GPU here (--tiny tries it on the CPU, with tiny networks)")
        return
    device = torch.device("cpu" if args.tiny else "cuda")
    Bench(TINY if args.tiny else Sizes(), device, 60 * args.minutes, time.perf_counter).run()


if __name__ == "__main__":
    main()
