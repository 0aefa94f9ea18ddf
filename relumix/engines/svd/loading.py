"""Weights from folders as diffusers and transformers keep them: all of them, or an error that names what is wrong."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from relumix.errors import InputError
from relumix.util.json_object import read_object

DTYPES = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "autocast": torch.float32,
}
"""What weights are held in, by precision."""

UNREADABLE = (OSError, ValueError, TypeError, LookupError, RuntimeError, SafetensorError)
"""What diffusers and safetensors raise at files that are none of theirs."""

_VARIANT = re.compile(r"(?P<stem>diffusion_pytorch_model|model)(\.(?P<variant>\w+))?(-\d+-of-\d+)?\.safetensors")


def weight_files(folder: Path) -> tuple[str | None, list[Path]]:
    """Return the variant of the weights that are read from a part's folder, and their files, ascending.

    The plain ones where they are there, in full precision; else those of the one variant there is, "fp16" first.
    """
    found: dict[str | None, list[Path]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        if match := _VARIANT.fullmatch(path.name):
            found.setdefault(match["variant"], []).append(path)
    for variant in (None, "fp16", *sorted(name for name in found if name)):
        if variant in found:
            return variant, found[variant]
    return None, []


def load_diffusers(kind: Any, folder: Path, dtype: torch.dtype) -> Any:
    """Load a network of diffusers' from its folder. Raises InputError where it, or one of its weights, is not there."""
    variant, _ = weight_files(folder)
    read_json(folder / "config.json")  # one that is no object diffusers takes for a name, and asks the Hub for it
    try:
        with quiet_about_weights():
            network, found = kind.from_pretrained(
                folder, torch_dtype=dtype, use_safetensors=True, variant=variant, output_loading_info=True
            )
    except UNREADABLE as error:
        raise unreadable(folder, error) from error
    refuse_other_weights(folder, found["missing_keys"], found["unexpected_keys"])
    return network


def check_weights(wanted: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor], folder: Path) -> None:
    """Raise InputError for a weight too many, one too few, or one of another shape than is wanted."""
    refuse_other_weights(folder, wanted.keys() - weights.keys(), weights.keys() - wanted.keys())
    for name, value in wanted.items():
        if weights[name].shape != value.shape:
            raise InputError(
                f"{folder} has {name} as {list(weights[name].shape)}, expected {list(value.shape)} as its config.json "
                "says: get both again, from one place"
            )


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a part's folder by name. Raises InputError where there are none that can be read."""
    _, files = weight_files(folder)
    if not files:
        raise InputError(f"{folder} has no weights: expected model.safetensors, or model.fp16.safetensors, in it")
    try:
        return {name: tensor for file in files for name, tensor in load_file(file).items()}
    except UNREADABLE as error:
        raise unreadable(folder, error) from error


def read_json(path: Path) -> dict[str, Any]:
    """Return what a part's JSON file says. Raises InputError where it cannot be read, or holds no object."""
    return read_object(path, "get it again from where the weights are from")


def refuse_other_weights(folder: Path, missing: Sequence[str] | set[str], unknown: Sequence[str] | set[str]) -> None:
    """Raise InputError where a folder lacks weights or has some that its network does not know."""
    for names, wrong in ((missing, "lacks"), (unknown, "has, and its network does not know,")):
        if names:
            raise InputError(
                f"{folder} {wrong} {len(names)} of the weights, {min(names)} for one: expected all that its "
                "config.json speaks of and no more, get both again, from one place"
            )


def unreadable(folder: Path, error: Exception) -> InputError:
    """Return the error to raise for a folder that a library refused by one of UNREADABLE."""
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return InputError(f"{folder} is no part of an svd model that can be read: {first}")


@contextmanager
def quiet_about_weights() -> Iterator[None]:
    """Keep back diffusers' words on weights that are missing: it is our error, and names them by the hundred."""
    ours = ("newly initialized", "were not used", "error occurred while trying to fetch")

    def says_more(record: logging.LogRecord) -> bool:
        return not any(words in record.getMessage() for words in ours)

    logger = logging.getLogger("diffusers.models.modeling_utils")
    logger.addFilter(says_more)
    try:
        yield
    finally:
        logger.removeFilter(says_more)
