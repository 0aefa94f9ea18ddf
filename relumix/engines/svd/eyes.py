"""How pictures become what the network sees, and back: the VAE and the image encoder of Stable Video Diffusion."""

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

from relumix.errors import InputError
from relumix.types import Float32

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_CLIP_MEAN, _CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class Eyes:
    """VAE and image encoder on a device. Latents are float32 on the CPU outside, pictures float32 in -1..1.

    image_encoder  a CLIPVisionModelWithProjection, whose types forbid to move it.
    precision      "fp32", "fp16" or "bf16": what the image encoder comes in; the VAE comes in fp32.
    offload        whether each is on the device only while it works.
    """

    def __init__(
        self,
        vae: AutoencoderKLTemporalDecoder,
        image_encoder: Any,
        *,
        device: torch.device,
        precision: str = "fp32",
        offload: bool = False,
        clip_mean: Sequence[float] = _CLIP_MEAN,
        clip_std: Sequence[float] = _CLIP_STD,
    ) -> None:
        self._device, self._offload, self._dtype = device, offload, DTYPES[precision]
        home = torch.device("cpu") if offload else device
        # bfloat16 has too few digits for a picture, and the encoder overflows in float16 where its config says so.
        self._decoder_dtype = torch.float32 if precision == "bf16" else self._dtype
        self._encoder_dtype = torch.float32 if vae.config.force_upcast else self._decoder_dtype
        self._vae = vae.to(home).eval().requires_grad_(False)
        self._vae.decoder.to(self._decoder_dtype)
        for part in (self._vae.encoder, self._vae.quant_conv):
            part.to(self._encoder_dtype)
        self.scaling_factor = float(vae.config.scaling_factor)
        self._image_encoder = image_encoder.to(home).eval().requires_grad_(False)
        self._clip_edge_px: int = image_encoder.config.image_size
        self._clip_mean, self._clip_std = (torch.tensor(v)[:, None, None] for v in (clip_mean, clip_std))

    @classmethod
    def load(cls, folder: Path, device: torch.device, *, precision: str = "fp32", offload: bool = False) -> Eyes:
        """Load them from a model's folder, or Stable Video Diffusion's own. Raises InputError."""
        mean, std = _clip_statistics(folder)
        vae = load_part(AutoencoderKLTemporalDecoder, folder / "vae", torch.float32)
        image_encoder = load_part(CLIPVisionModelWithProjection, folder / "image_encoder", DTYPES[precision])
        return cls(
            vae, image_encoder, device=device, precision=precision, offload=offload, clip_mean=mean, clip_std=std
        )

    @property
    def weight_bytes(self) -> tuple[int, int]:
        """What the weights of VAE and image encoder take."""
        return bytes_of(self._vae), bytes_of(self._image_encoder)

    def encode(self, pictures: Sequence[Float32]) -> list[Tensor]:
        """Return the VAE's mode, not scaled, of each picture [H, W, 3]: [4, H / 8, W / 8] float32.

        One at a time: what a frame becomes does not depend on those around it.
        """
        with self._at_work(self._vae):
            return [self._encode(picture) for picture in pictures]

    def _encode(self, picture: Float32) -> Tensor:
        pixels = _planes(picture).to(self._device, self._encoder_dtype)[None]
        return self._vae.encode(pixels).latent_dist.mode()[0].float().cpu()

    def decode(self, latents: Tensor, slice_frames: int) -> Float32:
        """Return the pictures [n, H, W, 3] of latents [n, 4, h, w] that are not scaled, so many at a time."""
        done = []
        with self._at_work(self._vae):
            for start in range(0, len(latents), slice_frames):
                part = latents[start : start + slice_frames]
                shown = self._vae.decode(part.to(self._device, self._decoder_dtype), num_frames=len(part)).sample
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
        normal = normal.to(self._device, self._dtype)
        embedded: Tensor = self._image_encoder(normal).image_embeds
        return embedded.float().cpu()

    @contextmanager
    def _at_work(self, part: nn.Module) -> Iterator[None]:
        with at_work(part, self._device, self._offload):
            yield


@contextmanager
def at_work(part: nn.Module, device: torch.device, offload: bool) -> Iterator[None]:
    """Have a part on the device; with `offload` only so long."""
    if not offload:
        yield
        return
    part.to(device)
    try:
        yield
    finally:
        part.to("cpu")


def load_part(kind: Any, folder: Path, dtype: torch.dtype) -> Any:
    """Load a part of a model as diffusers and transformers keep it. Raises InputError where it cannot be read."""
    disable_progress_bar()  # type: ignore[no-untyped-call]  # the command's own is the one to be seen
    try:
        return kind.from_pretrained(folder, torch_dtype=dtype, use_safetensors=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(f"{folder} is no part of an svd model that can be read: {first}") from error


def bytes_of(part: nn.Module) -> int:
    """Return what the weights of a part take."""
    return sum(each.numel() * each.element_size() for each in part.parameters())


def _planes(picture: Float32) -> Tensor:
    """[3, H, W] of [H, W, 3]."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))


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
