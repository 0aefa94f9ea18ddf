"""How much memory a clip takes, before it is run: counted, not tried.

The factors were found by running diffusers' full-size networks on tensors without data and counting the bytes that live
at once (tests/benchmarks/bench_svd_memory.py does it again), attention taken as flash attention, which keeps no
scores. What drivers and allocators add is a guess: a fifth, and half a gibibyte.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from relumix.errors import InputError

UNET_VALUES_A_LATENT = 9_100
"""Values that live at once in the U-Net, for each latent pixel of each frame of each branch."""

DECODER_VALUES_A_PIXEL = 1_030
ENCODER_VALUES_A_PIXEL = 650
"""The same in the VAE, for each pixel of each frame at work."""

_OVERHEAD, _CONTEXT_BYTES = 1.2, 1 << 29
_GIB = float(1 << 30)


@dataclass(frozen=True)
class Footprint:
    """Bytes that a clip takes.

    weights  of what is on the device while the largest part works.
    work     of that part, on top.
    """

    weights: int
    work: int

    @property
    def total(self) -> int:
        """All of it."""
        return round(self.weights + _OVERHEAD * self.work) + _CONTEXT_BYTES


@dataclass(frozen=True)
class Weights:
    """Bytes of each part's weights.

    value_bytes, decoder_bytes  of one value that the U-Net makes, and the VAE's decoder.
    """

    unet: int
    vae: int
    image_encoder: int
    value_bytes: int
    decoder_bytes: int

    @property
    def all(self) -> int:
        """Of all parts."""
        return self.unet + self.vae + self.image_encoder


def footprint(
    weights: Weights, size: tuple[int, int], frames: int, *, batched: bool, vae_slice: int, offload: bool
) -> Footprint:
    """Return what a clip of `frames` takes.

    size       (height, width) of the network's picture, multiples of 64.
    batched    whether both branches of guidance run at once.
    vae_slice  frames that the VAE decodes at once.
    offload    whether only what works is on the device.
    """
    pixels = size[0] * size[1]
    unet = frames * (pixels // 64) * (2 if batched else 1) * UNET_VALUES_A_LATENT * weights.value_bytes
    decoder = min(frames, vae_slice) * pixels * DECODER_VALUES_A_PIXEL * weights.decoder_bytes
    encoder = pixels * ENCODER_VALUES_A_PIXEL * 4
    vae = max(decoder, encoder)
    if not offload:
        return Footprint(weights.all, max(unet, vae))
    return max(
        Footprint(weights.unet, unet),
        Footprint(weights.vae, vae),
        Footprint(weights.image_encoder, 0),
        key=lambda each: each.total,
    )


def batched_if_it_fits(
    weights: Weights,
    size: tuple[int, int],
    frames: int,
    *,
    guidance: str,
    vae_slice: int,
    offload: bool,
    on_gpu: bool,
    free_bytes: int | None,
) -> bool:
    """Return whether both branches of guidance are to run at once.

    guidance    "batched", "in_turn", or "auto" for the first of them that fits.
    on_gpu      whether parts can be elsewhere while they do not work.
    free_bytes  of the device, with weights that are on it already counted as free; None where nobody knows.

    Raises InputError, with advice, where a clip does not fit.
    """
    ways = {"auto": (True, False), "batched": (True,), "in_turn": (False,)}[guidance]
    needed = {
        batched: footprint(weights, size, frames, batched=batched, vae_slice=vae_slice, offload=offload).total
        for batched in ways
    }
    for batched, total in needed.items():
        if free_bytes is None or total <= free_bytes:
            return batched
    assert free_bytes is not None
    height, width = size
    advice = [
        *(["guidance=in_turn"] if guidance == "batched" else []),
        *(["vae_slice=1"] if vae_slice > 1 else []),
        *(["offload=true"] if on_gpu and not offload else []),
        f"fewer frames at once ({frames} now: windows=anchored, or a smaller window)",
        "a smaller --work-size, or crop",
    ]
    raise InputError(
        f"engine svd needs about {min(needed.values()) / _GIB:.1f} GiB for {frames} frames of {width}x{height} and "
        f"{free_bytes / _GIB:.1f} GiB are free: try {', '.join(advice)} (engine options but --work-size)"
    )


def free_bytes(device: torch.device) -> int | None:
    """Return how many bytes a device has left, None where that cannot be told.

    What torch's allocator holds and nothing uses counts as free: to the driver it is taken, and the next clip gets it.
    """
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), None)
