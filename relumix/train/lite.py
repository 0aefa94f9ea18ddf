"""What `lite` learns from: pairs of a light stage, prepared as the engine prepares a shot."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from relumix.color.rec709 import LUMINANCE
from relumix.dataset.pairs import Pair, draw
from relumix.dataset.shards import Shards
from relumix.engines.lite.features import (
    SpreadLight,
    averaged_features,
    frame_features,
    planar,
    reference_features,
)
from relumix.engines.lite.network import LightNet
from relumix.engines.lite.weights import WEIGHTS, load_network
from relumix.engines.tracking.appearance import match
from relumix.engines.tracking.correspondence import extend_track, identity_track
from relumix.engines.tracking.motion_averaging import WeightedGain, average
from relumix.engines.tracking.reference_light import carry, combine
from relumix.engines.tracking.tracks import WindowMotion
from relumix.errors import InputError
from relumix.gain.downsample import median_stops
from relumix.gain.log_gain import MID_GREY, measure
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.train.loop import Batch
from relumix.types import Float16

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
        stops, log_error = predict(model, batch)
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
        known = ((scaled + 0.01) * torch.exp2(-log_error) + log_error * math.log(2)).mean()
        total = shown + 0.15 * far + 0.1 * edges + 0.02 * known
        return total, {
            "display": shown.detach(),
            "stops": far.detach(),
            "edges": cast(Tensor, edges).detach(),
            "log_error": known.detach(),
        }

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return PSNR of display values over held-out frames, of the network and of the flow engine's light."""
        sums: dict[str, list[float]] = {}
        for batch in self._held_out():
            stops, _ = predict(model, batch)
            wanted = display(batch, batch["truth"])
            for what, light in (("", stops), ("given_", batch["averaged"])):
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
            lights = torch.zeros_like(stops), batch["averaged"], stops, batch["truth"]
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


Example = dict[str, Float16]


def examples(pair: Pair) -> Iterator[Example]:
    """Yield an example for each frame of a pair but the first: what the network sees, and what it should have found.

    All float16, planar. frame, reference: see LightNet. averaged, truth [3, h, w] stops without the reference's median:
    the flow engine's gain, and the other light's; plate [3, h, w] clean, at the reference's exposure; spread [1, 1, 1]
    stops; shown [3, 1, 1] as `display` takes it; known [1, h, w] where the plate has light; moving [1, h, w].
    """
    height, width = pair.plate.shape[1:3]
    size = (width, height)
    exposure = np.float32(MID_GREY / max(float(np.median(pair.plate[0] @ LUMINANCE)), 1e-6))
    window, reference = _prepared(pair, exposure)
    light = reference.light
    gains, features = _flow_gains(window, reference, size)
    shown = 0.18 / float(np.exp(np.log(np.maximum(pair.relit[0] @ LUMINANCE, 1e-6)).mean()))
    for i, (averaged, seen) in enumerate(zip(average(gains, window)[1:], features, strict=True), 1):
        clean = pair.clean[i] * exposure
        truth = measure(clean, pair.relit[i] * exposure * np.exp2(-light.median_gain))
        example = {
            "frame": np.concatenate([seen, averaged_features(reference, averaged, size)]),
            "reference": reference_features(reference, size),
            "averaged": planar([averaged.gain_stops - light.median_gain]),
            "truth": planar([truth.clip(-8, 8)]),
            "plate": planar([clean.clip(0, 1000)]),
            "spread": np.full((1, 1, 1), max(reference.spread_stops, 1e-3)),
            "shown": (np.exp2(light.median_gain) * np.float32(shown) / exposure).reshape(3, 1, 1),
            "known": (clean.max(-1) > 1e-4)[None],
            "moving": (pair.moving[i] > 0)[None],
        }
        yield {key: np.asarray(value, np.float16) for key, value in example.items()}


def _prepared(pair: Pair, exposure: np.float32) -> tuple[WindowMotion, SpreadLight]:
    """Return a pair's plate as a window, and its first frame's relit version as a reference."""
    height, width = pair.plate.shape[1:3]
    ones = np.ones((height, width), np.float32)
    before, after = pair.plate[0] * exposure, pair.reference * exposure
    median_gain = median_stops(before, after, ones > 0)
    stops = measure(before, after * np.exp2(-median_gain)) + median_gain
    reference = ProxyReference(0, before, ones, stops, ones)
    frames = [reference, *(ProxyFrame(i, plate * exposure, ones) for i, plate in enumerate(pair.plate[1:], 1))]
    return WindowMotion.of(frames), SpreadLight.of(reference, round(_MATCH_SHARE * width))


def _flow_gains(
    window: WindowMotion, reference: SpreadLight, size: tuple[int, int]
) -> tuple[list[WeightedGain], list[Float16]]:
    """Return the flow engine's gain on every frame, before it is averaged, and the features of all but the first."""
    light, first = reference.light, window.frames[0]
    # Frame by frame outwards, as the engine does within a window.
    track = identity_track(first)
    gains, features = [light.own_gain()], []
    for frame, step in zip(window.frames[1:], window.steps, strict=True):
        track = extend_track(step, track, frame, first)
        carried, matched = carry(light, frame, track), match(light.bank, frame, track)
        gains.append(combine(light, carried, matched))
        features.append(frame_features(reference, frame, track, carried, matched, size))
    return gains, features


def predict(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the local gain [B, 3, h, w] in stops, and log2 of its expected error [B, 1, h, w] in units of spread."""
    planes = (batch[key].float().contiguous(memory_format=torch.channels_last) for key in ("frame", "reference"))
    correction, log_error = model(*planes)
    return batch["averaged"].float() + batch["spread"].float() * correction.float(), log_error.float()


def display(batch: Batch, stops: Tensor) -> Tensor:
    """Return what a viewer shows of the plate under a local gain [B, 3, h, w]: 0..1, coded as sRGB."""
    factor = torch.exp2(stops.clamp(-12, 12))
    linear = (batch["plate"] * factor * batch["shown"]).clamp(0, 1)
    curve = 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, curve, 12.92 * linear)


def _edges(light: Tensor, distance: int) -> Tensor:
    across, down = light[..., distance:] - light[..., :-distance], light[..., distance:, :] - light[..., :-distance, :]
    return torch.cat([across.flatten(2), down.flatten(2)], -1)


def _psnr(square: Tensor) -> list[float]:
    return cast("list[float]", (-10 * torch.log10(square.clamp_min(1e-10))).tolist())
