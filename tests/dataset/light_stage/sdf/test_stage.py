"""Shards of signed-distance scenes, by the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from relumix.cli.main import main
from relumix.dataset.light_stage.sdf.scene import FIRST_THING
from relumix.dataset.light_stage.sdf.settings import SdfSettings
from relumix.dataset.shards import PLANES, Scene, Shards, read_manifest
from tests.dataset.light_stage.sdf.conftest import types_of

SIZE = ["--size", "32x20", "--frames", "3", "--lights", "4", "--spp", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    types_of("auto")
    folder = tmp_path_factory.mktemp("sdf")
    command = ["dataset", "render", "--renderer", "sdf", "--out", str(folder), "--scenes", "2", "--seed", "15"]
    assert main([*command, *SIZE]) == 0
    return folder


@pytest.fixture(scope="module")
def scene(folder: Path) -> Scene:
    return Shards(folder).read(0)


def test_a_scene_is_a_shard_with_all_planes(folder: Path, scene: Scene):
    assert scene.light.shape == (3, 4, 20, 32, 3)
    assert list(scene.planes) == list(PLANES)
    assert [light["kind"] for light in scene.meta["lights"]] == ["dome", "sun", "sun", "spot"]
    assert (scene.meta["seed"], scene.meta["generator"]) == (15, 1)
    assert read_manifest(folder) == SdfSettings((32, 20), 3, 4, 2).as_json()
    assert read_manifest(folder)["generator"] == 1


def test_every_light_is_about_mid_grey(scene: Scene):
    luminance = scene.light.astype(np.float32) @ [0.2126, 0.7152, 0.0722]
    for lit, about in zip(luminance.swapaxes(0, 1), scene.meta["lights"], strict=True):
        mean = np.minimum(lit, np.percentile(lit, 99)).mean()
        assert mean == pytest.approx(0.18, rel=0.05) or (mean < 0.18 and about["scale"] == 30)


def test_what_is_true_of_pixels_fits_together(scene: Scene):
    planes = scene.planes
    moving = planes["thing"] == scene.meta["caster"] + FIRST_THING
    np.testing.assert_array_equal(scene.moving[moving], scene.meta["caster"])
    assert scene.moving[planes["thing"] <= FIRST_THING].max() == 0
    surface = planes["thing"] > 0
    np.testing.assert_allclose(np.linalg.norm(planes["normal"].astype(np.float32), axis=-1)[surface], 1, atol=2e-3)
    assert np.isfinite(planes["depth"][surface]).all()
    assert planes["occluded_forward"][-1].all()
    assert planes["occluded_backward"][0].all()
    assert not planes["occluded_forward"][:-1].all()


def test_matt_light_is_irradiance_times_albedo(scene: Scene):
    """Away from edges and highlights, radiance is albedo times irradiance / pi."""
    thing, light = scene.planes["thing"], scene.light.astype(np.float32)
    ground = thing == 1
    for axis in (1, 2):
        for step in (-1, 1):
            ground &= np.roll(thing, step, axis) == 1
    wanted = scene.planes["albedo"].astype(np.float32)[:, None] * scene.planes["irradiance"] / np.pi
    ratio = (light[:, 0] / np.maximum(wanted[:, 0], 1e-6))[ground]
    assert np.median(ratio) == pytest.approx(1, abs=0.05)


def test_the_same_seed_is_the_same_scene(folder: Path, tmp_path: Path):
    command = ["dataset", "render", "--renderer", "sdf", "--out", str(tmp_path), "--scenes", "1", "--seed", "16"]
    assert main([*command, *SIZE]) == 0
    one, two = Shards(folder).read(1), Shards(tmp_path).read(0)
    np.testing.assert_array_equal(one.light, two.light)
    for name in PLANES:
        np.testing.assert_array_equal(one.planes[name], two.planes[name])


def test_another_renderer_does_not_go_on_with_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]):
    command = ["dataset", "render", "--out", str(folder), "--scenes", "3", "--seed", "15"]
    assert main([*command, *SIZE]) == 2
    assert f"{folder} holds scenes of renderer sdf, got mitsuba; ask for the same" in capsys.readouterr().err


def test_photographs_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    command = ["dataset", "render", "--renderer", "sdf", "--out", str(tmp_path), "--scenes", "1", "--seed", "1"]
    assert main([*command, "--photos", "pictures"]) == 2
    assert "--renderer sdf paints its own textures: got --photos pictures, leave it out" in capsys.readouterr().err


def test_shots_are_sequences_with_truth(tmp_path: Path):
    types_of("auto")
    command = ["dataset", "shots", "--renderer", "sdf", "--out", str(tmp_path), "--scenes", "1", "--seed", "5"]
    assert main([*command, *SIZE]) == 0
    facts = json.loads((tmp_path / "scene_000005" / "shot.json").read_text())
    assert facts["frames"] == [1001, 1002, 1003]
    assert len(list((tmp_path / "scene_000005" / "relit_a").glob("*.exr"))) == 3
