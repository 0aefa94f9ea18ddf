"""The clips that lie there to be tried, each with a reference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from relumix.web.clips import Shapes


@dataclass(frozen=True)
class Example:
    """A clip that comes with relumix. references: relit file by frame; shapes: what lies beside it for lamps."""

    name: str
    title: str
    about: str
    folder: Path
    plate: Path
    references: Mapping[int, Path]
    shapes: Shapes = field(default_factory=Shapes)


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
            _shapes(shot),
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


def _shapes(shot: Path) -> Shapes:
    shape = shot / "geometry" / "shape.1001.exr"
    maps = {"position": shape, "normals": shape, "albedo": shape.with_name("albedo.1001.exr")}
    return Shapes(maps, (1001,), json.loads((shot / "lights.json").read_text(encoding="utf-8")))


def _folder(name: str) -> Path:
    return Path(str(files("relumix_examples") / name))
