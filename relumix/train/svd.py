"""What `svd` learns from: clips under two lights, as VAE and CLIP see them, and the published loss.

It starts from Stable Video Diffusion's own U-Net, widened: four more channels for the reference's latents, and as many
values again of context for its embedding, all with weights of zero, so that at first it does what it did.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from diffusers import UNetSpatioTemporalConditionModel
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from relumix.engines.svd.convert import add_base, check_base
from relumix.engines.svd.edm import loss_weight, precondition
from relumix.engines.svd.image_encoders import ImageEncoders
from relumix.engines.svd.loading import load_diffusers
from relumix.engines.svd.model import device_of, load_unet
from relumix.engines.svd.network import RelightUNet
from relumix.engines.svd.sampler import sample, vector_conditioning
from relumix.errors import InputError
from relumix.train.loop import Batch
from relumix.train.svd_clips import Clips, open_clips
from relumix.types import Float32
from relumix.util.atomic_file import replacing

_LOG_SIGMA_MEAN, _LOG_SIGMA_STD = 1.0, 1.6
_NARROWING_STEPS, _WORST_SHARE, _WORST_WEIGHT = 5_000, 0.1, 0.9
_DROPPED_SHARE = 0.1
_VALIDATION_CLIPS = 8
_PICTURE_STEPS = 8
_NEVER_ASKED = (".attn2.to_q.weight", ".attn2.to_k.weight")
"""They compare with the context, which is a single token: no gradient reaches them, and distributed training waits for
that of every parameter that has one."""
_CARRIED = ("down_block_types", "up_block_types", "block_out_channels", "layers_per_block", "num_attention_heads")


@dataclass(frozen=True)
class SvdTask:
    """Train `svd` (see relumix.train.loop.Task).

    base           folder of Stable Video Diffusion as diffusers saves it, or of a model to go on from.
    data           CARLA Relight, or a light stage.
    frames         of a clip.
    size_px        width and height of CARLA's frames; a light stage's keep their size, padded to multiples of 64.
    pairs          how many different clips are drawn in all.
    cache          folder for what VAE and CLIP made of them; None: made anew each time.
    fps, augmentation  what the network is told; the second is also the noise added to the source.
    """

    base: Path
    data: Path
    frames: int = 14
    batch: int = 1
    size_px: tuple[int, int] = (512, 512)
    pairs: int = 20_000
    cache: Path | None = None
    fps: float = 24.0
    augmentation: float = 0.02
    device: str = "auto"
    name: str = field(default="svd", init=False)

    def settings(self) -> dict[str, Any]:
        """Return what is kept beside the weights.

        Raises InputError for a base or data that are none: nothing of a run is begun then.
        """
        check_base(self.base)
        self._train_clips  # noqa: B018  opened, and so looked at
        names = ("frames", "batch", "size_px", "pairs", "fps", "augmentation")
        return {"base": str(self.base), "data": str(self.data), **{name: getattr(self, name) for name in names}}

    def model(self) -> nn.Module:
        """Return the network to start from, with gradient checkpointing."""
        unet = starting_unet(self.base)
        unet.enable_gradient_checkpointing()
        for name, parameter in unet.named_parameters():
            parameter.requires_grad_(not name.endswith(_NEVER_ASKED))
        return unet

    def optimizer(self, parameters: list[nn.Parameter], rate: float) -> torch.optim.Optimizer:
        """Return Adam, in 8 bits on a GPU where bitsandbytes is installed."""
        if parameters[0].is_cuda and importlib.util.find_spec("bitsandbytes"):
            import bitsandbytes  # noqa: PLC0415  an extra that few need

            return cast(torch.optim.Optimizer, bitsandbytes.optim.Adam8bit(parameters, lr=rate))
        return torch.optim.Adam(parameters, lr=rate)

    def batches(self, seed: int, first_step: int) -> Iterator[Batch]:
        """Yield batches of encoded clips (see `encode`)."""
        step = first_step
        while True:
            drawn = np.random.default_rng([seed, step]).integers(self.pairs, size=self.batch)
            clips = [self._encoded(self._train_clips, "train", int(index)) for index in drawn]
            yield {key: torch.stack([clip[key].float() for clip in clips]) for key in clips[0]}
            step += 1

    def loss(
        self, model: nn.Module, batch: Batch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the published loss: EDM's, one sigma a clip, nine tenths of it from the elements that are worst.

        They are all at first, and ever fewer: a tenth after _NARROWING_STEPS.
        """
        target, device = _sampled(batch, generator), batch["target"].device
        draw = torch.randn(len(target), generator=generator, device=device)
        sigma = (_LOG_SIGMA_MEAN + _LOG_SIGMA_STD * draw).exp()
        noise = torch.randn(target.shape, generator=generator, device=device)
        kept = torch.rand((2, *target.shape[:2]), generator=generator, device=device) >= _DROPPED_SHARE
        errors = self._errors(model, {**batch, "target": target}, sigma, noise, kept.float()).flatten()
        mean = errors.mean()
        share = 1 - (1 - _WORST_SHARE) * min(1.0, step / _NARROWING_STEPS)
        worst = errors.topk(max(1, round(share * errors.numel()))).values.mean()
        loss = _WORST_WEIGHT * worst + (1 - _WORST_WEIGHT) * mean
        return loss, {"mean": mean.detach(), "worst": worst.detach()}

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return the plain loss over held-out clips, at noise that never changes."""
        device = next(model.parameters()).device
        generator = torch.Generator().manual_seed(77)
        losses = []
        for clip in self._held_out():
            batch = {key: value[None].float().to(device) for key, value in clip.items()}
            sigma = (_LOG_SIGMA_MEAN + _LOG_SIGMA_STD * torch.randn(1, generator=generator)).exp().to(device)
            noise = torch.randn(batch["target"].shape, generator=generator).to(device)
            kept = torch.ones((2, *noise.shape[:2]), device=device)
            losses.append(float(self._errors(model, batch, sigma, noise, kept).mean()))
        return {"loss": float(np.mean(losses))}

    def pictures(self, model: nn.Module, folder: Path) -> None:
        """Write a held-out clip: a row each for source, result and truth."""
        folder.mkdir(parents=True, exist_ok=True)
        device = next(model.parameters()).device
        clip = {key: value.float().to(device) for key, value in next(self._held_out()).items()}
        unet = cast(RelightUNet, model)
        made = sample(
            unet,
            torch.randn(clip["target"].shape, generator=torch.Generator().manual_seed(77)).to(device),
            clip["source"],
            clip["reference"],
            clip["source_clip"],
            clip["reference_clip"],
            self._vector(unet).to(device),
            _PICTURE_STEPS,
        )
        scale = self._encoders.scaling_factor
        rows = [self._encoders.decode(latents, 1) for latents in (clip["source"], made / scale, clip["target"] / scale)]
        strip = np.concatenate([np.concatenate(list(row[:: max(1, len(row) // 4)]), 1) for row in rows])
        shown = np.clip((strip + 1) * 127.5, 0, 255).round().astype(np.uint8)
        Image.fromarray(shown).save(folder / "clip.png")

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write a whole model's folder, as the engine loads it."""
        cast(RelightUNet, model).save_pretrained(folder / "unet")
        add_base(folder, self.base)

    def _errors(self, model: nn.Module, batch: Batch, sigma: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
        """Return weighted squared errors [B, T, 4, h, w]; kept [2, B, T]: 0 where source or reference is withheld."""
        level = sigma[:, None, None, None, None]
        factors = precondition(level)
        noisy = batch["target"] + level * noise
        source, reference = (
            batch[key] * share[..., None, None, None] for key, share in (("source", kept[0]), ("reference", kept[1]))
        )
        latents = torch.cat([factors.c_in * noisy, source, reference], 2)
        context = torch.cat([batch["source_clip"], batch["reference_clip"].expand_as(batch["source_clip"])], -1)
        vector = self._vector(model).to(latents).expand(*latents.shape[:2], -1)
        out = model(latents, factors.c_noise[:, 0, 0, 0, 0], context, vector).float()
        denoised = factors.c_skip * noisy + factors.c_out * out
        return cast(Tensor, loss_weight(level) * (denoised - batch["target"]).square())

    def _vector(self, model: nn.Module) -> Tensor:
        plain: Any = getattr(model, "module", model)  # distributed training wraps it
        return vector_conditioning(self.fps, self.augmentation, plain.config.vector_dims)

    # Clips as VAE and CLIP see them.

    @cached_property
    def _encoders(self) -> ImageEncoders:
        return ImageEncoders.load(self.base, device_of(self.device))

    @cached_property
    def _train_clips(self) -> Clips:
        return open_clips(self.data, "train", frames=self.frames, size_px=self.size_px)

    @cached_property
    def _validation_clips(self) -> Clips:
        return open_clips(self.data, "validation", frames=self.frames, size_px=self.size_px)

    def _held_out(self) -> Iterator[Mapping[str, Tensor]]:
        for index in range(_VALIDATION_CLIPS):
            yield self._encoded(self._validation_clips, "validation", index)

    def _encoded(self, clips: Clips, split: str, index: int) -> Mapping[str, Tensor]:
        if self.cache is None:
            return encode(self._encoders, *clips.draw(index), augmentation=self.augmentation, seed=index)
        path = self.cache / f"{split}_{index:06d}.safetensors"
        kept = load_file(path) if path.exists() else {}
        if kept.keys() != ENCODED:  # none, or another version's
            made = encode(self._encoders, *clips.draw(index), augmentation=self.augmentation, seed=index)
            with replacing(path, durable=False) as name:
                save_file({key: value.half().contiguous() for key, value in made.items()}, name)
            kept = load_file(path)
        return kept


ENCODED = frozenset({"target", "target_std", "source", "reference", "source_clip", "reference_clip"})
"""What `encode` makes of a clip."""


@torch.inference_mode()
def encode(
    encoders: ImageEncoders, source: Float32, target: Float32, *, augmentation: float, seed: int
) -> dict[str, Tensor]:
    """Return a clip as the network sees it, the first source frame replaced by the reference, as when it relights.

    source, target  [T, H, W, 3] pictures in -1..1; the reference is the target's first frame.

    target and target_std [T, 4, h, w], mean and standard deviation of the VAE's posterior, scaled: sgm samples from it
    what is to be made, and takes its mode for what is given. source and reference [T, 4, h, w], the mode, not scaled;
    source_clip [T, 1, C], reference_clip [1, C].
    """
    begun = np.concatenate([target[:1], source[1:]])
    noise = np.random.default_rng([seed, 1]).standard_normal(begun.shape, dtype=np.float32)
    latents, spread = (torch.stack(each) for each in zip(*encoders.posteriors(list(target)), strict=True))
    embedded = encoders.embed([target[0], *begun[1:]])
    return {
        "target": latents * encoders.scaling_factor,
        "target_std": spread * encoders.scaling_factor,
        "source": torch.stack(encoders.encode(list(begun + np.float32(augmentation) * noise))),
        "reference": latents[:1].expand_as(latents).clone(),
        "source_clip": torch.stack(embedded),
        "reference_clip": embedded[0],
    }


def _sampled(batch: Batch, generator: torch.Generator) -> Tensor:
    """Return the latents that are to be made, drawn from the VAE's posterior."""
    mean = batch["target"]
    return mean + batch["target_std"] * torch.randn(mean.shape, generator=generator, device=mean.device)


def starting_unet(base: Path) -> RelightUNet:
    """Return the network to start from: a model's own, or Stable Video Diffusion's, widened. Raises InputError."""
    path = base / "unet" / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError(f"a JSON {type(config).__name__}, expected an object")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({error}): expected Stable Video Diffusion as diffusers saves it, or a model"
        ) from error
    if config.get("in_channels") != 8:
        return load_unet(base / "unet", torch.float32)
    plain = load_diffusers(UNetSpatioTemporalConditionModel, base / "unet", torch.float32)
    fps_dim = plain.config.addition_time_embed_dim
    unet: RelightUNet = RelightUNet(
        **{name: plain.config[name] for name in _CARRIED},
        cross_attention_dim=2 * plain.config.cross_attention_dim,
        vector_dims=(fps_dim, plain.config.projection_class_embeddings_input_dim - fps_dim),
    )
    wide = unet.state_dict()
    for name, weight in plain.state_dict().items():
        grown = torch.zeros_like(wide[name])
        grown[tuple(slice(size) for size in weight.shape)] = weight
        wide[name] = grown
    unet.load_state_dict(wide)
    return unet
