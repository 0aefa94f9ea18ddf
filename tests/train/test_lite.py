"""Teaching lite, on a light stage of a few small pictures."""

import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import torch

from relumix.cli.main import main
from relumix.dataset.shards import Scene, shard_path, write_manifest, write_shard
from relumix.engines.registry import load_engine
from relumix.errors import InputError
from relumix.train.lite import LiteTask, display, predict


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Two scenes: a textured plane under six lights, panned."""
    folder = tmp_path_factory.mktemp("stage")
    write_manifest(folder, {})
    for seed in range(2):
        rng = np.random.default_rng(seed)
        smooth = cv2.resize(rng.random((10, 16, 3), np.float32), (96, 64), interpolation=cv2.INTER_CUBIC).clip(0.02)
        lights = [cv2.resize(rng.random((3, 4), np.float32), (96, 64), interpolation=cv2.INTER_CUBIC) for _ in range(4)]
        frames = [[(smooth * light.clip(0)[..., None])[8:56, t : t + 64] for light in lights] for t in range(8)]
        moving = np.zeros((8, 48, 64), np.uint8)
        moving[:, 10:20, 10:20] = 1
        write_shard(shard_path(folder, seed), Scene(np.array(frames, np.float16), moving, {"format": 1}))
    return folder


def batch_of(stage, **options):
    return next(LiteTask(stage, stage, batch=4, workers=0, **options).batches(1, 0))


def test_a_batch_is_a_function_of_seed_and_step(stage):
    task = LiteTask(stage, stage, batch=4, workers=0)
    ahead = task.batches(5, 0)
    next(ahead)
    one, two = next(ahead), next(task.batches(5, 1))
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not torch.equal(one["frame"], next(task.batches(6, 1))["frame"])


def test_the_truth_gives_the_other_light_back(stage):
    batch = batch_of(stage)
    assert batch["frame"].shape[2:] == (48, 64)
    wrong = (display(batch, batch["truth"]) - display(batch, batch["averaged"])).abs().mean()
    assert display(batch, batch["truth"]).isfinite().all()
    assert wrong > 0


def test_an_untrained_network_gives_what_it_is_given(stage):
    task = LiteTask(stage, stage, batch=4, workers=0, validation_clips=2)
    torch.manual_seed(1)
    found = task.validate(task.model())
    assert found["psnr"] == pytest.approx(found["given_psnr"], abs=0.5)  # its choice is never all one or the other
    assert set(found) == {"psnr", "given_psnr", "psnr_moving", "given_psnr_moving"}


def test_examples_of_a_batch_come_from_several_clips(stage):
    stream = LiteTask(stage, stage, batch=8, workers=0).batches(3, 20)
    assert len({tuple(shown.flatten().tolist()) for shown in next(stream)["shown"]}) > 2


def test_the_corrected_light_is_the_flow_engines_and_what_the_network_adds(stage):
    class Adds(torch.nn.Module):
        def forward(self, frame, reference):
            return torch.full_like(frame[:, :3], 2.0), frame[:, :1]

    batch = batch_of(stage)
    stops, _ = predict(Adds(), batch)
    torch.testing.assert_close(stops, batch["averaged"].float() + 2 * batch["spread"].float())


def test_the_command_trains_weights_that_the_engine_takes(stage, tmp_path, capsys):
    out = tmp_path / "run"
    options = [
        *("--steps", "3", "--batch", "2", "--workers", "0", "--device", "cpu"),
        *("--validate-every", "3", "--threads", "1"),
    ]
    assert main(["train", "lite", "--data", str(stage), "--held-out", str(stage), "--out", str(out), *options]) == 0
    assert f"done: {out / 'final'}" in capsys.readouterr().out
    assert load_engine("lite", model=str(out / "final"), device="cpu").windowing.version.startswith("6-")
    assert len(list((out / "pictures" / "step_000003").glob("*.png"))) > 0
    assert json.loads((out / "config.json").read_text())["data"]["held_out"] == str(stage)


def test_a_damaged_shard_is_named_and_passed_over(stage, tmp_path, capsys):
    for path in stage.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    bad = shard_path(tmp_path, 0)
    bad.write_bytes(b"nothing")
    next(LiteTask(tmp_path, stage, batch=4, workers=0).batches(1, 12))
    assert f"skipped: {bad} cannot be read" in capsys.readouterr().out


def test_a_stage_of_damaged_shards_is_refused(tmp_path):
    write_manifest(tmp_path, {})
    with pytest.raises(InputError, match=f"{tmp_path} holds no scenes: render some with relumix dataset render"):
        batch_of(tmp_path)
    shard_path(tmp_path, 0).write_bytes(b"nothing")
    with pytest.raises(InputError, match=f"{tmp_path}: none of 100 scenes drawn could be used"):
        batch_of(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups")
def test_a_signal_to_all_its_processes_ends_in_a_checkpoint(stage, tmp_path):
    command = [
        sys.executable,
        "-m",
        "relumix.cli.main",
        "train",
        "lite",
        "--data",
        str(stage),
        "--held-out",
        str(stage),
    ]
    options = ["--out", str(tmp_path), "--steps", "100000", "--batch", "2", "--workers", "1", "--threads", "1"]
    with subprocess.Popen(
        [*command, *options, "--device", "cpu"], start_new_session=True, stderr=subprocess.PIPE
    ) as run:
        try:
            log = tmp_path / "log.csv"
            deadline = time.monotonic() + 120
            while not log.exists() and time.monotonic() < deadline:
                time.sleep(0.2)
            os.killpg(run.pid, signal.SIGTERM)
            said = run.communicate(timeout=120)[1].decode()
        finally:
            run.kill()
    assert run.returncode == 143, said
    (kept,) = (tmp_path / "checkpoints").iterdir()
    assert f"relumix: stopped at step {int(kept.name[-6:])}; go on with --resume" in said
