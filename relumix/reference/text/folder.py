"""A folder of an image model, as diffusers keeps them: looked at without loading it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relumix.errors import InputError
from relumix.reference.text.weights import missing
from relumix.util.json_object import read_object

INDEX = "model_index.json"

_PIPELINE = re.compile(r"[A-Z]\w*Pipeline\w*")
_PICKLED = (".bin", ".ckpt", ".pt", ".pth", ".pkl")

LEFT_OUT = ("safety_checker", "image_encoder")
"""Parts that are not used: nothing of the picture is shown but its light."""


@dataclass(frozen=True)
class ModelFolder:
    """A folder that holds all of an image model.

    pipeline  the class of diffusers that it was saved from.
    parts     its parts by name, each the library and the class that reads it.
    variant   "fp16" where its weights are kept in that alone, else None.
    """

    path: Path
    pipeline: str
    parts: dict[str, tuple[str, str]]
    variant: str | None

    @property
    def files(self) -> list[Path]:
        """The files that say what it makes of a picture."""
        kept = (self.path / INDEX, *(path for name in self.parts for path in sorted((self.path / name).iterdir())))
        return [path for path in kept if path.suffix in (".json", ".safetensors")]

    @classmethod
    def of(cls, path: Path) -> ModelFolder:
        """Look at a folder. Raises InputError, which says what is missing and what fetches it."""
        if not path.exists():
            raise missing(f"no image model at {path}", path)
        if path.is_file():
            raise InputError(f"{path} is a file: expected the folder of a model as diffusers keeps it, with {INDEX}")
        if not (path / INDEX).is_file():
            raise missing(f"{path} has no {INDEX}, so it is no image model as diffusers keeps them", path)
        index = _read_index(path / INDEX)
        pipeline = index.get("_class_name")
        if not isinstance(pipeline, str) or not _PIPELINE.fullmatch(pipeline):
            raise InputError(f"{path / INDEX} names the pipeline {pipeline!r}: expected one of diffusers' own")
        parts = dict(_parts(path / INDEX, index))
        variants = {_variant_of(path, name) for name in parts} - {""}
        return cls(path, pipeline, parts, "fp16" if variants == {"fp16"} else None)


def _read_index(path: Path) -> dict[str, Any]:
    return read_object(path, "get it again from where the model is from")


def _parts(path: Path, index: dict[str, Any]) -> list[tuple[str, tuple[str, str]]]:
    found = []
    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list) or name in LEFT_OUT or value[:1] == [None]:
            continue
        if len(value) != 2 or not all(isinstance(each, str) for each in value) or "/" in name or ".." in name:
            raise InputError(f"{path} has the part {name!r} as {value}: expected a library and a class")
        found.append((name, (value[0], value[1])))
    return found


def _variant_of(path: Path, name: str) -> str:
    """Return "fp16" or "full" for the weights of a part, "" where it needs none. Raises InputError where some lack."""
    folder = path / name
    if not folder.is_dir():
        raise missing(f"{path} lacks its part {name}", path)
    for config in folder.glob("*config.json"):  # one that is no object diffusers takes for a name, and asks the Hub
        _read_index(config)
    if not (folder / "config.json").is_file():
        return ""  # a tokenizer, a scheduler
    weights = [file.name for file in folder.glob("*.safetensors")]
    if lost := sorted(_listed(folder) - set(weights)):
        raise missing(f"{folder} lacks {lost[0]}", path)
    if weights:
        return "fp16" if all(".fp16" in each for each in weights) else "full"
    if pickled := sorted(file.name for file in folder.iterdir() if file.suffix in _PICKLED):
        raise InputError(
            f"{folder} has its weights as {pickled[0]}, which can run code as it is read: expected .safetensors, which "
            "most models come with too"
        )
    raise missing(f"{folder} has no weights", path)


def _listed(folder: Path) -> set[str]:
    """Return the files that the index of a part in several files names."""
    names: set[str] = set()
    for index in folder.glob("*.safetensors.index.json"):
        of_weights = _read_index(index).get("weight_map")
        if not isinstance(of_weights, dict) or not all(isinstance(file, str) for file in of_weights.values()):
            raise InputError(f"{index} has no weight_map: expected the file of each weight")
        names |= set(of_weights.values())
    return names
