"""A model at work: eyes and U-Net, on their device, in their precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from relumix.engines.svd.eyes import DTYPES, Eyes, at_work, bytes_of, load_part
from relumix.engines.svd.memory import Weights, free_bytes
from relumix.engines.svd.network import RelightUNet
from relumix.engines.svd.options import SvdOptions
from relumix.errors import InputError


class SvdModel:
    """A model that is loaded.

    device     where it works.
    precision  "fp32", "fp16" or "bf16": what the U-Net comes in.
    """

    def __init__(
        self,
        unet: RelightUNet,
        eyes: Eyes,
        *,
        device: torch.device,
        precision: str,
        offload: bool = False,
        compile: bool = False,
    ) -> None:
        self.eyes, self.device, self.precision, self.compiled = eyes, device, precision, compile
        self._offload = offload
        self._unet = unet.to(torch.device("cpu") if offload else device).eval().requires_grad_(False)
        if device.type == "cuda":
            lay_channels_last(self._unet)
        self._call: Any = torch.compile(self._unet, dynamic=False) if compile else self._unet

    @classmethod
    def load(cls, folder: Path, device: str, options: SvdOptions) -> SvdModel:
        """Load a model.

        folder  as relumix.engines.svd.weights.model_folder returns it.
        device  "auto", "cpu" or "cuda".

        Raises InputError where the device cannot be used, or the files are not such a model's.
        """
        place = device_of(device)
        if place.type == "cpu" and (options.compile or options.offload):
            wanted = "compile" if options.compile else "offload"
            raise InputError(f"svd's {wanted} is for a GPU: got device cpu, leave it out")
        precision = options.precision
        if precision == "auto":
            precision = "fp16" if place.type == "cuda" else "fp32"
        eyes = Eyes.load(folder, place, precision=precision, offload=options.offload)
        unet = load_part(RelightUNet, folder / "unet", DTYPES[precision])
        return cls(unet, eyes, device=place, precision=precision, offload=options.offload, compile=options.compile)

    @property
    def weights(self) -> Weights:
        """How much memory the parts take."""
        vae, image_encoder = self.eyes.weight_bytes
        return Weights(bytes_of(self._unet), vae, image_encoder, DTYPES[self.precision].itemsize)

    def free_bytes(self) -> int | None:
        """Return what the device has for this model, its weights included; None where that cannot be told."""
        free = free_bytes(self.device)
        return None if free is None else free + (0 if self._offload else self.weights.all)

    @contextmanager
    def denoiser(self) -> Iterator[RelightUNet]:
        """Have the U-Net on the device, compiled where that was asked for."""
        with at_work(self._unet, self.device, self._offload):
            yield self._call


def lay_channels_last(network: nn.Module) -> None:
    """Lay the weights of 2D convolutions out as GPUs like them; torch refuses to do it where there are 3D ones too."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def device_of(name: str) -> torch.device:
    """Return the device that "auto", "cpu" or "cuda" means here. Raises InputError."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("engine svd was asked for on cuda, and torch finds no such device: expected auto or cpu")
    return torch.device(name)
