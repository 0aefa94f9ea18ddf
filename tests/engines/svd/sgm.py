"""Checkpoints in sgm's layout, of small random networks."""

import pytest
import torch

from relumix.engines.svd.convert import convert
from relumix.engines.svd.network import RelightUNet
from relumix.engines.svd.sgm_layout import network_config, sgm_names
from relumix.errors import InputError

PREFIX = "model.diffusion_model."


SMALL = {
    "model_channels": 32,
    "channel_mult": [1, 2],
    "num_res_blocks": 1,
    "num_head_channels": 16,
    "attention_resolutions": [2],
    "context_dim": 24,
    "adm_in_channels": 96,
    "fps_embed_dim": 32,
    "cond_aug_embed_dim": 64,
}


def network(sgm, seed=0):
    torch.manual_seed(seed)
    return RelightUNet(**network_config(sgm)).eval()


def checkpoint(unet, prefix=PREFIX):
    weights = unet.state_dict()
    return {prefix + theirs: weights[ours].clone() for ours, theirs in sgm_names(unet).items()}


def same_weights(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def refusal(*args, **kwargs):
    with pytest.raises(InputError) as error:
        convert(*args, **kwargs)
    return str(error.value)
