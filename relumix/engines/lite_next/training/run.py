"""One process that renders and learns, by its own clock. Needs torch, numpy, safetensors and drjit, nothing else."""

from __future__ import annotations

import csv
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from relumix.dataset.light_stage.sdf.backend import Types
from relumix.dataset.shards import Shards
from relumix.engines.lite_next.network import LightNet
from relumix.engines.lite_next.training.clips import Clip, Stage, of_shard
from relumix.engines.lite_next.training.learn import descend, differentiate, validate
from relumix.engines.lite_next.training.pairs import Example, draw
from relumix.errors import InputError
from relumix.util.atomic_file import replacing
from relumix.util.stop_signals import stop_signals
from relumix.util.words import number_of

WEIGHTS, STATE, LOG, CONFIG = "lite.safetensors", "state", "log.csv", "config.json"
LARGEST_FILE = 15 * 2**20
"""Bytes: what is written can be carried away in files of at most 16 MiB."""

HELD_OUT = 900001
"""The first seed of the scenes to validate on; training takes those from `seed` * SEEDS_A_RUN on."""

SEEDS_A_RUN = 1_000_000

_WARM_UP_STEPS, _LAST_RATE = 100, 0.02
_CLIPS_AT_ONCE = 8
_STEPS_OF_A_SIZE = 8  # all that is learned every few steps alone is learned of every size


@dataclass(frozen=True)
class Settings:
    """How to train.

    minutes   of the clock, those of earlier starts of the same run counted; the learning rate falls to 0 by their end.
    sizes     (width, height) of frames, multiples of 16, which take turns; frames and lights: of a clip.
    batch     examples a step of the first size, as many pixels of the others; pool: clips that examples are drawn from;
              steps_a_clip: steps until the next is rendered.
    rate      highest learning rate; shape_steps: steps that learn shape and matching alone, at first. Not a share of
              the time: on a slow machine hours would pass before anything is learned of light.
    data      a light stage on disk, of frames of the first size with all planes: a quarter of the examples of that size
              is of it in the last shards_share of the time. None: no such examples.
    """

    minutes: float
    sizes: tuple[tuple[int, int], ...] = ((256, 160),)
    frames: int = 8
    lights: int = 6
    batch: int = 8
    pool: int = 32
    steps_a_clip: int = 2
    rate: float = 6e-4
    shape_steps: int = 300
    shards_share: float = 0.25
    data: str | None = None
    seed: int = 1
    average_steps: float = 300.0
    validate_minutes: float = 2.0
    save_minutes: float = 2.0
    held_out: int = 6
    log_every: int = 20


def train(
    settings: Settings, out: Path, types: Types, *, resume: bool = False, say: Callable[[str], None] = lambda _: None
) -> bool:
    """Train until the clock has run down, or SIGTERM or SIGINT; returns whether it came to its end.

    out     lite.safetensors (half precision, averaged), log.csv, config.json, state/: what a resumed run goes on from.
    types   Dr.Jit's backend to render with; with CUDA, torch learns there too.
    say     told what happens, a line at a time.

    Raises InputError for a folder that holds another run.
    """
    _claim(out, settings, resume)
    run = Training(settings, out, types, say)
    run.restore()
    with stop_signals(run.stop), torch.backends.cudnn.flags(enabled=True, benchmark=True):
        return run.go()


class Training:
    """A training run in progress."""

    def __init__(self, settings: Settings, out: Path, types: Types, say: Callable[[str], None]) -> None:
        self.settings, self.out, self.say = settings, out, say
        self.together = _CLIPS_AT_ONCE if types.name == "cuda" else 1
        self.device = torch.device("cuda" if types.name == "cuda" and torch.cuda.is_available() else "cpu")
        self.stages = [Stage(types, size, settings.frames, settings.lights, self.device) for size in settings.sizes]
        torch.manual_seed(settings.seed)
        self.network = LightNet().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = LightNet().to(self.device)
        self.average.load_state_dict(self.network.state_dict())
        weights = self.network.parameters()
        self.optimizer = torch.optim.AdamW(weights, settings.rate, betas=(0.9, 0.98), weight_decay=1e-3)
        self.step, self.seconds, self.rendered, self.stopping = 0, 0.0, 0, False
        self.pool: list[tuple[int, Clip]] = []  # and their numbers
        self.upcoming: Example | None = None
        self.spent = {"render": 0.0, "draw": 0.0, "learn": 0.0}
        self.held_out: list[Clip] = []
        self.shards = None if settings.data is None else Shards(Path(settings.data))
        self.recorded: list[Clip] = []

    def stop(self) -> None:
        """Have it end after the step that it is at."""
        self.stopping = True

    @property
    def shape_alone(self) -> bool:
        """Whether nothing is learned of light yet."""
        return self.step < self.settings.shape_steps

    def go(self) -> bool:
        """Render and learn. Returns whether the clock has run down."""
        limit = self.settings.minutes * 60
        saved = validated = last = time.monotonic()
        while self.seconds < limit and not self.stopping:
            self.take_step()
            now = time.monotonic()
            self.seconds, last = self.seconds + now - last, now
            if now - validated > self.settings.validate_minutes * 60:
                self._validate()
                validated = time.monotonic()
            if now - saved > self.settings.save_minutes * 60:
                self._save()
                saved = time.monotonic()
        self._save()
        self._validate()
        done = self.seconds >= limit
        made = f"{number_of(self.step, 'step')}, {number_of(self.rendered, 'clip')}"
        self.say(f"{'done' if done else 'stopped'}: {made}; {self.out / WEIGHTS}")
        return done

    def take_step(self) -> None:
        """Learn from one batch, and render what is due and draw the next batch meanwhile."""
        settings = self.settings
        example = self.upcoming or self._prepared(self.step)
        share = min(1.0, self.seconds / (settings.minutes * 60))
        rise, fall = min(1.0, (self.step + 1) / _WARM_UP_STEPS), max(_LAST_RATE, math.cos(share * math.pi / 2) ** 2)
        for group in self.optimizer.param_groups:
            group["lr"] = settings.rate * rise * fall
        generator = torch.Generator(self.device).manual_seed(settings.seed * 1_000_003 + self.step)
        with self._clock("learn"):
            parts = differentiate(self.network, example, generator, self.step, self.shape_alone)
        self.upcoming = self._prepared(self.step + 1)  # while a graphics card computes gradients
        with self._clock("learn"):
            parts["gradient"] = descend(self.network, self.optimizer)
            self._average()
        self.step += 1
        if self.step % settings.log_every == 0:
            spent = {f"seconds/{name}": value for name, value in self.spent.items()}
            self._log({name: float(part) for name, part in parts.items()} | spent)

    def _prepared(self, step: int) -> Example:
        """The examples of a step."""
        with self._clock("render"):
            self._render(step)
        with self._clock("draw"):
            rng = np.random.default_rng([self.settings.seed, step])
            share = self.seconds / (self.settings.minutes * 60)
            if self.shards is not None and share >= 1 - self.settings.shards_share:
                self._read_one(self.shards, rng, step)
            size = (step // _STEPS_OF_A_SIZE) % len(self.stages)
            batch = round(self.settings.batch * self.stages[0].pixels / self.stages[size].pixels)
            pool = [clip for number, clip in self.pool if self._size_of(number) == size]
            return draw(pool, rng, max(1, batch), self.recorded if size == 0 else ())

    def _render(self, step: int) -> None:
        """Render the clips that are due: one every few steps, some of each size at the beginning; the oldest leave."""
        first = max(2, len(self.stages) * self.together)
        while self.rendered < first + step // self.settings.steps_a_clip:
            numbers = range(self.rendered, self.rendered + self.together)
            self.pool = [*self.pool, *self._clips(numbers)][-self.settings.pool :]
            self.rendered += self.together

    def _read_one(self, stage: Shards, rng: np.random.Generator, step: int) -> None:
        """Have another clip of the stage on disk, now and then."""
        if self.recorded and step % self.settings.steps_a_clip:
            return
        scene = stage.read(int(rng.integers(len(stage))))
        if not scene.planes or scene.light.shape[2:4] != self.settings.sizes[0][::-1]:
            found = f"{scene.light.shape[3]}x{scene.light.shape[2]}{'' if scene.planes else ' without planes'}"
            width, height = self.settings.sizes[0]
            raise InputError(f"{stage.folder} has scenes of {found}, expected {width}x{height} with all planes")
        self.recorded = [*self.recorded, of_shard(scene, self.device)][-self.settings.pool // 4 :]

    def _size_of(self, number: int) -> int:
        return (number // self.together) % len(self.stages)

    def _clips(self, numbers: range) -> list[tuple[int, Clip]]:
        """The clips of numbers, all of one size."""
        stage = self.stages[self._size_of(numbers[0])]
        clips = stage.clips([self.settings.seed * SEEDS_A_RUN + number for number in numbers])
        return list(zip(numbers, clips, strict=True))

    def _average(self) -> None:
        keep = min(0.5 ** (1 / self.settings.average_steps), (self.step + 1) / (self.step + 10))
        nearer = get_ema_multi_avg_fn(keep)  # type: ignore[no-untyped-call]
        nearer(list(self.average.parameters()), list(self.network.parameters()), self.step)

    def _validate(self) -> None:
        if not self.held_out:
            self.held_out = [self.stages[0].clip(HELD_OUT + i) for i in range(self.settings.held_out)]
        figures = validate(self.average, self.held_out, self.settings.batch)
        self._log({f"valid/{name}": value for name, value in figures.items()})
        said = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        each = ", ".join(f"{name} {value:.0f} s" for name, value in self.spent.items())
        learns = "shape alone" if self.shape_alone else "light"
        self.say(f"{self.seconds / 60:.1f} min, step {self.step} of {learns}, clip {self.rendered} ({each}): {said}")

    def _log(self, values: dict[str, float]) -> None:
        path = self.out / LOG
        if path.exists() and path.stat().st_size > LARGEST_FILE:
            path.rename(self.out / f"log.{self.step:07d}.csv")
        with path.open("a", newline="") as file:
            csv.writer(file).writerows([self.step, f"{self.seconds:.0f}", k, f"{v:.6g}"] for k, v in values.items())

    def _save(self) -> None:
        weights = {name: value.detach().half().contiguous().cpu() for name, value in self.average.state_dict().items()}
        with replacing(self.out / WEIGHTS) as part:
            save_file(weights, part, metadata={"network": json.dumps(self.network.shape)})
        folder = self.out / f".{STATE}.part"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for i, tensors in enumerate(_files(self._state())):
            save_file(tensors, folder / f"{i:03d}.safetensors")
        counts = {"step": self.step, "seconds": self.seconds, "rendered": self.rendered, "spent": self.spent}
        (folder / "counts.json").write_text(json.dumps(counts), encoding="utf-8")
        shutil.rmtree(self.out / STATE, ignore_errors=True)
        folder.rename(self.out / STATE)

    def _state(self) -> dict[str, Tensor]:
        state = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        state |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        for i, kept in self.optimizer.state_dict()["state"].items():
            state |= {f"optimizer.{i}.{name}": torch.as_tensor(value) for name, value in kept.items()}
        return {name: value.detach().contiguous().cpu() for name, value in state.items()}

    def restore(self) -> None:
        """Go on from what was saved, where there is something."""
        folder = self.out / STATE
        if not folder.exists():
            return
        tensors: dict[str, Tensor] = {}
        for path in sorted(folder.glob("*.safetensors")):
            tensors |= load_file(path)
        for name, model in (("network.", self.network), ("average.", self.average)):
            model.load_state_dict({k.removeprefix(name): v for k, v in tensors.items() if k.startswith(name)})
        kept: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".", 2)
                kept.setdefault(int(index), {})[key] = value
        self.optimizer.load_state_dict({"state": kept, "param_groups": self.optimizer.state_dict()["param_groups"]})
        counts = json.loads((folder / "counts.json").read_text(encoding="utf-8"))
        self.step, self.seconds, self.rendered = counts["step"], counts["seconds"], counts["rendered"]
        self.spent = counts["spent"]
        # The pool is that of the run that was interrupted: its newest clips are rendered once more.
        first = max(0, self.rendered - self.settings.pool) // self.together * self.together
        starts = range(first, self.rendered, self.together)
        self.pool = [clip for i in starts for clip in self._clips(range(i, i + self.together))]
        self.say(f"resumed at step {self.step}, {self.seconds / 60:.1f} min")

    @contextmanager
    def _clock(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.spent[name] += time.monotonic() - start


def _files(tensors: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """Tensors in groups that each fit a file of LARGEST_FILE bytes."""
    group: dict[str, Tensor] = {}
    size = 0
    for name, tensor in tensors.items():
        if group and size + tensor.nbytes > LARGEST_FILE:
            yield group
            group, size = {}, 0
        group[name] = tensor
        size += tensor.nbytes
    yield group


def _claim(out: Path, settings: Settings, resume: bool) -> None:
    """Keep the settings beside the result; a run goes on with its own, but for how long it takes."""
    path = out / CONFIG
    wanted: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    if path.exists():
        if not resume:
            raise InputError(f"{out} holds a training run: go on with --resume, or give another --out")
        kept = json.loads(path.read_text(encoding="utf-8"))
        other = sorted(name for name in wanted if kept.get(name) != wanted[name] and not name.endswith("minutes"))
        if other:
            pairs = ", ".join(f"{name} was {kept.get(name)!r} and is {wanted[name]!r}" for name in other)
            raise InputError(f"{out} was begun with other settings: {pairs}; give the same, or another --out")
    out.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        part.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
