"""A shard is read whole, or refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from relumix.dataset.shards import PLANES, Scene, Shards, shard_path, write_manifest, write_shard
from relumix.errors import InputError


def scene(frames: int = 2, lights: int = 3) -> Scene:
    light = np.random.default_rng(0).random((frames, lights, 4, 5, 3)).astype(np.float16)
    return Scene(light, np.ones((frames, 4, 5), np.uint8), {"format": 1, "seed": 7})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_manifest(tmp_path, {"frames": 2})
    return tmp_path


def test_what_is_written_is_read(folder: Path):
    write_shard(shard_path(folder, 7), scene())
    shards = Shards(folder)
    assert [path.name for path in shards.paths] == ["scene_000007.npz"]
    assert shards.settings == {"frames": 2}
    read = shards.read(0)
    np.testing.assert_array_equal(read.light, scene().light)
    np.testing.assert_array_equal(read.moving, scene().moving)
    assert read.meta == scene().meta
    assert not list(folder.glob("*.part"))


def refused(folder: Path, **arrays: object) -> str:
    path = folder / "scene_000001.npz"
    whole = {"light": scene().light, "moving": scene().moving, "meta": json.dumps(scene().meta)}
    np.savez(path, **(whole | arrays))
    with pytest.raises(InputError) as caught:
        Shards(folder).read(0)
    return str(caught.value).removeprefix(f"{path} ").removesuffix("; `relumix dataset render` makes it again")


def test_wrong_arrays_are_named(folder: Path):
    assert (
        refused(folder, light=np.ones((2, 3, 4, 5, 3), np.float32))
        == "has light float32 (2, 3, 4, 5, 3), expected float16 [T, L, H, W, 3]"
    )
    assert (
        refused(folder, moving=np.ones((2, 4, 4), np.uint8)) == "has moving uint8 (2, 4, 4), expected uint8 (2, 4, 5)"
    )
    assert refused(folder, meta=json.dumps({"format": 9})) == "has no description of format 1"
    assert refused(folder, meta="{").startswith("cannot be read (")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1])
def test_light_that_is_not_light_is_refused(folder: Path, value: float):
    light = scene().light
    light[1, 2, 3, 4, 0] = value
    assert refused(folder, light=light) == "has light that is negative or not finite"


def test_a_cut_file_is_named(folder: Path):
    path = shard_path(folder, 1)
    write_shard(path, scene())
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=r"scene_000001.npz cannot be read \(.*\); `relumix dataset render` makes it"):
        Shards(folder).read(0)


def test_a_folder_that_is_none_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=f"{tmp_path} is no light stage: it has no manifest.json; make one with"):
        Shards(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": 2}')
    with pytest.raises(InputError, match=r"manifest\.json is not of format 1, which this relumix reads"):
        Shards(tmp_path)


def planes(frames: int = 2, lights: int = 3) -> dict[str, np.ndarray]:
    sides = {"T": frames, "L": lights, "H": 4, "W": 5}
    return {name: np.ones([sides.get(side, side) for side in form], kind) for name, (kind, form) in PLANES.items()}


def test_planes_are_kept(folder: Path):
    write_shard(shard_path(folder, 7), replace(scene(), planes=planes()))
    read = Shards(folder).read(0)
    assert list(read.planes) == list(PLANES)
    for name, plane in planes().items():
        np.testing.assert_array_equal(read.planes[name], plane)


def test_wrong_planes_are_named(folder: Path):
    said = refused(folder, depth=np.ones((2, 4, 5), np.float16))
    assert said.startswith("has some planes but no irradiance, no shadow")
    wrong = planes() | {"depth": np.ones((2, 4, 6), np.float16)}
    assert refused(folder, **wrong) == "has depth float16 (2, 4, 6), expected float16 (2, 4, 5)"
