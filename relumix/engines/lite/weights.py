"""The network's weights on disk."""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path

from safetensors import SafetensorError, safe_open

from relumix.engines.lite.network import LightNet
from relumix.errors import InputError

WEIGHTS = "lite.safetensors"


def shipped_weights() -> Path:
    """Return the folder of the weights that come with the package."""
    return Path(__file__).parent


def load_network(path: Path) -> LightNet:
    """Return the network of a weights file, or of the folder that holds one; ready to infer.

    Raises InputError where there is none, or a key is missing or unknown.
    """
    file = _file(path)
    try:
        with safe_open(file, "pt") as kept:
            shape = json.loads((kept.metadata() or {})["network"])
            weights = {key: kept.get_tensor(key).float() for key in kept.keys()}  # noqa: SIM118  it is not a mapping
        network = LightNet(**shape)
        network.load_state_dict(weights)  # strict: with half of its weights missing the network would make noise
    except FileNotFoundError as error:
        raise InputError(f"no weights for engine lite at {file}: give a file that relumix train lite made") from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{file} does not hold weights of engine lite: {reason}") from error
    return network.eval()


def digest_of(path: Path) -> str:
    """Return a digest of the weights, part of the engine's version: other weights make other frames."""
    return blake2b(_file(path).read_bytes(), digest_size=4).hexdigest()


def _file(path: Path) -> Path:
    return path / WEIGHTS if path.is_dir() else path
