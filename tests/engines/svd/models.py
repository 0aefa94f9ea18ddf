"""A whole svd model, tiny and random, on disk: the parts and the layout of a real one."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLTemporalDecoder, EulerDiscreteScheduler, UNetSpatioTemporalConditionModel
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from tests.engines.svd.tiny import TINY, tiny_unet

CLIP_WIDTH = TINY["cross_attention_dim"] // 2


def make_base(folder: Path, seed: int = 0) -> Path:
    """Write what comes with Stable Video Diffusion beside its U-Net; returns the folder."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        # It divides by 8, as the real one does.
        AutoencoderKLTemporalDecoder(
            block_out_channels=(32, 32, 32, 32), down_block_types=("DownEncoderBlock2D",) * 4, layers_per_block=1
        ).save_pretrained(folder / "vae")
        config = CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=37,
            num_hidden_layers=2,
            num_attention_heads=4,
            image_size=32,
            patch_size=16,
            projection_dim=CLIP_WIDTH,
        )
        CLIPVisionModelWithProjection(config).save_pretrained(folder / "image_encoder")
    (folder / "feature_extractor").mkdir(exist_ok=True)
    colours = {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}
    (folder / "feature_extractor/preprocessor_config.json").write_text(json.dumps(colours))
    EulerDiscreteScheduler(prediction_type="v_prediction").save_pretrained(folder / "scheduler")
    return folder


def make_svd(folder: Path, seed: int = 0, **network: Any) -> Path:
    """Write Stable Video Diffusion itself: its own U-Net has 8 channels and half the context; returns the folder."""
    make_base(folder, seed)
    config = {**TINY, "cross_attention_dim": CLIP_WIDTH, **network}
    dims = config.pop("vector_dims")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        UNetSpatioTemporalConditionModel(
            in_channels=8,
            addition_time_embed_dim=dims[0],
            projection_class_embeddings_input_dim=sum(dims),
            **config,
        ).save_pretrained(folder / "unet")
    return folder


def make_model(folder: Path, seed: int = 0) -> Path:
    """Write a whole model; returns its folder."""
    make_base(folder, seed)
    with torch.random.fork_rng():
        tiny_unet(seed, layers_per_block=1).save_pretrained(folder / "unet")
    return folder
