"""The clips that lie there to be tried, each with a reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True)
class Example:
    """A clip that comes with relumix. references: relit file by frame."""

    name: str
    title: str
    about: str
    folder: Path
    plate: Path
    references: Mapping[int, Path]


def examples() -> dict[str, Example]:
    """Return them by name."""
    shot, crates = (_folder(name) for name in ("shot", "crates"))
    found = (
        Example(
            "shot",
            "Still life",
            "16 frames, path traced: an overcast day, relit as sunset",
            shot,
            shot / "plate",
            {1008: shot / "truth" / "example.1008.exr"},
        ),
        Example(
            "crates",
            "Crates",
            "20 frames of the light stage: a warm evening, relit as night",
            crates,
            crates / "plate",
            {1010: crates / "relit.1010.exr"},
        ),
    )
    return {example.name: example for example in found}


def _folder(name: str) -> Path:
    return Path(str(files("relumix_examples") / name))
