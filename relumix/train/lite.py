"""What `lite` learns from: pairs of a light stage, prepared as the engine prepares a shot."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from relumix.dataset.pairs import Pair, draw
from relumix.dataset.shards import Shards
from relumix.engines.lite.clues import Known, frame_clues, planar, reference_clues, steady_clues
from relumix.engines.lite.engine import WEIGHTS, load_network
from relumix.engines.lite.network import LightNet
from relumix.engines.tracking.candidates import believe, propose
from relumix.engines.tracking.correspondence import View, follow, stay, step
from relumix.engines.tracking.motion_averaging import smooth
from relumix.errors import InputError
from relumix.gain.downsample import LUMINANCE, median_stops
from relumix.gain.log_gain import BLACK_OFFSET, MID_GREY, measure
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.train.loop import Batch

_FRAMES = 8  # of a clip: what is averaged along the motion needs neighbours on both sides
_CLIPS = 24  # prepared clips from which a batch is drawn, so that its examples come from many scenes
_MATCH_SHARE = 0.46  # of a picture's long edge: as coarsely as a large picture is matched, and quick
_BATCHES_A_CLIP = 2  # to prepare a clip takes longer than to learn from it


@dataclass(frozen=True)
class LiteTask:
    """Train `lite` (see relumix.train.loop.Task).

    data, held_out  folders of light stages: to learn from, and to validate on.
    batch           frames a step; workers: processes that prepare them.
    """

    data: Path
    held_out: Path
    batch: int = 8
    workers: int = 1
    validation_clips: int = 24
    start: Path | None = None
    name: str = "lite"

    def settings(self) -> dict[str, Any]:
        """Return what is kept beside the weights."""
        return {"data": str(self.data), "held_out": str(self.held_out), "batch": self.batch, "start": str(self.start)}

    def model(self) -> nn.Module:
        """Return an untrained network, or the one to start from."""
        return LightNet() if self.start is None else load_network(self.start)

    def optimizer(self, parameters: list[nn.Parameter], rate: float) -> torch.optim.Optimizer:
        """Return AdamW."""
        return torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.98), weight_decay=1e-3)

    def batches(self, seed: int, first_step: int) -> Iterator[Batch]:
        """Yield batches of examples (see `examples`), drawn from several clips."""
        stream = _Stream(self.data, seed, first_step, self.batch)
        options: dict[str, Any] = {"prefetch_factor": 4, "worker_init_fn": _leave_signals} if self.workers else {}
        loader = DataLoader(stream, batch_size=None, num_workers=self.workers, **options)
        return iter(loader)

    def loss(
        self, model: nn.Module, batch: Batch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss: display values, stops, edges of the gain, and how well the network knows its error."""
        batch = {key: value.float() for key, value in batch.items()}
        stops, miss = predict(model, batch)
        seen = display(batch, stops)
        wanted = display(batch, batch["truth"])
        weight = batch["known"]
        shown = (((seen - wanted).square() + 1e-4).sqrt() * weight).mean() + 4 * (
            (seen - wanted).square() * weight
        ).mean()
        # What lies in the dark adds little light, whatever its gain.
        matters = weight * (batch["plate"].amax(1, keepdim=True) / MID_GREY).clamp(0.05, 1).sqrt()
        wrong = (stops - batch["truth"]).abs()
        far = (wrong.clamp_max(3.0) * matters).mean()
        edges = sum((_edges(stops, d) - _edges(batch["truth"], d)).abs().clamp_max(2.0).mean() for d in (1, 4))
        scaled = wrong.detach().mean(1, keepdim=True) / batch["spread"]
        known = ((scaled + 0.01) * torch.exp2(-miss) + miss * math.log(2)).mean()
        total = shown + 0.15 * far + 0.1 * edges + 0.02 * known
        return total, {
            "display": shown.detach(),
            "stops": far.detach(),
            "edges": cast(Tensor, edges).detach(),
            "miss": known.detach(),
        }

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return PSNR of display values over held-out frames, of the network and of the flow engine's light."""
        sums: dict[str, list[float]] = {}
        for batch in self._held_out():
            stops, _ = predict(model, batch)
            wanted = display(batch, batch["truth"])
            for what, light in (("", stops), ("given_", batch["steady"])):
                square = (display(batch, light) - wanted).square().mean(1)
                sums.setdefault(f"{what}psnr", []).extend(_psnr(square.mean((1, 2))))
                moving = batch["moving"][:, 0] > 0.5
                for one, where in zip(square, moving, strict=True):
                    if where.float().mean() > 0.01:
                        sums.setdefault(f"{what}psnr_moving", []).extend(_psnr(one[where].mean()[None]))
        return {key: float(np.mean(values)) for key, values in sums.items()}

    def pictures(self, model: nn.Module, folder: Path) -> None:
        """Write a strip for each of a few held-out frames: plate, what was given, result, truth."""
        folder.mkdir(parents=True, exist_ok=True)
        for i, batch in zip(range(6), self._held_out(), strict=False):
            stops, _ = predict(model, batch)
            lights = torch.zeros_like(stops), batch["steady"], stops, batch["truth"]
            strip = [display(batch, light)[0] for light in lights]
            pixels = (torch.cat(strip, -1).permute(1, 2, 0) * 255).round().byte().numpy()
            Image.fromarray(pixels).save(folder / f"{i}.png")

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write the weights in half precision, as the engine loads them."""
        weights = {key: value.detach().half().contiguous() for key, value in model.state_dict().items()}
        save_file(weights, folder / WEIGHTS, metadata={"network": json.dumps(cast(LightNet, model).shape)})

    def _held_out(self) -> Iterator[Batch]:
        stream = _Stream(self.held_out, 77, 0, self.batch, clips=1, batches_a_clip=1)
        for batch in islice(stream, self.validation_clips):
            yield {key: value.float() for key, value in batch.items()}


def _leave_signals(worker: int) -> None:
    """Leave it to the training to stop its workers: who stops a job may tell all its processes at once."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


class _Stream(IterableDataset[Batch]):
    """Batches without end, drawn from the last few clips that were prepared.

    Batch n is a function of seed, n and the number of workers, which take turns.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        first: int,
        batch: int,
        clips: int = _CLIPS,
        batches_a_clip: int = _BATCHES_A_CLIP,
    ) -> None:
        self._folder, self._seed, self._next, self._batch = folder, seed, first, batch
        self._clips, self._batches_a_clip = clips, batches_a_clip

    def __iter__(self) -> Iterator[Batch]:
        info = get_worker_info()
        turn, turns = (info.id, info.num_workers) if info else (0, 1)
        cv2.setNumThreads(1)
        threadpool_limits(1, user_api="blas")  # small products: its threads would only wait for each other
        kept: dict[int, list[Example]] = {}
        for n in range(self._next + turn, 1 << 62, turns):
            newest = n // turns // self._batches_a_clip
            wanted = range(max(0, newest + 1 - self._clips), newest + 1)
            kept = {c: kept[c] if c in kept else self._clip(turn + turns * c) for c in wanted}
            rng = np.random.default_rng([self._seed, n, 1])
            every = [example for clip in kept.values() for example in clip]
            picked = rng.choice(len(every), self._batch, replace=len(every) < self._batch)
            yield {key: torch.from_numpy(np.stack([every[i][key] for i in picked])) for key in every[0]}

    def _clip(self, number: int) -> list[Example]:
        """The examples of one clip, in half precision."""
        shards = Shards(self._folder)  # scenes that were rendered meanwhile join in
        if len(shards) == 0:
            raise InputError(f"{self._folder} holds no scenes: render some with relumix dataset render")
        rng = np.random.default_rng([self._seed, number])
        for _ in range(100):
            try:
                scene = shards.read(int(rng.integers(len(shards))))
            except InputError as error:
                print(f"skipped: {error}")
                continue
            return list(examples(draw(scene, rng, _FRAMES)))
        raise InputError(f"{self._folder}: none of 100 scenes drawn could be used")


Example = dict[str, "NDArray[np.float16]"]


def examples(pair: Pair) -> Iterator[Example]:
    """Yield an example for each frame of a pair but the first: the engine's clues, and the light it should have found.

    All float16, planar. frame, reference: see LightNet. steady, truth [3, h, w] stops without the reference's median:
    the flow engine's light, and the other light; plate [3, h, w] clean, at the reference's exposure; spread [1, 1, 1]
    stops; shown [3, 1, 1] as `display` takes it; known [1, h, w] where the plate has light; moving [1, h, w].
    """
    height, width = pair.plate.shape[1:3]
    size = (width, height)
    exposure = np.float32(MID_GREY / max(float(np.median(pair.plate[0] @ LUMINANCE)), 1e-6))
    ones = np.ones((height, width), np.float32)
    before, after = pair.plate[0] * exposure, pair.reference * exposure
    grade = median_stops(before, after, ones > 0)
    stops = measure(before, after * np.exp2(-grade)) + grade
    reference = ProxyReference(0, before, ones, stops, ones)
    frames = [reference, *(ProxyFrame(i, plate * exposure, ones) for i, plate in enumerate(pair.plate[1:], 1))]
    views = [View.of(frame) for frame in frames]
    steps = [step(now, last) for last, now in pairwise(views)]
    known = Known.of(reference, views[0], round(_MATCH_SHARE * width))
    light, track = known.light, stay(views[0])
    lights, clues = [light.itself()], []
    for view, moved in zip(views[1:], steps, strict=True):
        track = follow(moved, track, view, views[0])
        found = propose(light, view, track)
        lights.append(believe(light, found))
        clues.append(frame_clues(known, view, track, found, size))
    shown = 0.18 / float(np.exp(np.log(np.maximum(pair.relit[0] @ LUMINANCE, 1e-6)).mean()))
    after_all = smooth(lights, views, steps)
    for i, (steady, looks) in enumerate(zip(after_all[1:], clues, strict=True), 1):
        clean = pair.clean[i] * exposure
        truth = measure(clean, pair.relit[i] * exposure * np.exp2(-light.level))
        example = {
            "frame": np.concatenate([looks, steady_clues(known, steady, size)]),
            "reference": reference_clues(known, size),
            "steady": planar([steady[0] - light.level]),
            "truth": planar([truth.clip(-8, 8)]),
            "plate": planar([clean.clip(0, 1000)]),
            "spread": np.full((1, 1, 1), max(known.spread, 1e-3)),
            "shown": (np.exp2(light.level) * np.float32(shown) / exposure).reshape(3, 1, 1),
            "known": (clean.max(-1) > 1e-4)[None],
            "moving": (pair.moving[i] > 0)[None],
        }
        yield {key: np.asarray(value, np.float16) for key, value in example.items()}


def predict(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the local gain [B, 3, h, w] in stops, and log2 of its expected error [B, 1, h, w] in units of spread."""
    planes = (batch[key].float().contiguous(memory_format=torch.channels_last) for key in ("frame", "reference"))
    correction, miss = model(*planes)
    return batch["steady"].float() + batch["spread"].float() * correction.float(), miss.float()


def display(batch: Batch, stops: Tensor) -> Tensor:
    """Return what a viewer shows of the plate under a local gain [B, 3, h, w]: 0..1, coded as sRGB."""
    factor = torch.exp2(stops.clamp(-12, 12))
    lit = batch["plate"] * factor + BLACK_OFFSET * (factor - 1).clamp_min(0)
    linear = (lit * batch["shown"]).clamp(0, 1)
    curve = 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, curve, 12.92 * linear)


def _edges(light: Tensor, distance: int) -> Tensor:
    across, down = light[..., distance:] - light[..., :-distance], light[..., distance:, :] - light[..., :-distance, :]
    return torch.cat([across.flatten(2), down.flatten(2)], -1)


def _psnr(square: Tensor) -> list[float]:
    return cast("list[float]", (-10 * torch.log10(square.clamp_min(1e-10))).tolist())
