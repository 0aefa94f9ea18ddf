"""A checkpoint in sgm's layout becomes a folder that diffusers loads: every key is used, every parameter filled."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from relumix.engines.svd.checkpoint import Checkpoint
from relumix.engines.svd.network import RelightUNet
from relumix.engines.svd.sgm_layout import PUBLISHED, is_gate, is_spatial, network_config, sgm_names
from relumix.errors import InputError
from relumix.util.words import first_of

BASE_PARTS = ("vae", "image_encoder", "feature_extractor")
"""What a model takes from Stable Video Diffusion as it is."""


@dataclass(frozen=True)
class Converted:
    """What was written.

    network       folder of the U-Net: RelightUNet.from_pretrained takes it.
    parameters    how many numbers it has.
    dtypes        types they are stored as: the checkpoint's own.
    frozen, loss  tensors of VAE and CLIP, and of the loss's networks, that were left out.
    averages      those of a running average that were: 0 where it was taken.
    """

    network: Path
    parameters: int
    dtypes: tuple[str, ...]
    frozen: int
    loss: int
    averages: int


def convert(
    checkpoint: Path, output: Path, *, config: Path | None = None, base: Path | None = None, ema: bool = False
) -> Converted:
    """Write the folder `output`; nothing is left of it where that fails.

    checkpoint  .safetensors, or a .pth or .ckpt of nothing but tensors: no code in it is ever run.
    config      JSON of the network's hyper-parameters as sgm names them; without it, the published network's.
    base        folder of Stable Video Diffusion as diffusers saves it. With it, output is a whole model: the network in
                output/unet, the base's other parts beside it, as hard links where the file system allows. Without it,
                output is the network's folder.
    ema         take the running average of the network's weights in place of the last ones.

    Raises InputError for files that cannot be read or hold more than tensors, keys too many or too few, other shapes, a
    base that lacks parts, an output that is there already.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output} is there already: expected a new or an empty folder, choose another with -o")
    if base is not None:
        check_base(base)
    wanted = network_config(PUBLISHED if config is None else read_config(config))
    found = Checkpoint.read(checkpoint)
    unet = empty_network(wanted)
    tensors = found.averaged(sgm_names(unet).values(), checkpoint) if ema else found.network
    fill_network(unet, tensors, checkpoint)
    _write(unet, output, base)
    return Converted(
        network=output if base is None else output / "unet",
        parameters=sum(p.numel() for p in unet.parameters()),
        dtypes=tuple(sorted({str(p.dtype).removeprefix("torch.") for p in unet.parameters()})),
        frozen=found.frozen,
        loss=found.loss,
        averages=0 if ema else len(found.average),
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


def empty_network(config: Mapping[str, Any]) -> RelightUNet:
    """Return the network of a config without any weights."""
    with torch.device("meta"):
        return RelightUNet(**config)


def fill_network(unet: RelightUNet, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Make sgm's tensors the parameters of a network, of their own types.

    source  named in the InputError that is raised for keys too many or too few, or other shapes.
    """
    names, empty = sgm_names(unet), unet.state_dict()
    _refuse_missing([theirs for theirs in names.values() if theirs not in tensors], names.values(), source)
    if unexpected := sorted(tensors.keys() - set(names.values())):
        raise InputError(f"{source} has {first_of(unexpected)}, unknown to the network of the config: check --config")
    shapes = [
        f"{theirs} as {list(tensors[theirs].shape)} and not {list(empty[ours].shape)}"
        for ours, theirs in names.items()
        if tensors[theirs].shape != empty[ours].shape
    ]
    if shapes:
        raise InputError(f"{source} has {first_of(shapes)}: expected the network of the config, check --config")
    if coarse := [
        f"{name} in {tensors[name].dtype}" for name in names.values() if not tensors[name].is_floating_point()
    ]:
        raise InputError(f"{source} has {first_of(coarse)}: expected weights in float16, bfloat16 or float32")
    unet.load_state_dict({ours: tensors[theirs].contiguous() for ours, theirs in names.items()}, assign=True)


def _refuse_missing(missing: list[str], all_names: Collection[str], source: Path) -> None:
    """Raise InputError for missing tensors: in a sentence of its own where they are the gates of one kind."""
    gates = [name for name in all_names if is_gate(name)]
    for kind, of_kind in (("", gates), ("spatial ", [name for name in gates if is_spatial(name)])):
        if missing and set(missing) == set(of_kind):
            raise InputError(
                f"{source} was saved by a network whose {kind}attentions are not gated: the {len(missing)} tensors of "
                "their gates are missing and all others are there; expected the published one, which gates every "
                "attention"
            )
    if missing:
        raise InputError(f"{source} lacks {first_of(missing)}: expected the network of the config, check --config")


def _write(unet: RelightUNet, output: Path, base: Path | None) -> None:
    """Write a network's folder, or with a base a whole model's: all of it, or nothing."""
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
