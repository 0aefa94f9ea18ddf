"""Training svd: where it starts, what it is taught with, and that it learns."""

import numpy as np
import pytest
import torch
from diffusers import UNetSpatioTemporalConditionModel
from safetensors.torch import load_file, save_file

from relumix.cli.main import main
from relumix.dataset.shards import Scene, shard_path, write_manifest, write_shard
from relumix.engines.registry import load_engine
from relumix.engines.svd import tone_curve
from relumix.engines.svd.sampler import vector_conditioning
from relumix.errors import InputError
from relumix.train.loop import StoppedError, TrainSettings, train
from relumix.train.svd import SvdTask, starting_unet
from relumix.train.svd_clips import open_clips
from tests.engines.svd.models import CLIP_WIDTH, make_svd
from tests.engines.svd.tiny import TINY

FRAMES = 3


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Networks this small lose more to threads than they gain."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_svd(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A light stage of some random scenes, both splits among them."""
    folder = tmp_path_factory.mktemp("stage")
    write_manifest(folder, {})
    for seed in range(12):
        random = np.random.default_rng(seed)
        light = random.uniform(0.05, 1, (FRAMES, 2, 32, 48, 3)).astype(np.float16)
        scene = Scene(light, np.zeros((FRAMES, 32, 48), np.uint8), {"format": 1, "seed": seed})
        write_shard(shard_path(folder, seed), scene)
    return folder


@pytest.fixture
def task(base, stage, tmp_path):
    return SvdTask(base, stage, frames=FRAMES, pairs=2, cache=tmp_path / "cache", device="cpu")


def settings(steps, **changes):
    quick = {"rate": 1e-3, "warmup": 1, "validate_every": 100, "checkpoint_every": 2, "log_every": 1, "device": "cpu"}
    return TrainSettings(steps=steps, **{**quick, **changes})


def test_it_starts_as_stable_video_diffusion_with_open_gates(base):
    unet, plain = starting_unet(base), UNetSpatioTemporalConditionModel.from_pretrained(base / "unet")
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            if "gate_activation" in name:
                parameter.fill_(40.0 if name.endswith("bias") else 0.0)  # sigmoid: 1
    latents, clip = torch.randn(FRAMES, 8, 8, 8), torch.randn(1, 1, CLIP_WIDTH)
    vector = torch.randn(1, sum(TINY["vector_dims"]))
    with torch.no_grad():
        embedded = plain.add_embedding(vector)
        plain.add_embedding.forward = lambda _: embedded  # its own forward would embed numbers
        expected = plain(latents[None], torch.tensor(0.3), clip, torch.zeros(1, 3)).sample[0]
        reference, more = torch.randn(FRAMES, 4, 8, 8), torch.randn(1, 1, CLIP_WIDTH)
        context = torch.cat([clip, more], -1).expand(FRAMES, -1, -1)
        made = unet(torch.cat([latents, reference], 1), torch.tensor(0.3), context, vector.expand(FRAMES, -1))
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-5)


def test_the_loss_falls_and_the_result_is_a_model_that_loads(task, tmp_path):
    folder = train(task, settings(12), tmp_path / "run")
    rows = [line.split(",") for line in (tmp_path / "run/log.csv").read_text().splitlines()]
    losses = [float(value) for _, key, value in rows if key == "mean"]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    assert load_engine("svd", model=str(folder), device="cpu").name == "svd"


def test_a_resumed_run_equals_an_unbroken_one(base, stage, tmp_path):
    task = SvdTask(base, stage, frames=FRAMES, pairs=2, cache=tmp_path / "cache", device="cpu")
    whole = train(task, settings(4), tmp_path / "whole")

    class Interrupted(SvdTask):
        def batches(self, seed, first_step):
            for step, batch in enumerate(super().batches(seed, first_step), first_step):
                if step == 2:
                    raise KeyboardInterrupt
                yield batch

    broken = Interrupted(base, stage, frames=FRAMES, pairs=2, cache=tmp_path / "cache", device="cpu")
    with pytest.raises((KeyboardInterrupt, StoppedError)):
        train(broken, settings(4), tmp_path / "broken")
    resumed = train(task, settings(4), tmp_path / "broken", resume=True)
    one, other = (load_file(f / "unet/diffusion_pytorch_model.safetensors") for f in (whole, resumed))
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=0)


@pytest.mark.parametrize(("step", "share"), [(0, 1.0), (2500, 0.55), (5000, 0.1), (10_000, 0.1)])
def test_the_share_of_elements_that_counts_narrows_to_the_worst_tenth(task, monkeypatch, step, share):
    batch = next(task.batches(1, 0))
    errors = torch.rand(batch["target"].shape, generator=torch.Generator().manual_seed(3))
    monkeypatch.setattr(SvdTask, "_errors", lambda *args: errors)
    loss, parts = task.loss(torch.nn.Identity(), batch, step, torch.Generator().manual_seed(3))
    worst = errors.flatten().sort(descending=True).values[: round(share * errors.numel())].mean()
    torch.testing.assert_close(parts["worst"], worst)
    torch.testing.assert_close(loss, 0.9 * worst + 0.1 * errors.mean())
    if share == 1:
        torch.testing.assert_close(loss, errors.mean())


def test_the_network_is_told_the_frame_rate_of_the_recordings(task):
    unet = task.model()
    seen = []
    unet.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[3]))
    task.loss(unet, next(task.batches(1, 0)), 0, torch.Generator().manual_seed(3))
    told = vector_conditioning(24.0, 0.02, unet.config.vector_dims)
    torch.testing.assert_close(seen[0], told.expand_as(seen[0]))


def test_what_is_to_be_made_is_drawn_from_the_posterior_and_what_is_given_is_its_mode(task, monkeypatch):
    clip = task._encoded(task._train_clips, "train", 0)
    _, target = task._train_clips.draw(0)
    vae = task._encoders._vae
    with torch.no_grad():
        posterior = vae.encode(torch.from_numpy(target.transpose(0, 3, 1, 2).copy())).latent_dist
    scale = vae.config.scaling_factor
    for key, expected in (("target", scale * posterior.mean), ("target_std", scale * posterior.std)):
        torch.testing.assert_close(clip[key].float(), expected, rtol=2e-3, atol=2e-3)
    torch.testing.assert_close(clip["reference"][0].float(), posterior.mean[0], rtol=2e-3, atol=2e-3)

    drawn = []
    monkeypatch.setattr(SvdTask, "_errors", lambda self, model, batch, *rest: drawn.append(batch) or batch["target"])
    batch = {**next(task.batches(1, 0)), "target": torch.zeros(1, 3, 4, 64, 64), "target_std": torch.full((1,), 0.5)}
    for seed in (1, 1, 2):
        task.loss(torch.nn.Identity(), batch, 0, torch.Generator().manual_seed(seed))
    assert drawn[0]["target"].std() == pytest.approx(0.5, rel=0.05) and abs(drawn[0]["target"].mean()) < 0.02
    assert torch.equal(drawn[0]["target"], drawn[1]["target"]) and not torch.equal(
        drawn[0]["target"], drawn[2]["target"]
    )
    assert all(torch.equal(each["source"], batch["source"]) for each in drawn)


def test_clips_of_another_version_in_the_cache_are_made_again(task):
    first = next(task.batches(1, 0))
    (kept,) = task.cache.iterdir()
    save_file({"target": load_file(kept)["target"]}, kept)
    again = next(task.batches(1, 0))
    for key in first:
        torch.testing.assert_close(first[key], again[key])


def test_a_stage_is_shown_under_as_much_of_its_median_gain_as_the_engine_shows(stage):
    """No picture is darker or brighter than photographs are; a median gain that fits is not taken out."""
    clips = open_clips(stage, "train", frames=FRAMES, size_px=(64, 64))
    moved = []
    for index in range(12):
        source, target = (clip[:, :32, :48] for clip in clips.draw(index))
        medians = [np.median(tone_curve.decode(clip[0])) for clip in (source, target)]
        assert all(0.18 / 2**3.3 < median < 0.18 * 2**1.8 for median in medians)
        moved.append(abs(np.log2(medians[1] / medians[0])))
    assert max(moved) > 0.5


def test_what_vae_and_clip_made_is_kept_and_used_again(task):
    first = next(task.batches(1, 0))
    (kept,) = task.cache.iterdir()
    before = kept.stat().st_mtime_ns
    again = next(task.batches(1, 0))
    assert kept.stat().st_mtime_ns == before
    for key in first:
        torch.testing.assert_close(first[key], again[key])


def test_splits_share_no_scene(stage):
    train_clips, held_out = (
        open_clips(stage, split, frames=FRAMES, size_px=(64, 64)) for split in ("train", "validation")
    )
    assert not set(train_clips._paths) & set(held_out._paths)
    source, target = train_clips.draw(0)
    assert source.shape == target.shape == (FRAMES, 64, 64, 3)
    assert np.abs(source).max() <= 1 and np.abs(target).max() <= 1


def test_clips_longer_than_scenes_are_refused(base, stage):
    task = SvdTask(base, stage, frames=FRAMES + 1, device="cpu")
    with pytest.raises(InputError, match="choose fewer --frames, or render longer scenes"):
        next(task.batches(1, 0))


def test_a_base_that_is_none_is_refused(tmp_path):
    said = "expected Stable Video Diffusion as diffusers saves it, or a model"
    with pytest.raises(InputError, match=said):
        starting_unet(tmp_path)
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet/config.json").write_text("[]")
    with pytest.raises(InputError, match=rf"cannot be read \(a JSON list, expected an object\): {said}"):
        starting_unet(tmp_path)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (
            "base",
            "the base {} has no folder vae, image_encoder, feature_extractor: expected Stable Video Diffusion as "
            "diffusers saves it",
        ),
        ("data", "{} is no folder: expected CARLA Relight, map/scene/light/00000.png"),
    ],
)
def test_a_folder_that_is_none_is_said_before_a_run_is_begun(base, stage, tmp_path, capsys, broken, said):
    folders = {"base": base, "data": stage, broken: tmp_path / "absent"}
    options = [f"--{name}={folder}" for name, folder in folders.items()]
    assert main(["train", "svd", *options, "--frames", str(FRAMES), "--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err == f"relumix: {said.format(tmp_path / 'absent')}\n"
    assert not (tmp_path / "run").exists()


def test_every_parameter_that_learns_is_told_how(task):
    unet = task.model()
    loss, _ = task.loss(unet, next(task.batches(1, 0)), 0, torch.Generator().manual_seed(3))
    loss.backward()
    learns = {name for name, parameter in unet.named_parameters() if parameter.requires_grad}
    assert {name for name, parameter in unet.named_parameters() if parameter.grad is not None} == learns
    still = {name for name, _ in unet.named_parameters()} - learns
    assert still and all("attn2.to_q" in name or "attn2.to_k" in name for name in still)
