"""The one training loop: steps, averages, checkpoints, validation, logs. What is learned is a `Task`'s.

It runs on accelerate: one CPU, one GPU or many, in full or mixed precision. A run is a function of its settings: every
step draws its data and its noise from the seed and its own number, so a run that was interrupted and resumed gives the
weights of one that was not.
"""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from relumix.errors import InputError
from relumix.util.atomic_file import replacing, replacing_folder
from relumix.util.stop_signals import stop_signals

Batch = Mapping[str, Tensor]
CONFIG, LOG, CHECKPOINTS, FINAL = "config.json", "log.csv", "checkpoints", "final"


class Task(Protocol):
    """What is learned, and from what."""

    @property
    def name(self) -> str:
        """Of the engine."""
        ...

    def settings(self) -> Mapping[str, Any]:
        """Return what this task was set up with, to be kept beside the weights (JSON)."""
        ...

    def model(self) -> nn.Module:
        """Return the network to be trained, on the CPU, its weights drawn from torch's generator or loaded."""
        ...

    def optimizer(self, parameters: list[nn.Parameter], rate: float) -> torch.optim.Optimizer:
        """Return the optimiser."""
        ...

    def batches(self, seed: int, first_step: int) -> Iterator[Batch]:
        """Yield a batch for every step from first_step on: a function of seed and step alone. Never ends."""
        ...

    def loss(
        self, model: nn.Module, batch: Batch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss and its parts, to be logged. Noise comes from the generator."""
        ...

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return figures over held-out data."""
        ...

    def pictures(self, model: nn.Module, folder: Path) -> None:
        """Write sample pictures to look at."""
        ...

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write the weights as the engine loads them."""
        ...


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    steps            in all; the learning rate rises over `warmup` of them and falls along a cosine to 0.
    rate             highest learning rate.
    ema_halflife     steps after which a weight counts half in the average that is validated and shipped.
    precision        "no" (float32), "bf16" or "fp16".
    gradient_norm    longer gradients are cut to this.
    kept             newest checkpoints that are kept.
    """

    steps: int
    rate: float
    seed: int = 1
    warmup: int = 100
    ema_halflife: float = 200.0
    precision: str = "no"
    gradient_norm: float = 1.0
    validate_every: int = 500
    checkpoint_every: int = 250
    log_every: int = 20
    kept: int = 2
    device: str = "auto"


class StoppedError(Exception):
    """Training was told to stop; a checkpoint of `step` was written."""

    def __init__(self, step: int) -> None:
        super().__init__(f"stopped at step {step}; go on with --resume")
        self.step = step


def train(
    task: Task,
    settings: TrainSettings,
    out: Path,
    *,
    resume: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Train and return the folder that holds the result, as the engine loads it.

    out     the run's folder: config.json, log.csv, TensorBoard's logs, checkpoints/, pictures/, final/.
    resume  go on from the newest checkpoint in `out`, if there is one.
    say     told what happens, a line at a time.

    Raises InputError for a folder that holds another run, or settings that are not those of the run to resume;
    StoppedError after SIGTERM or SIGINT.
    """
    resolved = {"task": task.name, **asdict(settings), "data": dict(task.settings())}
    _claim(out, resolved, resume)
    run = _Run(task, settings, out, say)
    with closing(run), stop_signals(run.stop):
        run.restore(resume)
        run.go()
    return out / FINAL


class _Run:
    """A training run in progress."""

    def __init__(self, task: Task, settings: TrainSettings, out: Path, say: Callable[[str], None]) -> None:
        self.task, self.settings, self.out, self.say = task, settings, out, say
        self.step, self.stopping = 0, False
        set_seed(settings.seed)
        self.accelerator = Accelerator(
            cpu=settings.device == "cpu", mixed_precision=settings.precision, log_with="tensorboard", project_dir=out
        )
        self.accelerator.init_trackers("tensorboard")
        model = task.model()
        # Some layers are faster by far on the CPU when channels lie together in memory.
        for parameter in model.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.optimizer = task.optimizer([p for p in model.parameters() if p.requires_grad], settings.rate)
        self.model, self.optimizer = self.accelerator.prepare(model, self.optimizer)
        decay = 0.5 ** (1 / settings.ema_halflife)
        self.average = AveragedModel(self._plain(), multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]

    def close(self) -> None:
        self.accelerator.end_training()

    def stop(self) -> None:
        self.stopping = True

    def go(self) -> None:
        """Train to the last step."""
        seed = self.settings.seed + 1_000_003 * self.accelerator.process_index
        for batch in self.task.batches(seed, self.step):
            if self.step >= self.settings.steps or self.stopping:
                break
            self._learn({key: value.to(self.accelerator.device) for key, value in batch.items()}, seed)
            self.step += 1
            if self.step % self.settings.validate_every == 0 or self.step == self.settings.steps:
                self._validate()
            if self.step % self.settings.checkpoint_every == 0:
                self._checkpoint()
        self._checkpoint()
        if self.step < self.settings.steps:
            raise StoppedError(self.step)
        if self.accelerator.is_main_process:
            with replacing_folder(self.out / FINAL) as folder:
                self.task.save(self.average.module, folder)
        self.say(f"done: {self.out / FINAL}")

    def _learn(self, batch: Batch, seed: int) -> None:
        rate = self.settings.rate * _cosine(self.step, self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        generator = torch.Generator(self.accelerator.device).manual_seed(seed * 1_000_003 + self.step)
        with self.accelerator.autocast():
            loss, parts = self.task.loss(self.model, batch, self.step, generator)
        if not torch.isfinite(loss):
            raise InputError(f"the loss of step {self.step} is {loss.item()}: lower --rate, or look at the data")
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.settings.gradient_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.update_parameters(self._plain())
        if self.step % self.settings.log_every == 0:
            self._log({"loss": loss.item(), "rate": rate, **{key: float(part) for key, part in parts.items()}})

    def _validate(self) -> None:
        if not self.accelerator.is_main_process:
            return
        model = self.average.module.eval()
        with torch.no_grad():
            figures = self.task.validate(model)
            self.task.pictures(model, self.out / "pictures" / f"step_{self.step:06d}")
        model.train()
        self._log({f"valid/{key}": value for key, value in figures.items()})
        self.say(f"step {self.step}: " + ", ".join(f"{key} {value:.4g}" for key, value in figures.items()))

    def _log(self, values: dict[str, float]) -> None:
        self.accelerator.log(values, step=self.step)
        if not self.accelerator.is_main_process:
            return
        with (self.out / LOG).open("a", newline="") as file:
            csv.writer(file).writerows([self.step, key, f"{value:.6g}"] for key, value in values.items())

    def _checkpoint(self) -> None:
        if not self.accelerator.is_main_process:
            return
        folder = self.out / CHECKPOINTS / f"step_{self.step:06d}"
        with replacing_folder(folder) as unfinished:
            self._write(unfinished)
        for old in sorted(folder.parent.glob("step_*"))[: -self.settings.kept]:
            shutil.rmtree(old)

    def _write(self, folder: Path) -> None:
        save_file(_dense(self._plain().state_dict()), folder / "model.safetensors")
        save_file(_dense(self.average.module.state_dict()), folder / "average.safetensors")
        save_file(_flat(self.optimizer.state_dict()["state"]), folder / "optimizer.safetensors")
        state = {"step": self.step, "averaged": int(self.average.n_averaged)}
        (folder / "state.json").write_text(json.dumps(state))

    def restore(self, resume: bool) -> None:
        """Go back to the newest checkpoint, where there is one and it is wanted."""
        newest = sorted((self.out / CHECKPOINTS).glob("step_*"))[-1:] if resume else []
        for folder in newest:
            self._plain().load_state_dict(load_file(folder / "model.safetensors"))
            self.average.module.load_state_dict(load_file(folder / "average.safetensors"))
            groups = self.optimizer.state_dict()["param_groups"]
            state = _unflat(load_file(folder / "optimizer.safetensors"))
            self.optimizer.load_state_dict({"state": state, "param_groups": groups})
            kept = json.loads((folder / "state.json").read_text())
            self.step = kept["step"]
            self.average.n_averaged.fill_(kept["averaged"])
            self.say(f"resumed at step {self.step}")

    def _plain(self) -> nn.Module:
        model: nn.Module = self.accelerator.unwrap_model(self.model)
        return model


def _cosine(step: int, settings: TrainSettings) -> float:
    rise = min(1.0, (step + 1) / max(1, settings.warmup))
    return rise * 0.5 * (1 + math.cos(math.pi * step / settings.steps))


def _claim(out: Path, resolved: dict[str, Any], resume: bool) -> None:
    """Keep the resolved settings beside the result; a run is not resumed with others."""
    path = out / CONFIG
    resolved = json.loads(json.dumps(resolved))
    if path.exists():
        if not resume:
            raise InputError(f"{out} holds a training run: go on with --resume, or give another --out")
        kept = json.loads(path.read_text())
        other = sorted(key for key in {*kept, *resolved} - {"device"} if kept.get(key) != resolved.get(key))
        if other:
            pairs = ", ".join(f"{key} was {kept.get(key)!r} and is {resolved.get(key)!r}" for key in other)
            raise InputError(f"{out} was begun with other settings: {pairs}; give the same, or another --out")
    with replacing(path) as name:
        name.write_text(json.dumps(resolved, indent=1) + "\n")


def _dense(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.detach().contiguous().cpu() for key, value in tensors.items()}


def _flat(state: Mapping[int, Mapping[str, Any]]) -> dict[str, Tensor]:
    """Return an optimiser's state as tensors with names like 12.exp_avg."""
    return _dense({f"{i}.{key}": torch.as_tensor(value) for i, item in state.items() for key, value in item.items()})


def _unflat(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    return state
