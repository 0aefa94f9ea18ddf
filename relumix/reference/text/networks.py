"""The networks of an image model, each with all of its weights.

A pipeline of diffusers fills what its files lack with random numbers, without a word where transformers reads them.
"""

from __future__ import annotations

import inspect
from collections.abc import Container
from typing import Any

import diffusers
import torch
import transformers

from relumix.engines.svd.loading import refuse_other_weights
from relumix.errors import InputError
from relumix.reference.text.folder import ModelFolder

_LOADS_FILES_OF_ITS_OWN = (diffusers.DiffusionPipeline, diffusers.OnnxRuntimeModel)
"""Parts that are none: what a folder within the folder says was not looked at, and ONNX is no safetensors."""


def networks(folder: ModelFolder, wanted: Container[str], dtype: torch.dtype) -> dict[str, Any]:
    """Load those parts of a folder that have weights, by name.

    wanted  names of parts.

    Raises InputError for a part that a library other than diffusers and transformers would read, or one that lacks
    weights; and whatever the two raise at files that are none of theirs.
    """
    kinds = {name: _kind_of(folder, name) for name in folder.parts}
    return {
        name: _network(folder, name, kind, dtype)
        for name, kind in kinds.items()
        if name in wanted
        and kind is not None
        and issubclass(kind, (diffusers.ModelMixin, transformers.PreTrainedModel))
    }


def _kind_of(folder: ModelFolder, name: str) -> Any | None:
    """Return the class that reads a part; None where diffusers knows it by another name. Raises InputError."""
    library, kind = folder.parts[name]
    homes = {"diffusers": diffusers, "transformers": transformers}
    home = homes.get(library) or getattr(diffusers.pipelines, library, None)
    if not inspect.ismodule(home):
        raise InputError(f"{folder.path} wants {library} to read its part {name}: expected diffusers or transformers")
    found = getattr(home, kind, None)
    if inspect.isclass(found) and issubclass(found, _LOADS_FILES_OF_ITS_OWN):
        raise InputError(f"{folder.path} has its part {name} as {kind}: expected a network, a scheduler or a tokenizer")
    return found if inspect.isclass(found) else None


def _network(folder: ModelFolder, name: str, kind: Any, dtype: torch.dtype) -> Any:
    """Load a network. Raises InputError where its files lack weights."""
    part = folder.path / name
    words = {"use_safetensors": True, "local_files_only": True, "variant": folder.variant, "torch_dtype": dtype}
    network, found = kind.from_pretrained(part, output_loading_info=True, **words)
    refuse_other_weights(part, found["missing_keys"], ())
    return network
