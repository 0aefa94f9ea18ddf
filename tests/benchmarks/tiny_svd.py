"""Makes what a tiny svd model is trained from, where Stable Video Diffusion's weights are not at hand.

    python tests/benchmarks/tiny_svd.py --data STAGE --out DIR
    relumix train svd --base DIR/base --data DIR/stage --out DIR/run --frames 4 --cache DIR/cache --rate 1e-3 ...

DIR/stage is the light stage, its scenes averaged down to 64 pixels. DIR/base has the structure of Stable Video
Diffusion in small: a VAE that averages squares of 8x8 pixels, random CLIP, and a random U-Net of 8 channels.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLTemporalDecoder

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from relumix.dataset.shards import MANIFEST, Scene, Shards, write_manifest, write_shard
from tests.engines.svd.models import make_svd

EDGE_PX = 64
CONSTANT, LATENT_SCALE = 100.0, 3.0
NETWORK = {
    "down_block_types": ("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
    "up_block_types": ("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
    "block_out_channels": (128, 128),
    "num_attention_heads": (4, 4),
}
"""Four channels a group at least: with one, norms would leave nothing of a picture's level."""


def reduce_stage(data: Path, out: Path) -> None:
    """Write the scenes of a light stage averaged down to a long edge of about EDGE_PX; keeps those that are there."""
    out.mkdir(parents=True, exist_ok=True)
    shards = Shards(data)
    for index, path in enumerate(shards.paths):
        if (out / path.name).exists():
            continue
        scene = shards.read(index)
        height, width = scene.light.shape[2:4]
        factor = max(1, max(height, width) // EDGE_PX)
        rows, columns = height // factor, width // factor
        light = scene.light[:, :, : rows * factor, : columns * factor].astype(np.float32)
        light = light.reshape(*light.shape[:2], rows, factor, columns, factor, 3).mean((3, 5))
        moving = np.ascontiguousarray(scene.moving[:, : rows * factor : factor, : columns * factor : factor])
        write_shard(out / path.name, Scene(light.astype(np.float16), moving, scene.meta))
    if not (out / MANIFEST).exists():
        write_manifest(out, shards.settings)


def box_vae() -> AutoencoderKLTemporalDecoder:
    """Return a VAE that averages squares of 8x8 pixels, and shows the averages: latents are red, green, blue and 0.

    Its residual branches add nothing. Norms would take the level out of a picture; so beside each colour lie constants
    in its group, which are larger by far: the norm divides by those, and what it subtracts is there to be added again.
    """
    vae = AutoencoderKLTemporalDecoder(
        block_out_channels=(128, 32, 32, 128),
        down_block_types=("DownEncoderBlock2D",) * 4,
        layers_per_block=1,
        scaling_factor=LATENT_SCALE,
    ).requires_grad_(False)
    for parameter in vae.parameters():
        parameter.zero_()
    for name, module in vae.named_modules():
        if name.endswith(("conv_in", "conv_shortcut", "upsamplers.0.conv", "time_conv_out", "quant_conv")):
            centre = tuple(side // 2 for side in module.kernel_size)
            module.weight[(range(3), range(3), *centre)] = 1
        if name.endswith("downsamplers.0.conv"):
            module.weight[range(3), range(3), :2, :2] = 1 / 4
    last = vae.encoder.down_blocks[-1].resnets[0], vae.decoder.up_blocks[-1].resnets[0].spatial_res_block
    for coder, resnet in zip((vae.encoder, vae.decoder), last, strict=True):
        resnet.conv_shortcut.weight.zero_()
        for colour in range(3):
            first = 4 * colour  # of the group: the colour, two constants, and 0
            resnet.conv_shortcut.weight[first, colour] = 1
            resnet.conv_shortcut.bias[first + 1 : first + 3] = torch.tensor([CONSTANT, -CONSTANT])
            coder.conv_out.weight[colour, first, 1, 1], coder.conv_out.weight[colour, first + 3, 1, 1] = 1, -1
        coder.conv_norm_out.weight.fill_(CONSTANT / 2**0.5)
        coder.conv_norm_out.bias.fill_(30)  # where SiLU is a straight line
    vae.encoder.conv_out.bias[4:] = -30  # the logarithm of a variance
    return vae


def main() -> None:
    """Make both folders."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a light stage")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    reduce_stage(args.data, args.out / "stage")
    make_svd(args.out / "base", **NETWORK)
    box_vae().save_pretrained(args.out / "base" / "vae")


if __name__ == "__main__":
    main()
