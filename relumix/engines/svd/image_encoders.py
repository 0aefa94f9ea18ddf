"""How pictures become what the network sees, and back: the VAE and the image encoder of Stable Video Diffusion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLTemporalDecoder
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.utils.logging import disable_progress_bar

from relumix.engines.svd.clip_resize import antialiased_resize
from relumix.engines.svd.loading import DTYPES, check_weights, load_diffusers, read_json, read_weights, unreadable
from relumix.errors import InputError
from relumix.types import Float32

_CLIP_MEAN, _CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class ImageEncoders:
    """VAE and CLIP's image encoder on a device. Latents are float32 on the CPU outside, pictures float32 in -1..1.

    image_encoder     a CLIPVisionModelWithProjection, whose types forbid to move it.
    precision         "fp32", "fp16", "bf16" or "autocast": what the image encoder comes in.
    encode_precision  of the VAE's encoder: "auto", fp16 or fp32 as `precision` says and its config allows; "fp32"; or
                      "autocast", fp16 where torch holds that safe.
    decode_precision  of its decoder: "auto" as above, or "fp32".
    offload           whether each is on the device only while it works.
    """

    def __init__(
        self,
        vae: AutoencoderKLTemporalDecoder,
        image_encoder: Any,
        *,
        device: torch.device,
        precision: str = "fp32",
        encode_precision: str = "auto",
        decode_precision: str = "auto",
        offload: bool = False,
        clip_mean: Sequence[float] = _CLIP_MEAN,
        clip_std: Sequence[float] = _CLIP_STD,
    ) -> None:
        self._device, self._offload, self._dtype = device, offload, DTYPES[precision]
        self._autocast_clip, self._autocast_encoder = precision == "autocast", encode_precision == "autocast"
        home = torch.device("cpu") if offload else device
        # bfloat16 has too few digits for a picture, and the encoder overflows in float16 where its config says so.
        half_or_full = torch.float32 if precision == "bf16" else self._dtype
        self.decoder_dtype = half_or_full if decode_precision == "auto" else torch.float32
        full = encode_precision != "auto" or bool(vae.config.force_upcast)
        self._encoder_dtype = torch.float32 if full else half_or_full
        self._vae = vae.to(home).eval().requires_grad_(False)
        self._vae.decoder.to(self.decoder_dtype)
        for part in (self._vae.encoder, self._vae.quant_conv):
            part.to(self._encoder_dtype)
        self.scaling_factor = float(vae.config.scaling_factor)
        self._image_encoder = image_encoder.to(home).eval().requires_grad_(False)
        self._clip_edge_px: int = image_encoder.config.image_size
        self._clip_mean, self._clip_std = (torch.tensor(v)[:, None, None] for v in (clip_mean, clip_std))

    @classmethod
    def load(
        cls,
        folder: Path,
        device: torch.device,
        *,
        precision: str = "fp32",
        encode_precision: str = "auto",
        decode_precision: str = "auto",
        offload: bool = False,
    ) -> ImageEncoders:
        """Load them from a model's folder, or Stable Video Diffusion's own. Raises InputError."""
        mean, std = _clip_statistics(folder)
        return cls(
            load_diffusers(AutoencoderKLTemporalDecoder, folder / "vae", torch.float32),
            load_clip(folder / "image_encoder", DTYPES[precision]),
            device=device,
            precision=precision,
            encode_precision=encode_precision,
            decode_precision=decode_precision,
            offload=offload,
            clip_mean=mean,
            clip_std=std,
        )

    @property
    def weight_bytes(self) -> tuple[int, int]:
        """What the weights of VAE and image encoder take."""
        return bytes_of(self._vae), bytes_of(self._image_encoder)

    def encode(self, pictures: Sequence[Float32]) -> list[Tensor]:
        """Return the VAE's mode, not scaled, of each picture [H, W, 3]: [4, H / 8, W / 8] float32.

        One at a time: what a frame becomes does not depend on those around it.
        """
        return [mean for mean, _ in self.posteriors(pictures)]

    def posteriors(self, pictures: Sequence[Float32]) -> list[tuple[Tensor, Tensor]]:
        """Return mean and standard deviation of what the VAE makes of each picture [H, W, 3], not scaled.

        Each [4, H / 8, W / 8] float32; the mean of a Gaussian is its mode.
        """
        with self._at_work(self._vae), self._autocast(self._autocast_encoder):
            return [self._posterior(picture) for picture in pictures]

    def _posterior(self, picture: Float32) -> tuple[Tensor, Tensor]:
        pixels = _planes(picture).to(self._device, self._encoder_dtype)[None]
        posterior = self._vae.encode(pixels).latent_dist
        return posterior.mean[0].float().cpu(), posterior.std[0].float().cpu()

    def decode(self, latents: Tensor, slice_frames: int) -> Float32:
        """Return the pictures [n, H, W, 3] of latents [n, 4, h, w] that are not scaled, so many at a time."""
        done = []
        with self._at_work(self._vae):
            for start in range(0, len(latents), slice_frames):
                part = latents[start : start + slice_frames]
                shown = self._vae.decode(part.to(self._device, self.decoder_dtype), num_frames=len(part)).sample
                done.append(shown.float().cpu().permute(0, 2, 3, 1).numpy())
        return np.concatenate(done)

    def embed(self, pictures: Sequence[Float32]) -> list[Tensor]:
        """Return the CLIP embedding [1, C] float32 of each picture [H, W, 3]."""
        with self._at_work(self._image_encoder), self._autocast(self._autocast_clip):
            return [self._embed(picture) for picture in pictures]

    def _embed(self, picture: Float32) -> Tensor:
        small = antialiased_resize(_planes(picture)[None], self._clip_edge_px)
        normal = ((small + 1) / 2 - self._clip_mean) / self._clip_std
        embedded: Tensor = self._image_encoder(normal.to(self._device, self._dtype)).image_embeds
        return embedded.float().cpu()

    @contextmanager
    def _at_work(self, part: nn.Module) -> Iterator[None]:
        with at_work(part, self._device, self._offload):
            yield

    def _autocast(self, wanted: bool) -> Any:
        return half_autocast(self._device) if wanted else nullcontext()


def half_autocast(device: torch.device) -> Any:
    """Return the context in which torch works in float16 where it holds that safe."""
    return torch.autocast(device.type, torch.float16)


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


def load_clip(folder: Path, dtype: torch.dtype) -> Any:
    """Load CLIP's image encoder, whatever version of transformers named its weights. Raises InputError.

    Versions differ in prefixes, and old ones kept the positions' numbers, which are none of the weights.
    """
    said = read_json(folder / "config.json")
    try:
        config = CLIPVisionConfig.from_dict(said)
        with torch.device("meta"):
            wanted = CLIPVisionModelWithProjection(config).state_dict()
    except Exception as error:  # which one is another in each version of transformers
        raise unreadable(folder, error) from error
    found = {_plain_name(name): value for name, value in read_weights(folder).items()}
    found.pop("embeddings.position_ids", None)
    names = {_plain_name(name): name for name in wanted}
    weights = {names.get(name, name): value for name, value in found.items()}
    check_weights(wanted, weights, folder)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # the command's own is the one to be seen
    # By transformers, for all its weights are there: made by hand, the network would be filled with random ones first.
    kind: Any = CLIPVisionModelWithProjection
    return kind.from_pretrained(None, config=config, state_dict=weights, torch_dtype=dtype)


def _plain_name(name: str) -> str:
    return name.removeprefix("clip.").removeprefix("vision_model.")


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
    found = read_json(path)
    names = "image_mean", "image_std"
    if lacks := [name for name in names if name not in found]:
        raise InputError(f"{path} does not say {' and '.join(lacks)}: get it again from where the weights are from")
    for name in names:
        values = found[name]
        if not (isinstance(values, list) and len(values) == 3 and all(isinstance(v, float | int) for v in values)):
            raise InputError(f"{path} has {name} {values!r}: expected three numbers, one a colour")
    if not min(found["image_std"]) > 0:
        raise InputError(f"{path} has image_std {found['image_std']}: expected numbers above 0")
    return found["image_mean"], found["image_std"]
