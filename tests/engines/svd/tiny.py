"""Networks of the published structure, small enough for a test."""

import torch

from relumix.engines.svd.network import RelightUNet

TINY = {
    "down_block_types": (
        "CrossAttnDownBlockSpatioTemporal",
        "CrossAttnDownBlockSpatioTemporal",
        "DownBlockSpatioTemporal",
    ),
    "up_block_types": ("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
    "block_out_channels": (32, 32, 64),
    "layers_per_block": 1,
    "num_attention_heads": (2, 2, 4),
    "cross_attention_dim": 32,
    "vector_dims": (32, 64),
}
"""CLIP embeddings are 16 wide, `vector` 96."""


def tiny_unet(seed=0, **config):
    """A network with every weight drawn anew: none is one, zero or like another, as after training."""
    torch.manual_seed(seed)
    unet = RelightUNet(**{**TINY, **config}).eval()
    with torch.no_grad():
        for parameter in unet.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return unet


def conditions(unet, frames=3, height=8, width=8, seed=1):
    """Random inputs of one call: latents, c_noise, context, vector."""
    draw = torch.Generator().manual_seed(seed)
    config = unet.config
    return (
        torch.randn(frames, config.in_channels, height, width, generator=draw),
        torch.tensor(0.3),
        torch.randn(frames, 1, config.cross_attention_dim, generator=draw),
        torch.randn(frames, sum(config.vector_dims), generator=draw),
    )
