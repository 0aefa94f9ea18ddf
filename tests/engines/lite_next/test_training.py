"""The training that renders its own scenes: examples are true, runs resume, files are small."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from relumix.cli.main import main
from relumix.engines.lite_next.layers import resized, sample
from relumix.engines.lite_next.network import LightNet
from tests.dataset.light_stage.sdf.conftest import types_of

SIZE = (64, 48)
SMALL = torch.empty(1, 1, 24, 32)


@pytest.fixture(scope="module")
def clip():
    types = types_of("cpu")
    from relumix.engines.lite_next.training.clips import Stage

    return Stage(types, SIZE, 4, 4, torch.device("cpu")).clip(15)


def test_a_clip_has_all_that_is_known(clip):
    assert clip.radiance.shape == clip.irradiance.shape == (4, 4, 3, 48, 64)
    assert clip.anchors == (0, 3, 2)
    assert clip.tracks.shape == (3, 4, 2, 48, 64)
    mean = (clip.radiance.float() * torch.tensor([0.2126, 0.7152, 0.0722]).reshape(1, 1, 3, 1, 1)).sum(2)
    assert mean.mean((0, 2, 3)).max() < 0.4


def test_clips_rendered_at_once_are_those_rendered_alone(clip):
    from relumix.engines.lite_next.training.clips import Stage

    stage = Stage(types_of("cpu"), SIZE, 4, 4, torch.device("cpu"))
    other, same = stage.clips([16, 15])
    for name in ("radiance", "irradiance", "normal", "depth", "tracks", "seen", "following", "followed"):
        wrong = (getattr(same, name).float() - getattr(clip, name).float()).abs()
        assert wrong.quantile(0.99) < 2e-3, name  # a ray at an edge may fall on its other side
    assert (same.anchors, same.kinds) == (clip.anchors, clip.kinds)
    assert other.kinds != same.kinds or (other.radiance - same.radiance).abs().max() > 0.1


def test_tracks_carry_normals_and_depth_of_what_stands_still(clip):
    """To its own frame a track is where each pixel is; to another it leads to what is as far from a still camera."""
    own = clip.tracks[0, 0].float()[None]
    carried = sample(clip.depth[0][None].float(), own)
    torch.testing.assert_close(carried, clip.depth[0][None].float(), atol=2e-2, rtol=2e-2)
    assert clip.seen[0, 0].mean() > 0.95


def test_a_shards_clip_is_the_one_that_was_rendered():
    """From disk, where motion is known from frame to frame alone, it is what the renderer gives at once."""
    types = types_of("cpu")
    from relumix.dataset.light_stage.sdf.settings import SdfSettings
    from relumix.dataset.light_stage.sdf.stage import render_scene
    from relumix.engines.lite_next.training.clips import Stage, of_shard

    device = torch.device("cpu")
    direct = Stage(types, SIZE, 3, 3, device).clip(16)
    read = of_shard(render_scene(16, SdfSettings(SIZE, 3, 3, 1, device="cpu")), device)
    torch.testing.assert_close(read.irradiance, direct.irradiance, atol=2e-2, rtol=2e-2)
    assert (read.anchors, read.kinds) == (direct.anchors, direct.kinds)
    both = (read.seen > 0.5) & (direct.seen > 0.5)
    apart = (read.tracks - direct.tracks).float().abs().amax(2, keepdim=True)[both]
    assert both.float().mean() > 0.3
    assert apart.median() < 2e-3
    torch.testing.assert_close(read.following, direct.following, atol=4e-3, rtol=4e-3)


def test_suns_come_and_go_as_asked():
    pytest.importorskip("drjit", reason="rendering needs drjit")
    from relumix.engines.lite_next.training.pairs import light_weights

    kinds = ("dome", "sun", "sun", "spot")
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert light_weights(rng, kinds, False)[1:3].max() == 0
        assert light_weights(rng, kinds, True)[1:3].max() > 0.3


def test_an_example_is_a_function_of_its_seed_and_sound(clip):
    from relumix.engines.lite_next.training.pairs import draw

    one, two = (draw([clip], np.random.default_rng(3), 2) for _ in range(2))
    torch.testing.assert_close(one.frame.picture, two.frame.picture)
    torch.testing.assert_close(one.references[0].gain, two.references[0].gain)
    for view in (one.frame, one.after, *(given.view for given in one.references)):
        for name in view.__dataclass_fields__:
            assert getattr(view, name).isfinite().all(), name


def test_every_frame_is_seen_at_its_own_exposure_as_proxies_are(clip):
    """A fade of the plate, or a pan to a darker part, changes nothing of how bright a frame is seen."""
    from relumix.engines.lite_next.training.pairs import draw

    example = draw([clip], np.random.default_rng(5), 1)
    weights = torch.tensor([0.2126, 0.7152, 0.0722]).reshape(1, 3, 1, 1)
    for view in (example.frame, example.after, *(given.view for given in example.references)):
        level = (view.plate * weights).sum(1)
        assert float(level[level > 0].median()) == pytest.approx(0.18, rel=1e-3)


def test_the_truth_has_no_loss_and_learning_lowers_it(clip):
    from relumix.engines.lite_next.training.learn import descend, differentiate
    from relumix.engines.lite_next.training.losses import display
    from relumix.engines.lite_next.training.pairs import draw

    example = draw([clip], np.random.default_rng(4), 1)
    assert (display(example.frame, example.frame.truth) - display(example.frame, example.frame.truth)).abs().max() == 0
    torch.manual_seed(0)
    network = LightNet((16, 16, 24, 24), (16, 16, 24, 24))
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    losses = []
    for _ in range(6):
        found = differentiate(network, example, torch.Generator().manual_seed(0), 3, False)
        descend(network, optimizer)
        losses.append(float(found["loss"]))
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.95 * losses[0]


def test_what_a_choice_could_give_is_said_beside_what_it_gives(clip):
    from relumix.engines.lite_next.network import CANDIDATES
    from relumix.engines.lite_next.training.learn import validate

    figures = validate(LightNet((16, 16, 24, 24), (16, 16, 24, 24)), [clip], 1)
    assert list(figures) == ["psnr", "plain", *CANDIDATES, "best 5x5", "best"]
    assert figures["best"] >= figures["best 5x5"] > max(figures[name] for name in CANDIDATES)


def test_the_doubt_of_a_candidate_is_learned_as_its_error(clip):
    """The loss is least where every candidate's doubt is what it misses by, whatever the others do."""
    from relumix.engines.lite_next.training.learn import references_of
    from relumix.engines.lite_next.training.losses import display, doubts_loss
    from relumix.engines.lite_next.training.pairs import draw

    example = draw([clip], np.random.default_rng(7), 1)
    network = LightNet((16, 16, 24, 24), (16, 16, 24, 24))
    look = network.look(example.frame.picture)
    light, references = references_of(example, [network.look(one.view.picture) for one in example.references])
    answer = network(look, references, light.spread)
    shown = display(example.frame, example.frame.truth)
    missed = [display(example.frame, gain * light.spread + light.level) - shown for gain in answer.candidates.unbind(1)]
    right = torch.log2(torch.stack(missed, 1).abs().mean(2) + 0.01).detach()
    assert float(doubts_loss(replace(answer, doubts=right), example.frame, light)) == pytest.approx(0, abs=1e-5)
    assert float(doubts_loss(replace(answer, doubts=right - 1), example.frame, light)) == pytest.approx(1, abs=1e-5)


def test_what_arrives_is_compared_from_picture_to_picture(clip):
    """A factor on all of it costs nothing; one on a single picture does, or no fit would hold from one to another."""
    from relumix.engines.lite_next.training.losses import shape_losses
    from relumix.engines.lite_next.training.pairs import draw

    example = draw([clip], np.random.default_rng(6), 1)
    views = [example.frame, example.references[0].view]
    network = LightNet((16, 16, 24, 24), (16, 16, 24, 24))
    looks = [replace(network.look(view.picture), arriving=resized(view.arriving, SMALL)) for view in views]
    brighter = [replace(look, arriving=look.arriving + 1) for look in looks]
    assert float(shape_losses(looks, views)["arriving"]) == pytest.approx(0, abs=1e-5)
    assert float(shape_losses(brighter, views)["arriving"]) == pytest.approx(0, abs=1e-5)
    assert float(shape_losses([looks[0], brighter[1]], views)["arriving"]) > 0.3


def test_light_is_learned_from_after_so_many_steps_whatever_the_clock_says(tmp_path: Path):
    types = types_of("cpu")
    from relumix.engines.lite_next.training.run import Settings, Training

    settings = Settings(600, ((32, 32),), frames=3, lights=3, batch=1, pool=2, shape_steps=2, log_every=1)
    run = Training(settings, tmp_path, types, lambda line: None)
    for _ in range(2):
        run.take_step()
    assert run.network.said.weight.abs().max() == 0
    run.take_step()
    assert run.network.said.weight.abs().max() > 0
    lines = [line.split(",") for line in (tmp_path / "log.csv").read_text().splitlines()]
    assert {int(step) for step, _, name, _ in lines if name == "doubts"} == {3}


def test_the_command_trains_stops_by_the_clock_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    types_of("cpu")
    out = tmp_path / "run"
    command = ["train", "lite-next", "--out", str(out), "--size", "32x32", "--batch", "1", "--pool", "2"]
    command += ["--device", "cpu"]
    assert main([*command, "--minutes", "0.01"]) == 0
    first = json.loads((out / "state" / "counts.json").read_text())
    assert first["step"] >= 1
    assert main([*command, "--minutes", "0.01"]) == 2
    assert f"{out} holds a training run: go on with --resume, or give another --out" in capsys.readouterr().err
    assert main([*command, "--minutes", "0.5", "--resume", "--rate", "1"]) == 2
    assert "rate was 0.0006 and is 1.0" in capsys.readouterr().err
    more = first["seconds"] / 60 + 0.01
    assert main([*command, "--minutes", str(more), "--resume"]) == 0
    second = json.loads((out / "state" / "counts.json").read_text())
    assert second["step"] > first["step"]
    assert f"resumed at step {first['step']}" in capsys.readouterr().out
    files = [path for path in out.rglob("*") if path.is_file()]
    assert max(path.stat().st_size for path in files) <= 16 * 2**20
    LightNet().load_state_dict({name: value.float() for name, value in load_file(out / "lite.safetensors").items()})


def test_it_needs_little_to_be_installed():
    """On a bare machine there is torch, numpy, safetensors and drjit."""
    types_of("auto")
    missing = "cv2", "OpenImageIO", "PIL", "skimage", "accelerate", "mitsuba", "grpc", "google", "fileseq", "yaml", "av"
    code = (
        f"import sys\nsys.modules.update(dict.fromkeys({missing}))\nfrom relumix.engines.lite_next.training import run"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
