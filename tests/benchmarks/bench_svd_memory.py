"""What relumix.engines.svd.memory counts on: values that live at once in the full-size networks. No GPU; half a minute.

python tests/benchmarks/bench_svd_memory.py
"""

from __future__ import annotations

import argparse
import weakref

import torch
import torch.nn.functional as F  # noqa: N812  as everyone calls it
from diffusers import AutoencoderKLTemporalDecoder
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from relumix.engines.svd.network import RelightUNet

VAE = {"block_out_channels": (128, 256, 512, 512), "down_block_types": ("DownEncoderBlock2D",) * 4}


class Living(TorchDispatchMode):
    """Counts the bytes of all tensors that live at once, made while it is on."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[int, int] = {}
        self.peak = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        inputs = {t.untyped_storage()._cdata for t in tree_flatten((args, kwargs))[0] if isinstance(t, Tensor)}
        for tensor in tree_flatten(out)[0]:
            if isinstance(tensor, Tensor) and (key := tensor.untyped_storage()._cdata) not in inputs | set(self._sizes):
                self._sizes[key] = tensor.untyped_storage().nbytes()
                weakref.finalize(tensor.untyped_storage(), self._sizes.pop, key, None)
                self.peak = max(self.peak, sum(self._sizes.values()))
        return out


def counted() -> dict[str, float]:
    """Return the factors of relumix.engines.svd.memory by name, counted on tensors without data."""

    def flash(query: Tensor, key: Tensor, value: Tensor, *args: object, **kwargs: object) -> Tensor:
        return query.new_empty((*query.shape[:-1], value.shape[-1]))

    frames, side = 14, 64
    pixels = (8 * side) ** 2
    exact, F.scaled_dot_product_attention = F.scaled_dot_product_attention, flash
    try:
        with torch.device("meta"), torch.no_grad():
            unet, vae = RelightUNet(), AutoencoderKLTemporalDecoder(**VAE, layers_per_block=2)
            for network in (unet, vae):
                for module in network.modules():  # some are made on the CPU whatever is asked
                    for name, parameter in module.named_parameters(recurse=False):
                        setattr(module, name, torch.nn.Parameter(parameter.to("meta"), requires_grad=False))
            shapes = ((12, side, side), (1, 2048), (768,))
            latents, context, vector = (torch.empty(2, frames, *shape) for shape in shapes)
            works = (
                ("UNET_VALUES_A_LATENT", 2 * frames * side**2, lambda: unet(latents, torch.empty(1), context, vector)),
                ("DECODER_VALUES_A_PIXEL", 4 * pixels, lambda: vae.decode(torch.empty(4, 4, side, side), 4)),
                ("ENCODER_VALUES_A_PIXEL", pixels, lambda: vae.encode(torch.empty(1, 3, 8 * side, 8 * side))),
            )
            found = {}
            for name, values, work in works:
                with Living() as living:
                    work()
                found[name] = living.peak / values / 4
            return found
    finally:
        F.scaled_dot_product_attention = exact


def main() -> None:
    """Count and print."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    for name, factor in counted().items():
        print(f"{name} {factor:.0f}")


if __name__ == "__main__":
    main()
