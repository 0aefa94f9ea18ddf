"""A folder of tiny scenes: rendered, kept, renewed and refused; and that light adds up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mitsuba", reason="rendering needs mitsuba")
pytest.importorskip("mitsuba_oidn", reason="rendering needs mitsuba-oidn")

from relumix.cli.main import main
from relumix.dataset.light_stage import scenes, stage
from relumix.dataset.light_stage.render import render
from relumix.dataset.light_stage.scenes import StageSettings
from relumix.dataset.light_stage.surfaces import Photos
from relumix.dataset.llvm import VARIABLE
from relumix.dataset.shards import PLANES, Shards, shard_path
from relumix.errors import InputError

SETTINGS = StageSettings(size=(32, 24), frames=2, lights=4, spp=4)
SIZE = ["--size", "32x24", "--frames", "2", "--lights", "4", "--spp", "4"]


@pytest.fixture(scope="module")
def folder(llvm: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage")
    assert main(["dataset", "render", "--out", str(folder), "--scenes", "1", "--seed", "5", *SIZE]) == 0
    return folder


def test_a_scene_is_a_shard(folder: Path):
    scene = Shards(folder).read(0)
    assert scene.light.shape == (2, 4, 24, 32, 3)
    assert [light["kind"] for light in scene.meta["lights"]] == ["dome", "sun", "sun", "spot"]
    assert scene.meta["seed"] == 5
    assert set(scene.meta["turning"]) <= set(range(1, 20))
    luminance = scene.light.astype(np.float32) @ scenes.LUMINANCE
    for i in range(4):
        assert np.minimum(luminance[:, i], np.percentile(luminance[:, i], 99)).mean() == pytest.approx(0.18, rel=0.05)
    assert not np.allclose(scene.light[:, 1], scene.light[:, 2], rtol=0.2)


def test_a_scene_has_all_planes(folder: Path):
    scene = Shards(folder).read(0)
    planes = scene.planes
    assert list(planes) == list(PLANES)
    surface = planes["thing"] > 0
    assert np.isfinite(planes["depth"][surface]).all()
    assert planes["irradiance"][:, 0][surface].min() > 0
    assert planes["occluded_forward"][-1].all()
    sun = scene.planes["shadow"][:, 1]
    dark, bright = (planes["irradiance"][:, 1].mean(-1)[surface & where].mean() for where in (sun == 0, sun == 255))
    assert dark < 0.5 * bright  # four samples, and a denoiser that spreads them


def test_whole_scenes_are_kept_and_bad_ones_named_and_made_again(folder: Path, capsys: pytest.CaptureFixture[str]):
    path = shard_path(folder, 5)
    before = path.read_bytes()
    assert [scene.kept for scene in render(folder, range(5, 6), SETTINGS, Photos(None))] == [True]
    path.write_bytes(before[:500])
    assert main(["dataset", "render", "--out", str(folder), "--scenes", "1", "--seed", "5", *SIZE]) == 0
    said = capsys.readouterr()
    assert f"relumix: {path} cannot be read (" in said.err
    assert said.out == f"1 scene in {folder}\n"
    np.testing.assert_array_equal(Shards(folder).read(0).moving.shape, (2, 24, 32))


def test_without_llvm_the_same_scene_is_rendered_another_way(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    with monkeypatch.context() as patch:
        patch.delenv(VARIABLE)
        patch.setattr("relumix.dataset.llvm.system_folders", list)
        assert main(["dataset", "render", "--out", str(tmp_path), "--scenes", "1", "--seed", "5", *SIZE]) == 0
    assert stage.mi.variant() == "scalar_rgb"
    stage.start()
    assert caplog.messages == [
        "relumix: rendering without LLVM, which is slower: Dr.Jit needs libLLVM, and none was found; install LLVM 19 "
        "(Debian, Ubuntu: apt-get install libllvm19), or name a library: "
        "export DRJIT_LIBLLVM_PATH=/path/to/libLLVM.so.19.1"
    ]
    compiled, plain = Shards(folder).read(0), Shards(tmp_path).read(0)
    np.testing.assert_array_equal(plain.moving, compiled.moving)
    assert [light["kind"] for light in plain.meta["lights"]] == [light["kind"] for light in compiled.meta["lights"]]
    stops = np.log2((plain.light.astype(np.float32) + 0.01) / (compiled.light.astype(np.float32) + 0.01))
    assert np.abs(stops).mean() < 0.5


def test_a_library_that_is_named_and_does_not_work_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "libLLVM-15.so.1"))
    assert main(["dataset", "render", "--out", str(tmp_path), "--scenes", "1", "--seed", "5", *SIZE]) == 2
    assert capsys.readouterr().err.startswith(
        f"relumix: Dr.Jit cannot work with what DRJIT_LIBLLVM_PATH names, {tmp_path}/libLLVM-15.so.1 (LLVM 15: there "
    )
    assert not shard_path(tmp_path, 5).exists()


def test_other_settings_are_refused(folder: Path):
    with pytest.raises(InputError) as caught:
        list(render(folder, range(6, 7), StageSettings((32, 24), 2, 4, 9), Photos(None)))
    assert (
        str(caught.value) == f"{folder} holds scenes of spp 4, got 9; ask for the same, or render into another folder"
    )
    assert not shard_path(folder, 6).exists()


def test_a_folder_without_photographs_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"holds no picture \(jpg, png, webp\)"):
        Photos(tmp_path)


def test_light_adds_up(folder: Path):
    plan, _ = scenes._good_layout(5, SETTINGS, Photos(None))
    lit = stage.Stage(plan, (32, 24))
    lit.go_to(1)
    pictures = []
    for shining in ([0], [1], [2], [3], [0, 1, 2, 3]):
        lit.switch_on(shining)
        pictures.append(lit.render(spp=256, seed=len(pictures)))
    together, alone = pictures[-1], np.sum(pictures[:-1], axis=0)
    dark = np.percentile(together, 95)
    np.testing.assert_allclose(np.minimum(alone, dark).mean(), np.minimum(together, dark).mean(), rtol=0.03)
    assert np.corrcoef(np.minimum(alone, dark).ravel(), np.minimum(together, dark).ravel())[0, 1] > 0.97
    assert np.abs(pictures[0] - together).mean() > 0.1 * together.mean()


def test_shots_are_sequences_with_truth(llvm: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    command = ["dataset", "shots", "--out", str(tmp_path), "--scenes", "1", "--seed", "5", *SIZE]
    assert main(command) == 0
    assert capsys.readouterr().out == f"1 shot in {tmp_path}\n"
    shot = tmp_path / "scene_000005"
    facts = json.loads((shot / "shot.json").read_text())
    assert facts["frames"] == [1001, 1002]
    assert facts["targets"] == ["relit_a", "relit_b"]
    names = ["scene_000005.1001.exr", "scene_000005.1002.exr"]
    for folder in ("source", "relit_a", "relit_b"):
        assert sorted(path.name for path in (shot / folder).iterdir()) == names
    before = (shot / "shot.json").stat().st_mtime_ns
    assert main(command) == 0
    assert (shot / "shot.json").stat().st_mtime_ns == before
