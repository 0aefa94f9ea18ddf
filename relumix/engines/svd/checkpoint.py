"""A checkpoint in the layout of Stability's `generative-models` ("sgm"): its tensors, sorted by what they belong to."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from relumix.errors import InputError
from relumix.util.words import first_of

NETWORK_PREFIX = "model.diffusion_model."
AVERAGE_PREFIX = "model_ema."
FROZEN_PREFIXES = ("first_stage_model.", "conditioner.")
"""sgm's VAE and CLIP. The method trains neither, so they are the base's own."""

LOSS_PREFIXES = ("lpips.", "loss_fn.")
"""Networks that only the loss of training asks: LPIPS is a submodule of the authors' model, and saved with it."""

_NESTED_IN = ("state_dict", "module")
_WRAPPED_IN = ("module.", "_forward_module.")
"""What Lightning and DeepSpeed save a model's tensors under, and what distributed training puts before their names."""

_COMPILED = "_orig_mod."
"""What torch.compile puts before the names within a module, wherever that is."""

_PICKLED = b"\x80"
"""What torch's older files begin with."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds.

    network  sgm's tensors of the U-Net by name, without their prefix; and whatever belongs to nothing that is known, by
             its whole name, so that who takes the network finds it unexpected.
    average  the running average of the network's (`model_ema.*`), by sgm's names for those, without their prefix.
    frozen, loss  how many tensors of VAE and CLIP, and of the loss's networks, were left out.
    """

    network: dict[str, Tensor]
    average: dict[str, Tensor]
    frozen: int
    loss: int

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read a file (see read_checkpoint)."""
        return cls.of(read_checkpoint(path))

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Checkpoint:
        """Sort tensors by their prefixes."""
        network, average, frozen, loss = {}, {}, 0, 0
        for wrapped, tensor in tensors.items():
            name = _unwrapped(wrapped)
            if name.startswith(FROZEN_PREFIXES):
                frozen += 1
            elif name.startswith(LOSS_PREFIXES):
                loss += 1
            elif name.startswith(AVERAGE_PREFIX):
                average[name.removeprefix(AVERAGE_PREFIX)] = tensor
            else:
                network[name.removeprefix(NETWORK_PREFIX)] = tensor
        return cls(network, average, frozen, loss)

    def averaged(self, names: Iterable[str], source: Path) -> dict[str, Tensor]:
        """Return the network's tensors as the running average has them; those that were not trained are in none.

        names   sgm's of the whole network, without their prefix.
        source  named in the InputError that is raised where there is no average, or not of this network.
        """
        if not self.average:
            raise InputError(f"{source} has no running average (model_ema.*): leave out --ema")
        # sgm keeps it as buffers, whose names may hold no dots; the module averaged holds the U-Net as diffusion_model.
        known = {f"diffusion_model.{name}".replace(".", ""): name for name in names}
        if other := sorted(self.average.keys() - known.keys() - {"decay", "num_updates"}):
            raise InputError(
                f"{source} has the running average of {first_of(other)}, unknown to the network of the config: check "
                "--config"
            )
        return {**self.network, **{known[name]: tensor for name, tensor in self.average.items() if name in known}}


def _unwrapped(name: str) -> str:
    name = name.replace(_COMPILED, "")
    for prefix in _WRAPPED_IN:
        name = name.removeprefix(prefix)
    return name


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name, on the CPU; those nested in it where it is a trainer's.

    Raises InputError for a file that is not there, cannot be read, or holds anything but tensors.
    """
    try:
        found = _load(path)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} holds more than tensors and was not loaded, as code hidden in such a file would run: expected "
            "tensors alone, get it from its authors as .safetensors"
        ) from error
    except Exception as error:  # torch reads a damaged pickle until something of its own fails
        said = "it is damaged" if isinstance(error, LookupError) or not str(error) else error
        raise InputError(f"cannot read the checkpoint {path}: {said}; expected .pth, .ckpt or .safetensors") from error
    while isinstance(found, dict) and (inner := [name for name in _NESTED_IN if isinstance(found.get(name), dict)]):
        found = found[inner[0]]
    if not isinstance(found, dict):
        raise InputError(f"{path} holds a {type(found).__name__}: expected a dictionary of tensors")
    if other := [str(name) for name, value in found.items() if not (isinstance(name, str) and _is_plain(value))]:
        raise InputError(f"{path} holds more than tensors, namely {first_of(other)}: expected a dictionary of tensors")
    return found


def _load(path: Path) -> Any:
    """Return what a file holds, whatever its name says of its kind; tensors, and what cannot hold code."""
    with path.open("rb") as file:
        start = file.read(9)
    if path.suffix == ".safetensors" or start.endswith(b"{"):  # its header is JSON, behind eight bytes of its length
        return safetensors.torch.load_file(path)
    zipped = zipfile.is_zipfile(path)
    if not zipped and start[:1] != _PICKLED and start[:2] != b"PK":
        raise ValueError(
            f"it begins with {start!r}, and so is no file of torch's, or not all of one: download it again"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pickles that it refuses in the next line
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)


def _is_plain(value: object) -> bool:
    """Whether it is a tensor with its values in memory, row by row."""
    return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_meta
