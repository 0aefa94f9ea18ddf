"""What `lite` learns from: pairs of a light stage, prepared as the engine prepares a shot."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

from relumix.dataset.pairs import Pair, draw
from relumix.dataset.shards import Shards
from relumix.engines.base import BLACK_OFFSET, MID_GREY, Float32, WorkingFrame, WorkingReference
from relumix.engines.flow.correspondence import View, follow, stay, step
from relumix.engines.lite.clues import Light, candidates, frame_clues, place, reference_clues
from relumix.engines.lite.engine import MATCH_SHARE, WEIGHTS
from relumix.engines.lite.network import LightNet
from relumix.errors import InputError
from relumix.gain import measure
from relumix.train.loop import Batch
from relumix.working import LUMINANCE, median_stops

_FRAMES = 4
_TARGETS = 2
_WIDEST_STOPS = 5.0


@dataclass(frozen=True)
class LiteTask:
    """Train `lite` (see relumix.train.loop.Task).

    data, held_out  folders of light stages: to learn from, and to validate on.
    batch           frames a step; workers: processes that prepare them.
    """

    data: Path
    held_out: Path
    batch: int = 4
    workers: int = 1
    validation_frames: int = 48
    start: Path | None = None
    name: str = "lite"

    def settings(self) -> dict[str, Any]:
        """Return what is kept beside the weights."""
        return {"data": str(self.data), "held_out": str(self.held_out), "batch": self.batch, "start": str(self.start)}

    def model(self) -> nn.Module:
        """Return an untrained network, or the one to start from."""
        from relumix.engines.lite.engine import load_network  # noqa: PLC0415

        return LightNet() if self.start is None else load_network(self.start)

    def optimizer(self, parameters: list[nn.Parameter], rate: float) -> torch.optim.Optimizer:
        """Return AdamW."""
        return torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.98), weight_decay=1e-3)

    def batches(self, seed: int, first_step: int) -> Iterator[Batch]:
        """Yield batches of examples (see `example`), each of the targets of batch / 2 clips."""
        stream = _Stream(self.data, seed, first_step, self.batch)
        loader = DataLoader(
            stream, batch_size=None, num_workers=self.workers, prefetch_factor=8 if self.workers else None
        )
        return iter(loader)

    def loss(
        self, model: nn.Module, batch: Batch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss: display values, stops, edges of the gain, and how well the network knows its error."""
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
        """Return PSNR of display values over held-out frames, of the network and of the light it was given."""
        sums: dict[str, list[float]] = {}
        for batch in self._held_out():
            stops, _ = predict(model, batch)
            given = blend(batch, batch["frame"][:, 9:10])
            wanted = display(batch, batch["truth"])
            for what, light in (("", stops), ("given_", given)):
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
            given = blend(batch, batch["frame"][:, 9:10])
            strip = [display(batch, light)[0] for light in (torch.zeros_like(stops), given, stops, batch["truth"])]
            pixels = (torch.cat(strip, -1).permute(1, 2, 0) * 255).round().byte().numpy()
            Image.fromarray(pixels).save(folder / f"{i}.png")

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write the weights in half precision, as the engine loads them."""
        weights = {key: value.detach().half().contiguous() for key, value in model.state_dict().items()}
        save_file(weights, folder / WEIGHTS, metadata={"network": json.dumps(cast(LightNet, model).shape)})

    def _held_out(self) -> Iterator[Batch]:
        stream = _Stream(self.held_out, 77, 0, self.batch, quiet=True)
        for _, batch in zip(range(self.validation_frames // self.batch), stream, strict=False):
            yield batch


class _Stream(IterableDataset[Batch]):
    """Batches without end. Batch n is a function of seed and n; workers take turns."""

    def __init__(self, folder: Path, seed: int, first: int, batch: int, *, quiet: bool = False) -> None:
        self._folder, self._seed, self._next, self._batch, self._quiet = folder, seed, first, batch, quiet

    def __iter__(self) -> Iterator[Batch]:
        info = get_worker_info()
        turn, turns = (info.id, info.num_workers) if info else (0, 1)
        cv2.setNumThreads(1)
        threadpool_limits(1, user_api="blas")  # small products: its threads would only wait for each other
        for n in range(self._next + turn, 1 << 62, turns):
            shards = Shards(self._folder)  # scenes that were rendered meanwhile join in
            if len(shards) == 0:
                raise InputError(f"{self._folder} holds no scenes: render some with relumix dataset render")
            rng = np.random.default_rng([self._seed, n])
            examples: list[dict[str, Float32]] = []
            for _ in range(100):
                examples += self._clip(shards, rng)
                if len(examples) >= self._batch:
                    break
            else:
                raise InputError(f"{self._folder}: none of 100 scenes drawn could be used")
            yield {key: torch.from_numpy(np.stack([e[key] for e in examples[: self._batch]])) for key in examples[0]}

    def _clip(self, shards: Shards, rng: np.random.Generator) -> list[dict[str, Float32]]:
        index = int(rng.integers(len(shards)))
        try:
            scene = shards.read(index)
        except InputError as error:
            print(f"skipped: {error}")
            return []
        return list(
            examples(draw(scene, rng, _FRAMES), sorted(rng.choice(np.arange(1, _FRAMES), _TARGETS, replace=False)))
        )


def examples(pair: Pair, targets: Sequence[int]) -> Iterator[dict[str, Float32]]:
    """Yield an example for each target frame of a pair: the engine's clues, and the light it should have found.

    All float32, planar. frame, reference, place: see LightNet. carried, matched, truth [3, h, w] stops; plate [3, h, w]
    clean, at the reference's exposure; spread [1, 1, 1] stops; exposure [1, 1, 1] as `display` takes it; known
    [1, h, w] where the plate has light; moving [1, h, w].
    """
    height, width = pair.plate.shape[1:3]
    size = (width, height)
    exposure = np.float32(MID_GREY / max(float(np.median(pair.plate[0] @ LUMINANCE)), 1e-6))
    ones = np.ones((height, width), np.float32)
    before, after = pair.plate[0] * exposure, pair.reference * exposure
    grade = median_stops(before, after, ones > 0)
    stops = measure(before, after * np.exp2(-grade)) + grade
    reference = WorkingReference(0, before, ones, stops, ones)
    root = View.of(reference)
    light = Light.of(reference, root, round(MATCH_SHARE * max(size)))
    level = light.level
    shown = 0.18 / float(np.exp(np.log(np.maximum(pair.relit[0] @ LUMINANCE, 1e-6)).mean()))
    last, track = root, stay(root)
    for i in range(1, max(targets) + 1):
        view = View.of(WorkingFrame(i, pair.plate[i] * exposure, ones))
        track = follow(step(view, last), track, view, root)
        last = view
        if i not in targets:
            continue
        found = candidates(light, view, track)
        clean = pair.clean[i] * exposure
        truth = measure(clean, pair.relit[i] * exposure * np.exp2(-level))
        yield {
            "frame": frame_clues(light, view, track, found, size),
            "reference": reference_clues(light, size),
            "place": place(track, size),
            "carried": _planar(found.carried),
            "matched": _planar(found.matched),
            "truth": _planar(np.clip(truth, -8, 8)),
            "plate": _planar(clean),
            "spread": np.full((1, 1, 1), max(light.spread, 1e-3), np.float32),
            "shown": (np.exp2(level) * np.float32(shown) / exposure).reshape(3, 1, 1),
            "known": (clean.max(-1) > 1e-4).astype(np.float32)[None],
            "moving": (pair.moving[i] > 0).astype(np.float32)[None],
        }


def predict(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the local gain [B, 3, h, w] in stops, and log2 of its expected error [B, 1, h, w] in units of spread."""
    channels_last = (
        batch[key].contiguous(memory_format=torch.channels_last) for key in ("frame", "reference", "place")
    )
    trust, residual, miss = model(*channels_last)
    return blend(batch, trust.float()) + batch["spread"] * residual.float(), miss.float()


def blend(batch: Batch, trust: Tensor) -> Tensor:
    """Return the carried and the matched gain, blended by trust."""
    return batch["matched"] + trust * (batch["carried"] - batch["matched"])


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


def _planar(image: Float32) -> Float32:
    return np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)
