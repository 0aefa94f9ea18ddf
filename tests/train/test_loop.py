"""The training loop, on a task of a few numbers."""

import csv
import json
import os
import signal
from itertools import count

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from relumix.errors import InputError
from relumix.train.loop import StoppedError, TrainSettings, train

SETTINGS = TrainSettings(
    steps=12, rate=0.05, warmup=2, ema_halflife=3, validate_every=6, checkpoint_every=4, log_every=1, device="cpu"
)


class Line:
    """Learn y = 3 x from noisy points."""

    name = "line"

    def __init__(self, *, at_step=None, broken_at=None):
        self.at_step, self.broken_at = at_step or (lambda step: None), broken_at

    def settings(self):
        return {"slope": 3}

    def model(self):
        return nn.Linear(1, 1)

    def optimizer(self, parameters, rate):
        return torch.optim.AdamW(parameters, lr=rate)

    def batches(self, seed, first_step):
        for step in count(first_step):
            x = torch.from_numpy(np.random.default_rng([seed, step]).normal(size=(8, 1)).astype(np.float32))
            yield {"x": x, "y": 3 * x}

    def loss(self, model, batch, step, generator):
        self.at_step(step)
        noise = 0.01 * torch.randn(batch["y"].shape, generator=generator)
        loss = (model(batch["x"]) - batch["y"] - noise).square().mean()
        return loss * (float("nan") if step == self.broken_at else 1), {"square": loss.detach()}

    def validate(self, model):
        return {"slope": float(model.weight.detach())}

    def pictures(self, model, folder):
        folder.mkdir(parents=True)
        (folder / "0.txt").write_text(str(model.weight.item()))

    def save(self, model, folder):
        save_file(dict(model.state_dict()), folder / "line.safetensors")


def final(out):
    return load_file(out / "final" / "line.safetensors")


def log(out, name):
    with (out / "log.csv").open() as file:
        return [(int(step), float(value)) for step, key, value in csv.reader(file) if key == name]


def test_it_learns_and_keeps_what_a_run_is(tmp_path):
    said = []
    assert train(Line(), SETTINGS, tmp_path, say=said.append) == tmp_path / "final"
    losses = log(tmp_path, "loss")
    assert [step for step, _ in losses] == list(range(12))
    assert losses[-1][1] < losses[0][1]
    assert json.loads((tmp_path / "config.json").read_text())["data"] == {"slope": 3}
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step_000008", "step_000012"]
    assert (tmp_path / "pictures" / "step_000006" / "0.txt").exists()
    assert [step for step, _ in log(tmp_path, "valid/slope")] == [6, 12]
    assert list((tmp_path / "tensorboard").rglob("events.out.tfevents.*"))
    assert said[-1] == f"done: {tmp_path / 'final'}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_was_stopped_and_resumed_equals_one_that_was_not(tmp_path, number):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(Line(), SETTINGS, whole)
    stop = Line(at_step=lambda step: os.kill(os.getpid(), number) if step == 6 else None)
    with pytest.raises(StoppedError, match="stopped at step 7; go on with --resume"):
        train(stop, SETTINGS, broken)
    assert not (broken / "final").exists()
    train(Line(), SETTINGS, broken, resume=True)
    for key, value in final(whole).items():
        assert torch.equal(final(broken)[key], value)


def test_signals_are_put_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    train(Line(), SETTINGS, tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_folder_that_holds_a_run_is_not_written_over(tmp_path):
    train(Line(), SETTINGS, tmp_path)
    with pytest.raises(InputError, match=f"{tmp_path} holds a training run: go on with --resume, or give another"):
        train(Line(), SETTINGS, tmp_path)


def test_a_run_is_not_resumed_with_other_settings(tmp_path):
    train(Line(), SETTINGS, tmp_path)
    other = TrainSettings(steps=13, rate=0.05, device="cpu")
    with pytest.raises(InputError, match=r"begun with other settings: .*steps was 12 and is 13"):
        train(Line(), other, tmp_path, resume=True)


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    with pytest.raises(InputError, match="the loss of step 3 is nan: lower --rate, or look at the data"):
        train(Line(broken_at=3), SETTINGS, tmp_path)
