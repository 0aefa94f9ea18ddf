"""A model at work: image encoders and U-Net, on their device, in their precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from relumix.engines.svd.image_encoders import ImageEncoders, at_work, bytes_of, half_autocast
from relumix.engines.svd.loading import DTYPES, UNREADABLE, read_json, unreadable, weight_files
from relumix.engines.svd.memory import Weights, free_bytes
from relumix.engines.svd.network import RelightUNet, lay_channels_last
from relumix.engines.svd.options import SvdOptions
from relumix.errors import InputError


class SvdModel:
    """A model that is loaded.

    device     where it works.
    precision  "fp32", "fp16", "bf16" or "autocast": what the U-Net comes in.
    """

    def __init__(
        self,
        unet: RelightUNet,
        encoders: ImageEncoders,
        *,
        device: torch.device,
        precision: str,
        offload: bool = False,
        compile: bool = False,
    ) -> None:
        self.encoders, self.device, self.precision = encoders, device, precision
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
        encoders = ImageEncoders.load(
            folder,
            place,
            precision=precision,
            encode_precision=options.encode_precision,
            decode_precision=options.decode_precision,
            offload=options.offload,
        )
        unet = load_unet(folder / "unet", DTYPES[precision])
        return cls(unet, encoders, device=place, precision=precision, offload=options.offload, compile=options.compile)

    @property
    def weights(self) -> Weights:
        """How much memory the parts take."""
        vae, image_encoder = self.encoders.weight_bytes
        half = self.precision == "autocast"  # what is computed is not what is kept
        value_bytes = 2 if half else DTYPES[self.precision].itemsize
        return Weights(bytes_of(self._unet), vae, image_encoder, value_bytes, self.encoders.decoder_dtype.itemsize)

    def free_bytes(self) -> int | None:
        """Return what the device has for this model, its weights included; None where that cannot be told."""
        free = free_bytes(self.device)
        return None if free is None else free + (0 if self._offload else self.weights.all)

    @contextmanager
    def denoiser(self) -> Iterator[RelightUNet]:
        """Have the U-Net on the device, compiled where that was asked for."""
        half = half_autocast(self.device) if self.precision == "autocast" else nullcontext()
        with at_work(self._unet, self.device, self._offload), half:
            yield self._call


def load_unet(folder: Path, dtype: torch.dtype) -> RelightUNet:
    """Load the network from its folder, in full precision or as its only variant. Raises InputError."""
    variant, _ = weight_files(folder)
    read_json(folder / "config.json")
    try:
        return RelightUNet.from_pretrained(folder, torch_dtype=dtype, use_safetensors=True, variant=variant)
    except UNREADABLE as error:
        raise unreadable(folder, error) from error


def device_of(name: str, who: str = "engine svd") -> torch.device:
    """Return the device that "auto", "cpu" or "cuda" means here. Raises InputError, which says who asked."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(f"{who} was asked for on cuda, and torch finds no such device: expected auto or cpu")
    return torch.device(name)
