"""The network: Stable Video Diffusion's U-Net, conditioned frame by frame, with a learned gate on every attention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  as everyone calls it
from diffusers import UNetSpatioTemporalConditionModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from relumix.engines.svd.loading import quiet_about_weights
from relumix.errors import InputError

_CROSS_DOWN, _DOWN = "CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"
_CROSS_UP, _UP = "CrossAttnUpBlockSpatioTemporal", "UpBlockSpatioTemporal"


class GatedAttnProcessor(nn.Module):
    """Attention whose result, heads joined, is scaled by gate * sigmoid(Linear(mean of the query tokens)).

    One factor for all the tokens of a sequence: of a frame in spatial attention, of a pixel through time in temporal.
    """

    def __init__(self, query_dim: int) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.ones(1))
        self.gate_activation = nn.Linear(query_dim, 1)

    def forward(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: None = None,
        temb: None = None,
    ) -> Tensor:
        """Attend from hidden_states [N, tokens, C] to encoder_hidden_states [N, keys, W], or to itself."""
        gate = self.gate * self.gate_activation(hidden_states.mean(dim=1, keepdim=True)).sigmoid()
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        value = attn.to_v(context)
        if context.shape[1] == 1:
            # The softmax over a single key is 1 whatever the query, so every token receives the one value.
            return attn.to_out[0](value * gate).expand(-1, hidden_states.shape[1], -1)
        query, key, value = (
            x.unflatten(-1, (attn.heads, -1)).transpose(1, 2)  # [N, heads, tokens, C / heads]
            for x in (attn.to_q(hidden_states), attn.to_k(context), value)
        )
        joined = F.scaled_dot_product_attention(query, key, value)
        return attn.to_out[0](joined.transpose(1, 2).flatten(2) * gate)


class RelightUNet(UNetSpatioTemporalConditionModel):
    """The denoiser F of one clip of latents. Its defaults are the published network (arXiv 2509.23769).

    Saved and loaded as diffusers does it: `save_pretrained`, `from_pretrained`, `from_config`.

    vector_dims  widths of the embeddings of fps and of augmentation strength, which together are `vector`.
    """

    # What the plain network is told and this one is not: frames are counted, `vector` comes embedded.
    ignore_for_config = (
        "sample_size",
        "num_frames",
        "addition_time_embed_dim",
        "projection_class_embeddings_input_dim",
    )

    @register_to_config
    def __init__(
        self,
        in_channels: int = 12,
        out_channels: int = 4,
        down_block_types: tuple[str, ...] = (_CROSS_DOWN, _CROSS_DOWN, _CROSS_DOWN, _DOWN),
        up_block_types: tuple[str, ...] = (_UP, _CROSS_UP, _CROSS_UP, _CROSS_UP),
        block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280),
        layers_per_block: int | tuple[int, ...] = 2,
        transformer_layers_per_block: int | tuple[int, ...] = 1,
        num_attention_heads: int | tuple[int, ...] = (5, 10, 20, 20),
        cross_attention_dim: int = 2048,
        vector_dims: tuple[int, int] = (256, 512),
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            out_channels=out_channels,
            down_block_types=down_block_types,
            up_block_types=up_block_types,
            block_out_channels=block_out_channels,
            layers_per_block=layers_per_block,
            transformer_layers_per_block=transformer_layers_per_block,
            num_attention_heads=num_attention_heads,
            cross_attention_dim=cross_attention_dim,
            projection_class_embeddings_input_dim=sum(vector_dims),
        )
        for module in self.modules():
            if isinstance(module, Attention):
                module.set_processor(GatedAttnProcessor(module.query_dim))

    @classmethod
    def from_pretrained(cls, path: str | Path, **kwargs: Any) -> RelightUNet:
        """Load from a folder of the network alone, or from a pipeline's folder, of which it is `unet`.

        kwargs  as diffusers' own; torch_dtype, for one.

        Raises InputError where the folder lacks a weight or has one too many: plain Stable Video Diffusion, for one.
        """
        if (Path(path) / "unet").is_dir():
            kwargs.setdefault("subfolder", "unet")
        with quiet_about_weights():
            unet, found = super().from_pretrained(path, output_loading_info=True, **kwargs)
        if wrong := sorted({*found["missing_keys"], *found["unexpected_keys"]}):
            raise InputError(
                f"the weights in {path} do not fit their config: {len(wrong)} are missing or unknown, {wrong[0]} for "
                "one; expected a folder that `relumix convert` or `relumix train svd` made"
            )
        return unet

    def save_pretrained(self, path: str | Path, **kwargs: Any) -> None:
        """Save config and weights into a folder, for all to read whom the umask lets read.

        kwargs  as diffusers' own.
        """
        super().save_pretrained(path, **kwargs)
        # safetensors shuts out all but the owner, and a farm renders as someone else.
        mode = (Path(path) / self.config_name).stat().st_mode
        for weights in Path(path).glob("*.safetensors"):
            weights.chmod(mode)

    def forward(self, latents: Tensor, c_noise: Tensor | float, context: Tensor, vector: Tensor) -> Tensor:
        """Return F's raw output [T, 4, h, w], to be put together by edm.precondition.

        latents  [T, 12, h, w], in the network's dtype: noisy target times c_in | source clip | reference.
        c_noise  [] or [1], or one a frame [T]: ln(sigma) / 4.
        context  [T, 1, W]: CLIP embedding of the source frame | of the reference.
        vector   [T, V]: see sampler.vector_conditioning.

        A batch of B clips has B in front of each of these shapes and of the result; c_noise may then be [], [1], [B]
        (one a clip) or [B, T].
        """
        if latents.ndim == 4:
            c_noise = torch.as_tensor(c_noise, device=latents.device).reshape(1, -1)
            return self.forward(latents[None], c_noise, context[None], vector[None])[0]
        clips, frames = latents.shape[:2]
        embedding = self._embed(c_noise, vector, clips, frames, latents.dtype)
        shared = {
            "temb": embedding,
            "image_only_indicator": torch.zeros(clips, frames, dtype=latents.dtype, device=latents.device),
        }
        attended = {**shared, "encoder_hidden_states": context.expand(clips, frames, -1, -1).flatten(0, 1)}

        x = self.conv_in(latents.flatten(0, 1))
        skips = (x,)
        for block in self.down_blocks:
            x, more = block(x, **(attended if hasattr(block, "attentions") else shared))
            skips += more
        x = self.mid_block(x, **attended)
        for block in self.up_blocks:
            skips, taken = skips[: -len(block.resnets)], skips[-len(block.resnets) :]
            # Sizes that are no multiple of the network's stride come up as they went down.
            size = skips[-1].shape[2:] if skips else None
            kwargs = attended if hasattr(block, "attentions") else shared
            x = block(x, res_hidden_states_tuple=taken, upsample_size=size, **kwargs)
        x = self.conv_out(self.conv_act(self.conv_norm_out(x)))
        return x.unflatten(0, (clips, frames))

    def _embed(self, c_noise: Tensor | float, vector: Tensor, clips: int, frames: int, dtype: torch.dtype) -> Tensor:
        """Return the embedding of noise level, fps and augmentation, [clips * frames, 4 * block_out_channels[0]]."""
        noise = torch.as_tensor(c_noise, device=vector.device)
        noise = (noise if noise.ndim == 2 else noise.reshape(-1, 1)).expand(clips, frames).flatten()
        vector = vector.expand(clips, frames, -1).flatten(0, 1)
        sinusoids = self.time_proj(noise)  # float32 whatever the weights
        return self.time_embedding(sinusoids.to(dtype)) + self.add_embedding(vector.to(dtype))


def lay_channels_last(network: nn.Module) -> None:
    """Lay the weights of 2D convolutions out as GPUs like them; torch refuses to do it where there are 3D ones too."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
