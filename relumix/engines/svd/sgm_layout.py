"""Two layouts of one network: Stability's `generative-models` ("sgm"), and diffusers'. Hyper-parameters and names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from relumix.engines.svd.network import RelightUNet
from relumix.errors import InputError

PUBLISHED: Mapping[str, Any] = {
    "in_channels": 12,
    "out_channels": 4,
    "model_channels": 320,
    "channel_mult": (1, 2, 4, 4),
    "num_res_blocks": 2,
    "attention_resolutions": (4, 2, 1),
    "num_head_channels": 64,
    "transformer_depth": 1,
    "context_dim": 2048,
    "adm_in_channels": 768,
    "fps_embed_dim": 256,
    "cond_aug_embed_dim": 512,
}
"""The published network in sgm's terms; the last two are the outputs of the embedders that `vector` is made of."""

_OPTIONAL = ("in_channels", "out_channels", "transformer_depth", "fps_embed_dim", "cond_aug_embed_dim")

_INSIDE = (
    ("spatial_res_block.norm1.", "in_layers.0."),
    ("spatial_res_block.conv1.", "in_layers.2."),
    ("spatial_res_block.time_emb_proj.", "emb_layers.1."),
    ("spatial_res_block.norm2.", "out_layers.0."),
    ("spatial_res_block.conv2.", "out_layers.3."),
    ("spatial_res_block.conv_shortcut.", "skip_connection."),
    ("temporal_res_block.norm1.", "time_stack.in_layers.0."),
    ("temporal_res_block.conv1.", "time_stack.in_layers.2."),
    ("temporal_res_block.time_emb_proj.", "time_stack.emb_layers.1."),
    ("temporal_res_block.norm2.", "time_stack.out_layers.0."),
    ("temporal_res_block.conv2.", "time_stack.out_layers.3."),
    ("temporal_transformer_blocks.", "time_stack."),
    ("time_pos_embed.linear_1.", "time_pos_embed.0."),
    ("time_pos_embed.linear_2.", "time_pos_embed.2."),
    (".processor.", "."),
)
"""Inside a residual block or a transformer: diffusers' part of a name, sgm's. What is not listed is called the same."""


def network_config(sgm: Mapping[str, Any]) -> dict[str, Any]:
    """Return RelightUNet's config for sgm's hyper-parameters, named as in PUBLISHED; others are ignored.

    Raises InputError for one that is missing, or widths that do not go together.
    """
    if missing := [name for name in PUBLISHED if name not in sgm and name not in _OPTIONAL]:
        raise InputError(f"the network's config lacks {', '.join(missing)}: expected sgm's hyper-parameters")
    sgm = {**PUBLISHED, **sgm}
    dims = (int(sgm["fps_embed_dim"]), int(sgm["cond_aug_embed_dim"]))
    if sum(dims) != sgm["adm_in_channels"]:
        raise InputError(
            f"the network's config has adm_in_channels {sgm['adm_in_channels']}, expected the sum of fps_embed_dim "
            f"{dims[0]} and cond_aug_embed_dim {dims[1]}: set them all"
        )
    if sgm["channel_mult"][0] != 1:
        raise InputError(
            f"the network's config has channel_mult {sgm['channel_mult']}, expected one that begins with 1"
        )
    channels = [int(sgm["model_channels"]) * int(factor) for factor in sgm["channel_mult"]]
    attends = [2**level in sgm["attention_resolutions"] for level in range(len(channels))]
    return {
        "in_channels": sgm["in_channels"],
        "out_channels": sgm["out_channels"],
        "down_block_types": tuple("CrossAttn" * here + "DownBlockSpatioTemporal" for here in attends),
        "up_block_types": tuple("CrossAttn" * here + "UpBlockSpatioTemporal" for here in reversed(attends)),
        "block_out_channels": tuple(channels),
        "layers_per_block": _each(sgm["num_res_blocks"]),
        "transformer_layers_per_block": _each(sgm["transformer_depth"]),
        "num_attention_heads": tuple(_heads(width, int(sgm["num_head_channels"])) for width in channels),
        "cross_attention_dim": sgm["context_dim"],
        "vector_dims": dims,
    }


def _each(value: int | list[int]) -> int | tuple[int, ...]:
    return value if isinstance(value, int) else tuple(value)


def _heads(width: int, head_width: int) -> int:
    if head_width < 1 or width % head_width:
        raise InputError(f"the network's config has num_head_channels {head_width}, expected a divisor of {width}")
    return width // head_width


def sgm_names(unet: RelightUNet) -> dict[str, str]:
    """Return sgm's name, without its prefix, of every entry of the network's state_dict, by diffusers' name."""
    modules = dict(_modules(unet))
    names = {}
    for name in unet.state_dict():
        module = next(module for module in modules if name.startswith(f"{module}."))
        rest = name[len(module) :]
        for ours, theirs in _INSIDE:
            rest = rest.replace(ours, theirs)
        names[name] = modules[module] + rest
    return names


def _modules(unet: RelightUNet) -> Iterator[tuple[str, str]]:
    """Yield (diffusers' name, sgm's) of every module that sgm counts: it numbers them in the order they are run."""
    yield "time_embedding.linear_1", "time_embed.0"
    yield "time_embedding.linear_2", "time_embed.2"
    yield "add_embedding.linear_1", "label_emb.0.0"
    yield "add_embedding.linear_2", "label_emb.0.2"
    yield "conv_in", "input_blocks.0.0"
    number = 1
    for level, block in enumerate(unet.down_blocks):
        for layer in range(len(block.resnets)):
            yield f"down_blocks.{level}.resnets.{layer}", f"input_blocks.{number}.0"
            yield f"down_blocks.{level}.attentions.{layer}", f"input_blocks.{number}.1"
            number += 1
        yield f"down_blocks.{level}.downsamplers.0.conv", f"input_blocks.{number}.0.op"
        number += 1
    yield "mid_block.resnets.0", "middle_block.0"
    yield "mid_block.attentions.0", "middle_block.1"
    yield "mid_block.resnets.1", "middle_block.2"
    number = 0
    for level, block in enumerate(unet.up_blocks):
        for layer in range(len(block.resnets)):
            yield f"up_blocks.{level}.resnets.{layer}", f"output_blocks.{number}.0"
            yield f"up_blocks.{level}.attentions.{layer}", f"output_blocks.{number}.1"
            number += 1
        position = 2 if hasattr(block, "attentions") else 1
        yield f"up_blocks.{level}.upsamplers.0.conv", f"output_blocks.{number - 1}.{position}.conv"
    yield "conv_norm_out", "out.0"
    yield "conv_out", "out.2"


def is_gate(name: str) -> bool:
    """Whether sgm's name is that of a part of an attention's gate."""
    return ".gate" in name


def is_spatial(name: str) -> bool:
    """Whether sgm's name is that of a part of a spatial attention, within a frame, and not of one over time."""
    return ".transformer_blocks." in name and "time_stack" not in name
