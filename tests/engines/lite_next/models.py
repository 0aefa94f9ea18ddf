"""Weights of the network, tiny and random, on disk as the training writes them."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from relumix.engines.lite_next.network import LightNet


def make_weights(folder: Path, seed: int = 2) -> Path:
    """Write a network that answers something; returns the file."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = LightNet((16, 16, 24, 24), (16, 16, 24, 24))
        torch.nn.init.normal_(network.said.weight, std=0.3)
    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    path = folder / "lite.safetensors"
    save_file(weights, path, metadata={"network": json.dumps(network.shape)})
    return path
