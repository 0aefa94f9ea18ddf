"""A whole svd model, tiny and random, on disk: the parts and the layout of a real one."""

from pathlib import Path

import torch
from diffusers import AutoencoderKLTemporalDecoder, EulerDiscreteScheduler
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from relumix.engines.svd.network import RelightUNet

CLIP_WIDTH = 16
VECTOR_DIMS = (8, 16)


def tiny_unet(**changes) -> RelightUNet:
    """Random weights from torch's generator."""
    options = {
        "block_out_channels": (32, 32, 64, 64),
        "num_attention_heads": (1, 1, 2, 2),
        "layers_per_block": 1,
        "cross_attention_dim": 2 * CLIP_WIDTH,
        "vector_dims": VECTOR_DIMS,
    }
    return RelightUNet(**options | changes)


def tiny_vae() -> AutoencoderKLTemporalDecoder:
    """It divides by 8, as the real one does."""
    channels = (32, 32, 32, 32)
    return AutoencoderKLTemporalDecoder(
        block_out_channels=channels, down_block_types=("DownEncoderBlock2D",) * 4, layers_per_block=1
    )


def tiny_image_encoder() -> CLIPVisionModelWithProjection:
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=37,
            num_hidden_layers=2,
            num_attention_heads=4,
            image_size=32,
            patch_size=16,
            projection_dim=CLIP_WIDTH,
        )
    )


def make_base(folder: Path, seed: int = 0) -> Path:
    """Write what comes with Stable Video Diffusion beside its U-Net; returns the folder."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tiny_vae().save_pretrained(folder / "vae")
        tiny_image_encoder().save_pretrained(folder / "image_encoder")
    EulerDiscreteScheduler(prediction_type="v_prediction").save_pretrained(folder / "scheduler")
    return folder


def make_model(folder: Path, seed: int = 0) -> Path:
    """Write a whole model; returns its folder."""
    make_base(folder, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed + 1)
        tiny_unet().save_pretrained(folder / "unet")
    return folder
