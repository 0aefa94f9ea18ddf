"""The sampler: noise to relit latents, guided by the source clip and one relit frame."""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers import EulerDiscreteScheduler
from diffusers.models.embeddings import get_timestep_embedding
from torch import Tensor

from relumix.engines.svd.edm import karras_sigmas
from relumix.engines.svd.network import RelightUNet


def vector_conditioning(fps: float, augmentation: float, dims: tuple[int, int]) -> Tensor:
    """Return [sum(dims)] float32: sinusoidal embeddings of fps and of augmentation strength, dims wide each.

    dims  `unet.config.vector_dims`.
    """
    return torch.cat(
        [
            get_timestep_embedding(torch.tensor([value]), width, flip_sin_to_cos=True, downscale_freq_shift=0)[0]
            for value, width in zip((fps, augmentation), dims, strict=True)
        ]
    )


def euler_scheduler(steps: int, sigma_min: float, sigma_max: float, rho: float) -> EulerDiscreteScheduler:
    """Return diffusers' Euler scheduler, set to v-prediction and to the sigmas of edm.karras_sigmas.

    Its timesteps are c_noise. "leading" is what makes init_noise_sigma sqrt(1 + sigma_max^2).
    """
    scheduler = EulerDiscreteScheduler(
        prediction_type="v_prediction", timestep_type="continuous", timestep_spacing="leading"
    )
    scheduler.set_timesteps(sigmas=karras_sigmas(steps, sigma_min, sigma_max, rho).tolist())
    scheduler.set_begin_index(0)
    return scheduler


@torch.no_grad()
def sample(
    unet: RelightUNet,
    noise: Tensor,
    source_latents: Tensor,
    reference_latents: Tensor,
    source_clip: Tensor,
    reference_clip: Tensor,
    vector: Tensor,
    steps: int = 25,
    guidance: tuple[float, float] = (1.0, 1.5),
    sigma_min: float = 0.002,
    sigma_max: float = 700.0,
    rho: float = 7.0,
    *,
    batched: bool = True,
    callback: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Return the relit clip's latents, [T, 4, h, w] float32 on noise's device, scaled as the VAE's config says.

    noise              [T, 4, h, w], standard normal.
    source_latents     [T, 4, h, w], the VAE's mode, not scaled.
    reference_latents  [4, h, w], or one a frame [T, 4, h, w]; as above.
    source_clip        [T, 1, C] CLIP image embeddings of the frames.
    reference_clip     [1, C], or one a frame [T, 1, C].
    vector             [V], or one a frame [T, V]: see vector_conditioning.
    guidance           scale at the first frame and at the last, linear between. Where both are 1 the unconditional
                       branch, which knows the reference and not the source, is not run.
    batched            both branches in one call of the network, or one after the other, in half the memory.
    callback           called with (steps done, steps) after each; what it raises ends the sampling.

    The solver's state is float32, the network runs in its own dtype. Source: arXiv 2509.23769.
    """
    scheduler = euler_scheduler(steps, sigma_min, sigma_max, rho)
    scale = torch.linspace(*guidance, len(noise), device=noise.device).reshape(-1, 1, 1, 1)
    branches = 1 if guidance == (1.0, 1.0) else 2
    latents = _branches(source_latents, reference_latents.expand_as(source_latents), branches, dim=1)
    context = _branches(source_clip, reference_clip.expand_as(source_clip), branches, dim=2)

    # Algorithm 1 of Karras et al. 2022 without churn (gamma = 0) and without its second order.
    x = noise.float() * scheduler.init_noise_sigma
    for done, c_noise in enumerate(scheduler.timesteps, start=1):
        c_in_x = scheduler.scale_model_input(x, c_noise)
        outputs = _network(unet, c_in_x, c_noise.to(noise.device), latents, context, vector, batched)
        # Classifier-free guidance (Ho and Salimans 2022), rising over the frames as Stable Video Diffusion has it.
        guided = outputs[-1] + scale * (outputs[0] - outputs[-1])
        x = scheduler.step(guided, c_noise, x).prev_sample  # c_skip and c_out, then Euler's step to the next sigma
        if callback is not None:
            callback(done, steps)
    return x


def _network(
    unet: RelightUNet, noisy: Tensor, c_noise: Tensor, latents: Tensor, context: Tensor, vector: Tensor, batched: bool
) -> Tensor:
    """Return F's raw output float32 [branches, T, 4, h, w]; latents and context have a branch's conditions each."""
    dtype, branches = unet.dtype, len(latents)
    inputs = torch.cat([noisy.expand(branches, -1, -1, -1, -1), latents], dim=2).to(dtype)
    context, vector = context.to(dtype), vector.to(dtype).expand(*latents.shape[:2], -1)
    if batched:
        return unet(inputs, c_noise, context, vector).float()
    return torch.stack([unet(inputs[i], c_noise, context[i], vector[i]).float() for i in range(branches)])


def _branches(source: Tensor, reference: Tensor, branches: int, dim: int) -> Tensor:
    """Return [branches, T, ...]: source and reference joined along a frame's dimension; in the second, no source."""
    conditional = torch.cat([source, reference], dim=dim)
    unconditional = torch.cat([torch.zeros_like(source), reference], dim=dim)
    return torch.stack([conditional, unconditional][:branches])
