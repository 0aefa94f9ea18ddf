"""Image models on disk, tiny and random, of the parts and the layout of real ones."""

import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxKontextPipeline,
    FluxTransformer2DModel,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel

PX = 64
"""Edge of the square that their pictures are of."""


def tokenizer(folder: Path) -> CLIPTokenizer:
    """Return a CLIP tokenizer that spells every word."""
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


def text_encoder(width: int = 16) -> CLIPTextModel:
    config = CLIPTextConfig(
        hidden_size=width,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        vocab_size=200,
        bos_token_id=188,
        eos_token_id=189,
        projection_dim=width,
    )
    return CLIPTextModel(config).eval()


def vae(latent_channels: int = 4) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=latent_channels,
        norm_num_groups=4,
        shift_factor=0.1 if latent_channels == 16 else None,
    ).eval()


def unet(in_channels: int = 4) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=PX // 8,
        in_channels=in_channels,
        block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        attention_head_dim=4,
        norm_num_groups=4,
        cross_attention_dim=16,
    ).eval()


def stable_diffusion(folder: Path, *, edits: bool = False) -> Path:
    """Write Stable Diffusion or, where it `edits`, InstructPix2Pix; returns the folder."""
    kind = StableDiffusionInstructPix2PixPipeline if edits else StableDiffusionPipeline
    with torch.random.fork_rng():
        torch.manual_seed(0)
        kind(
            vae=vae(),
            text_encoder=text_encoder(),
            tokenizer=tokenizer(folder / "made"),
            unet=unet(8 if edits else 4),
            scheduler=DDIMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        ).save_pretrained(folder)
    return folder


def kontext(folder: Path) -> Path:
    """Write FLUX.1 Kontext; returns the folder."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformer = FluxTransformer2DModel(
            in_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            pooled_projection_dim=16,
            axes_dims_rope=(4, 4, 8),
            guidance_embeds=True,
        )
        t5 = T5EncoderModel(T5Config(d_model=16, d_kv=8, d_ff=24, num_layers=1, num_heads=2, vocab_size=200))
        clip = tokenizer(folder / "made")
        FluxKontextPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(),
            vae=vae(16),
            text_encoder=text_encoder(),
            tokenizer=clip,
            text_encoder_2=t5.eval(),
            tokenizer_2=clip,
            transformer=transformer.eval(),
        ).save_pretrained(folder)
    return folder


def ic_light(path: Path, channels: int, scale: float = 0.05) -> Path:
    """Write a checkpoint of IC-Light for the tiny Stable Diffusion: 8 channels (fc) or 12 (fbc); returns its path."""
    with torch.random.fork_rng():
        torch.manual_seed(channels)
        wide = unet(channels).state_dict()
    save_file({name: value * scale for name, value in wide.items()}, path)
    return path
