"""The parts of a model at work: VAE, image encoder and U-Net, on their device, in their precision."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLTemporalDecoder
from torch import Tensor, nn
from transformers import CLIPVisionModelWithProjection
from transformers.utils.logging import disable_progress_bar

from relumix.engines.base import Float32
from relumix.engines.svd.memory import Weights, free_bytes
from relumix.engines.svd.network import RelightUNet
from relumix.engines.svd.options import SvdOptions
from relumix.errors import InputError

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_CLIP_MEAN, _CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class SvdModel:
    """A model that is loaded. Latents are float32 on the CPU between its parts, pictures float32 in -1..1.

    device     where it works.
    image_encoder  a CLIPVisionModelWithProjection, whose types forbid to move it.
    precision  "fp32", "fp16" or "bf16": what U-Net and image encoder come in; the VAE comes in fp32.
    """

    def __init__(
        self,
        unet: RelightUNet,
        vae: AutoencoderKLTemporalDecoder,
        image_encoder: Any,
        *,
        device: torch.device,
        precision: str,
        offload: bool = False,
        compile: bool = False,
        clip_mean: Sequence[float] = _CLIP_MEAN,
        clip_std: Sequence[float] = _CLIP_STD,
    ) -> None:
        self.device, self.precision, self._offload, self.compiled = device, precision, offload, compile
        home = torch.device("cpu") if offload else device
        self._unet = unet.to(home).eval().requires_grad_(False)
        if device.type == "cuda":
            self._unet.to(memory_format=torch.channels_last)
        # bfloat16 has too few digits for a picture, and the encoder overflows in float16 where its config says so.
        self._decoder_dtype = torch.float32 if precision == "bf16" else _DTYPES[precision]
        self._encoder_dtype = torch.float32 if vae.config.force_upcast else self._decoder_dtype
        self._vae = vae.to(home).eval().requires_grad_(False)
        self._vae.decoder.to(self._decoder_dtype)
        for part in (self._vae.encoder, self._vae.quant_conv):
            part.to(self._encoder_dtype)
        self.scaling_factor = float(vae.config.scaling_factor)
        self._image_encoder = image_encoder.to(home).eval().requires_grad_(False)
        self._clip_edge_px: int = image_encoder.config.image_size
        self._clip_mean, self._clip_std = (torch.tensor(v)[:, None, None] for v in (clip_mean, clip_std))
        self._call: Any = torch.compile(self._unet) if compile else self._unet

    @classmethod
    def load(cls, folder: Path, device: str, options: SvdOptions) -> SvdModel:
        """Load a model.

        folder  as relumix.engines.svd.weights.model_folder returns it.
        device  "auto", "cpu" or "cuda".

        Raises InputError where the device cannot be used, or the files are not such a model's.
        """
        place = _device(device)
        if place.type == "cpu" and (options.compile or options.offload):
            wanted = "compile" if options.compile else "offload"
            raise InputError(f"svd's {wanted} is for a GPU: got device cpu, leave it out")
        precision = options.precision
        if precision == "auto":
            precision = "fp16" if place.type == "cuda" else "fp32"
        mean, std = _clip_statistics(folder)
        disable_progress_bar()  # type: ignore[no-untyped-call]  # the command's own is the one to be seen
        dtype = _DTYPES[precision]
        parts: list[Any] = []
        for kind, name in (
            (RelightUNet, "unet"),
            (AutoencoderKLTemporalDecoder, "vae"),
            (CLIPVisionModelWithProjection, "image_encoder"),
        ):
            wanted_dtype = torch.float32 if name == "vae" else dtype
            try:
                parts.append(kind.from_pretrained(folder / name, torch_dtype=wanted_dtype, use_safetensors=True))
            except (OSError, ValueError, KeyError, RuntimeError, json.JSONDecodeError) as error:
                first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
                raise InputError(f"{folder / name} is no part of an svd model that can be read: {first}") from error
        return cls(
            *parts,
            device=place,
            precision=precision,
            offload=options.offload,
            compile=options.compile,
            clip_mean=mean,
            clip_std=std,
        )

    @property
    def weights(self) -> Weights:
        """How much memory the parts take."""
        value_bytes = _DTYPES[self.precision].itemsize
        return Weights(_bytes(self._unet), _bytes(self._vae), _bytes(self._image_encoder), value_bytes)

    def free_bytes(self) -> int | None:
        """Return what the device has for this model, its weights included; None where that cannot be told."""
        free = free_bytes(self.device)
        return None if free is None else free + (0 if self._offload else self.weights.all)

    @contextmanager
    def denoiser(self) -> Iterator[RelightUNet]:
        """Have the U-Net on the device, compiled where that was asked for."""
        with self._at_work(self._unet):
            yield self._call

    def encode(self, pictures: Sequence[Float32]) -> list[Tensor]:
        """Return the VAE's mode, not scaled, of each picture [H, W, 3]: [4, H / 8, W / 8] float32.

        One at a time: what a frame becomes does not depend on those around it.
        """
        with self._at_work(self._vae):
            return [self._encode(picture) for picture in pictures]

    def _encode(self, picture: Float32) -> Tensor:
        pixels = _planes(picture).to(self.device, self._encoder_dtype)[None]
        return self._vae.encode(pixels).latent_dist.mode()[0].float().cpu()

    def decode(self, latents: Tensor, slice_frames: int) -> Float32:
        """Return the pictures [n, H, W, 3] of latents [n, 4, h, w] that are not scaled, so many at a time."""
        done = []
        with self._at_work(self._vae):
            for start in range(0, len(latents), slice_frames):
                part = latents[start : start + slice_frames]
                shown = self._vae.decode(part.to(self.device, self._decoder_dtype), num_frames=len(part)).sample
                done.append(shown.float().cpu().permute(0, 2, 3, 1).numpy())
        return np.concatenate(done)

    def embed(self, pictures: Sequence[Float32]) -> list[Tensor]:
        """Return the CLIP embedding [1, C] float32 of each picture [H, W, 3]."""
        with self._at_work(self._image_encoder):
            return [self._embed(picture) for picture in pictures]

    def _embed(self, picture: Float32) -> Tensor:
        size = (self._clip_edge_px, self._clip_edge_px)
        small = nn.functional.interpolate(
            _planes(picture)[None], size, mode="bicubic", align_corners=True, antialias=True
        )
        normal = ((small + 1) / 2 - self._clip_mean) / self._clip_std
        normal = normal.to(self.device, _DTYPES[self.precision])
        embedded: Tensor = self._image_encoder(normal).image_embeds
        return embedded.float().cpu()

    @contextmanager
    def _at_work(self, part: nn.Module) -> Iterator[None]:
        if not self._offload:
            yield
            return
        part.to(self.device)
        try:
            yield
        finally:
            part.to("cpu")


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("engine svd was asked for on cuda, and torch finds no such device: expected auto or cpu")
    return torch.device(name)


def _planes(picture: Float32) -> Tensor:
    """[3, H, W] of [H, W, 3]."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))


def _bytes(part: nn.Module) -> int:
    return sum(each.numel() * each.element_size() for each in part.parameters())


def _clip_statistics(folder: Path) -> tuple[Sequence[float], Sequence[float]]:
    """Return mean and deviation of colours that the image encoder expects."""
    path = folder / "feature_extractor" / "preprocessor_config.json"
    if not path.is_file():
        return _CLIP_MEAN, _CLIP_STD
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return found["image_mean"], found["image_std"]
    except (ValueError, KeyError) as error:
        raise InputError(f"{path} does not say image_mean and image_std: {error}") from error
