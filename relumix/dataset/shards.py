"""A rendered light stage on disk: one file a scene, and a manifest that says what all of them were rendered with."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relumix.errors import InputError
from relumix.util.atomic_file import replacing

FORMAT = 1
MANIFEST = "manifest.json"

Float16 = NDArray[np.float16]
UInt8 = NDArray[np.uint8]

PLANES: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "irradiance": ("float16", ("T", "L", "H", "W", 3)),
    "shadow": ("uint8", ("T", "L", "H", "W")),
    "albedo": ("float16", ("T", "H", "W", 3)),
    "normal": ("float16", ("T", "H", "W", 3)),
    "depth": ("float16", ("T", "H", "W")),
    "thing": ("uint8", ("T", "H", "W")),
    "flow_forward": ("float32", ("T", "H", "W", 2)),
    "flow_backward": ("float32", ("T", "H", "W", 2)),
    "occluded_forward": ("uint8", ("T", "H", "W")),
    "occluded_backward": ("uint8", ("T", "H", "W")),
}
"""Type and shape of each plane; docs/dataset.md says what they are."""


@dataclass(frozen=True)
class Scene:
    """One scene of T frames of height H and width W, recorded under each of its L lights alone.

    light:  [T, L, H, W, 3], scene-linear Rec.709 radiance, finite, >= 0. Light adds up: any weighted and coloured
            sum over L is this scene under another light.
    moving: [T, H, W], 0 where the surface keeps still, else the number of the moving or turning object, from 1.
    meta:   format, seed, lights, camera, textures; see docs/dataset.md.
    planes: what else is true of the pixels, by the names of PLANES: all of them, or none in older shards.
    """

    light: Float16
    moving: UInt8
    meta: dict[str, Any]
    planes: dict[str, NDArray[Any]] = field(default_factory=dict)


class Shards:
    """The scenes of a folder, in order of name. Nothing is kept open: read in as many processes as you like."""

    def __init__(self, folder: Path) -> None:
        """Raises InputError where the folder holds no light stage, or one of another format."""
        self.folder = folder
        self.settings = read_manifest(folder)
        self.paths = sorted(folder.glob("scene_*.npz"))

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, index: int) -> Scene:
        """Return a scene; raises InputError, naming the file, where it is not whole or not what `Scene` promises."""
        return read_shard(self.paths[index])


def shard_path(folder: Path, seed: int) -> Path:
    """Return where the scene of a seed is kept."""
    return folder / f"scene_{seed:06d}.npz"


def read_shard(path: Path) -> Scene:
    """Return the scene of a file; raises InputError, naming it, where it is not whole or not what `Scene` promises."""
    try:
        with np.load(path, allow_pickle=False) as file:
            light, moving, meta = file["light"], file["moving"], json.loads(str(file["meta"]))
            planes = {name: file[name] for name in PLANES if name in file.files}
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _bad(path, f"cannot be read ({error})") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise _bad(path, f"has no description of format {FORMAT}")
    if light.dtype != np.float16 or light.ndim != 5 or light.shape[-1] != 3 or 0 in light.shape:
        raise _bad(path, f"has light {light.dtype} {light.shape}, expected float16 [T, L, H, W, 3]")
    expected = (light.shape[0], *light.shape[2:4])
    if moving.dtype != np.uint8 or moving.shape != expected:
        raise _bad(path, f"has moving {moving.dtype} {moving.shape}, expected uint8 {expected}")
    # One pass: NaN fails both comparisons, so that no array of flags is made for each.
    if not (light.min() >= 0 and light.max() < np.inf):
        raise _bad(path, "has light that is negative or not finite")
    _check_planes(path, planes, light.shape)
    return Scene(light, moving, meta, planes)


def _check_planes(path: Path, planes: Mapping[str, NDArray[Any]], light: tuple[int, ...]) -> None:
    if planes and (missing := [name for name in PLANES if name not in planes]):
        raise _bad(path, f"has some planes but no {', no '.join(missing)}")
    sides = dict(zip("TLHW", light, strict=False))
    for name, plane in planes.items():
        kind, letters = PLANES[name]
        expected = tuple(side if isinstance(side, int) else sides[side] for side in letters)
        if plane.dtype.name != kind or plane.shape != expected:
            raise _bad(path, f"has {name} {plane.dtype} {plane.shape}, expected {kind} {expected}")


def write_shard(path: Path, scene: Scene) -> None:
    """Write a scene, whole or not at all."""
    meta = np.array(json.dumps(scene.meta))
    arrays: dict[str, Any] = {"light": scene.light, "moving": scene.moving, "meta": meta, **scene.planes}
    with replacing(path) as name, name.open("wb") as file:
        np.savez(file, **arrays)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the settings of a light stage; raises InputError where there is none, or one of another format."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} is no light stage: it has no {MANIFEST}; make one with `relumix dataset render`"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); restore it, or render into a new folder") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{path} is not of format {FORMAT}, which this relumix reads; render into a new folder")
    settings = manifest.get("settings")
    return dict(settings) if isinstance(settings, Mapping) else {}


def write_manifest(folder: Path, settings: Mapping[str, Any]) -> None:
    """Say what a light stage is rendered with, whole or not at all."""
    with replacing(folder / MANIFEST) as name:
        name.write_text(json.dumps({"format": FORMAT, "settings": dict(settings)}, indent=2) + "\n", encoding="utf-8")


def _bad(path: Path, what: str) -> InputError:
    return InputError(f"{path} {what}; `relumix dataset render` makes it again")
