"""A checkpoint in sgm's layout becomes a folder that diffusers loads: every key is used, every parameter filled."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from relumix.engines.svd.layout import PUBLISHED, network_config, sgm_names
from relumix.engines.svd.network import RelightUNet
from relumix.errors import InputError

NETWORK_PREFIX = "model.diffusion_model."
FROZEN_PREFIXES = ("first_stage_model.", "conditioner.")
"""sgm's VAE and CLIP. The method trains neither, so they are the base's own."""

BASE_PARTS = ("vae", "image_encoder", "feature_extractor", "scheduler")


@dataclass(frozen=True)
class Converted:
    """What was written.

    network       folder of the U-Net: RelightUNet.from_pretrained takes it.
    parameters    how many numbers it has.
    dtypes        types they are stored as: the checkpoint's own.
    left_out      tensors of the VAE and CLIP in the checkpoint.
    """

    network: Path
    parameters: int
    dtypes: tuple[str, ...]
    left_out: int


def convert(checkpoint: Path, output: Path, *, config: Path | None = None, base: Path | None = None) -> Converted:
    """Write the folder `output`; nothing is left of it where that fails.

    checkpoint  .safetensors, or a .pth or .ckpt of nothing but tensors: no code in it is ever run.
    config      JSON of the network's hyper-parameters as sgm names them; without it, the published network's.
    base        folder of Stable Video Diffusion as diffusers saves it. With it, output is a whole pipeline: the network
                in output/unet, the base's other parts beside it, as hard links where the file system allows. Without
                it, output is the network's folder.

    Raises InputError for files that cannot be read or hold more than tensors, keys too many or too few, other shapes, a
    base that lacks parts, an output that is there already.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output} is there already: expected a new or an empty folder, choose another with -o")
    if base is not None:
        check_base(base)
    wanted = network_config(PUBLISHED if config is None else read_config(config))
    network, left_out = split_checkpoint(read_checkpoint(checkpoint))
    unet = load_network(network, wanted, checkpoint)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as scratch:
            made = Path(scratch) / "made"
            unet.save_pretrained(made if base is None else made / "unet")
            if base is not None:
                add_base(made, base)
            made.replace(output)
    except OSError as error:
        raise InputError(
            f"cannot write {output}: {error.strerror or error}; free the place or choose another"
        ) from error
    return Converted(
        network=output if base is None else output / "unet",
        parameters=sum(p.numel() for p in unet.parameters()),
        dtypes=tuple(sorted({str(p.dtype).removeprefix("torch.") for p in unet.parameters()})),
        left_out=left_out,
    )


def read_config(path: Path) -> dict[str, Any]:
    """Return the hyper-parameters of a JSON file. Raises InputError where there are none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the network's config {path}: {error}; expected a JSON file") from error
    if not isinstance(found, dict):
        raise InputError(f"the network's config {path} is a JSON {type(found).__name__}: expected an object of names")
    return found


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name, on the CPU; those under "state_dict" where that is in it.

    Raises InputError for a file that is not there, cannot be read, or holds anything but tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles that it refuses in the next line
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} holds more than tensors and was not loaded, as code hidden in such a file would run: expected "
            "tensors alone, get it from its authors as .safetensors"
        ) from error
    except (OSError, EOFError, RuntimeError, ValueError, safetensors.SafetensorError) as error:
        raise InputError(f"cannot read the checkpoint {path}: {error}; expected .pth, .ckpt or .safetensors") from error
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict):
        raise InputError(f"{path} holds a {type(found).__name__}: expected a dictionary of tensors")
    if other := [str(name) for name, value in found.items() if not isinstance(value, Tensor)]:
        raise InputError(f"{path} holds more than tensors, namely {_some(other)}: expected a dictionary of tensors")
    return found


def split_checkpoint(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], int]:
    """Return the network's tensors, without their prefix, and how many of the frozen VAE and CLIP were left out.

    Tensors of neither keep their names, so that who takes the network's finds them unexpected.
    """
    network, left_out = {}, 0
    for name, tensor in tensors.items():
        if name.startswith(FROZEN_PREFIXES):
            left_out += 1
        else:
            network[name.removeprefix(NETWORK_PREFIX)] = tensor
    return network, left_out


def load_network(tensors: Mapping[str, Tensor], config: Mapping[str, Any], source: Path) -> RelightUNet:
    """Return the network of this config that has sgm's tensors as its parameters, of their own types.

    source  named in the InputError that is raised for keys too many or too few, or other shapes.
    """
    with torch.device("meta"):
        unet = RelightUNet(**config)
    names, empty = sgm_names(unet), unet.state_dict()
    if missing := [theirs for theirs in names.values() if theirs not in tensors]:
        raise InputError(f"{source} lacks {_some(missing)}: expected the network of the config, check --config")
    if unexpected := sorted(tensors.keys() - names.values()):
        raise InputError(f"{source} has {_some(unexpected)}, unknown to the network of the config: check --config")
    shapes = [
        f"{theirs} as {list(tensors[theirs].shape)} and not {list(empty[ours].shape)}"
        for ours, theirs in names.items()
        if tensors[theirs].shape != empty[ours].shape
    ]
    if shapes:
        raise InputError(f"{source} has {_some(shapes)}: expected the network of the config, check --config")
    unet.load_state_dict({ours: tensors[theirs].contiguous() for ours, theirs in names.items()}, assign=True)
    return unet


def _some(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def check_base(base: Path) -> None:
    """Raise InputError where a folder lacks a part that `add_base` takes from it."""
    if lacks := [part for part in BASE_PARTS if not (base / part).is_dir()]:
        raise InputError(
            f"the base {base} has no folder {', '.join(lacks)}: expected Stable Video Diffusion as diffusers saves it"
        )


def add_base(made: Path, base: Path) -> None:
    """Put the parts of Stable Video Diffusion that are not trained beside a network in made/unet."""
    for part in BASE_PARTS:
        shutil.copytree(base / part, made / part, copy_function=_link)


def _link(source: str, target: str) -> None:
    """Link rather than copy gigabytes; a hard link outlives the base, and a download's cache is full of soft ones."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copy2(source, target)
