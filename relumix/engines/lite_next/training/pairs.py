"""From clips to examples: a plate, the same clip under another light, and references as artists make them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation gives it

from relumix.color.rec709 import LUMINANCE
from relumix.engines.lite_next.training.clips import Clip
from relumix.gain.log_gain import BLACK_OFFSET, MID_GREY

Random = np.random.Generator

SUN_COMES, SUN_GOES = 0.25, 0.25
"""Shares of the pairs with a sun in the reference alone, and in the plate alone."""

OTHERS = 0.25
"""Share of the examples that are of other clips, where there are any."""

PAINTED, SOFT, SHIFTED, CLIPPED = 0.3, 0.3, 0.2, 0.15
"""Shares of the references that are painted, blurred, a little out of place, or clipped at white."""

_HIGHEST = 8.0


@dataclass(frozen=True)
class View:
    """Frames as the network sees them and as they are: B of them, each at its own exposure: its plate is mid-grey.

    picture [B, 3, h, w] log2 over mid-grey of the plate, with its grain; plate [B, 3, h, w] clean, linear; truth
    [B, 3, h, w] stops of the other light; arriving, new [B, 3, h, w] log2 of the light that arrives under either;
    normal [B, 3, h, w], depth [B, 1, h, w] inverse, surface [B, 1, h, w] where there is one.
    """

    picture: Tensor
    plate: Tensor
    truth: Tensor
    arriving: Tensor
    new: Tensor
    normal: Tensor
    depth: Tensor
    surface: Tensor


@dataclass(frozen=True)
class Given:
    """A reference: its view, the gain that an artist gave it [B, 3, h, w] stops, where that is known [B, 1, h, w], and
    where the frame's pixels are in it [B, 2, h, w] (-1 to 1) and whether seen [B, 1, h, w]."""

    view: View
    gain: Tensor
    lit: Tensor
    track: Tensor
    seen: Tensor


@dataclass(frozen=True)
class Example:
    """A batch: a frame, the frame after it, the way to that, and the references of both."""

    frame: View
    after: View
    following: Tensor
    followed: Tensor
    references: list[Given]


@dataclass(frozen=True)
class _Pair:
    """What is drawn for one example: a clip, a frame of it, its references (numbers among the clip's anchors), how
    strong each light is before and after [2, L, 3], and how the camera saw it: mirrored, channels, grain, softness."""

    clip: Clip
    frame: int
    anchors: list[int]
    weights: NDArray[np.float32]
    mirrored: bool
    channels: NDArray[np.int64]
    grain: float
    floor: float
    soft: bool


def draw(clips: Sequence[Clip], rng: Random, batch: int, others: Sequence[Clip] = ()) -> Example:
    """Draw a batch from clips of one size, a quarter of it from `others` where there are any.

    The references are one to three of the clips' anchors.
    """
    count = int(rng.choice([1, 2, 3], p=[0.6, 0.28, 0.12]))
    pairs = []
    for _ in range(batch):
        these = others if others and rng.random() < OTHERS else clips
        pairs.append(_pair(these[int(rng.integers(len(these)))], rng, count))
    return _Camera(pairs, rng).example(count, rng)


def light_weights(rng: Random, kinds: tuple[str, ...], sun: bool | None) -> NDArray[np.float32]:
    """Draw how strong each light is, [L, 3]: one to three burn, suns among them or not as asked, all give some fill."""
    suns = np.array([kind == "sun" for kind in kinds])
    may = np.flatnonzero(~suns) if sun is False else np.arange(len(kinds))
    burning = rng.choice(may, min(len(may), int(rng.integers(1, 4))), replace=False)
    if sun and suns.any() and not suns[burning].any():
        burning = np.append(burning, rng.choice(np.flatnonzero(suns)))
    share = rng.dirichlet(np.full(len(burning), 0.8)) + 0.03
    if sun:
        share[suns[burning]] += 0.8
    weights = np.zeros((len(kinds), 3))
    fill = rng.uniform(0.03, 0.35)
    weights[~suns if sun is False else slice(None)] = fill / len(kinds)
    weights[0] += 0.5 * fill
    tint = np.exp2(rng.normal(0, 0.25, (len(burning), 3)) + rng.normal(0, 0.35) * np.array([1, 0, -1]))
    weights[burning] += share[:, None] * tint
    return np.asarray(weights * np.exp2(rng.normal(0, 0.5)), np.float32)


def _pair(clip: Clip, rng: Random, count: int) -> _Pair:
    frames = len(clip.radiance)
    order = rng.permutation(len(clip.anchors))[: min(count, len(clip.anchors))]
    chosen = [int(i) for i in np.resize(order, count)]
    free = [t for t in range(frames - 1) if t not in {clip.anchors[i] for i in chosen}] or [0]
    kind = rng.random()
    suns = (False, True) if kind < SUN_COMES else (True, False) if kind < SUN_COMES + SUN_GOES else (None, None)
    return _Pair(
        clip,
        free[int(rng.integers(len(free)))],
        chosen,
        np.stack([light_weights(rng, clip.kinds, sun) for sun in suns]),
        bool(rng.random() < 0.5),
        rng.permutation(3),
        float(rng.choice([0.0, 0.01, 0.025])),
        float(rng.uniform(0, 0.002)),
        bool(rng.random() < 0.4),
    )


class _Camera:
    """Takes pictures of all examples of a batch at once: a graphics card waits for many small steps, not for large."""

    def __init__(self, pairs: Sequence[_Pair], rng: Random) -> None:
        self.pairs = pairs
        self.device = pairs[0].clip.radiance.device
        self.generator = torch.Generator(self.device).manual_seed(int(rng.integers(2**62)))
        self.every = torch.arange(len(pairs), device=self.device)
        self.weights = self._given(np.stack([one.weights for one in pairs]))
        self.channels = self._given(np.stack([one.channels for one in pairs]))
        self.mirrored = self._each(one.mirrored for one in pairs)
        self.soft = self._each(one.soft for one in pairs)
        self.grain, self.floor = (self._each(getattr(one, name) for one in pairs) for name in ("grain", "floor"))

    def example(self, count: int, rng: Random) -> Example:
        """Return the batch."""
        pairs = self.pairs
        frames = [(one.clip, one.frame) for one in pairs]
        frame, after = self._view(frames), self._view([(clip, t + 1) for clip, t in frames])
        references = []
        for k in range(count):
            view = self._view([(one.clip, one.clip.anchors[one.anchors[k]]) for one in pairs])
            gain, lit = self._artist(view, rng)
            track = self._mirror(torch.stack([one.clip.tracks[one.anchors[k], one.frame] for one in pairs]), True)
            seen = self._mirror(torch.stack([one.clip.seen[one.anchors[k], one.frame] for one in pairs]))
            references.append(Given(view, gain, lit, track.float(), seen.float()))
        following = self._mirror(torch.stack([clip.following[t] for clip, t in frames]), True)
        followed = self._mirror(torch.stack([clip.followed[t] for clip, t in frames]))
        return Example(frame, after, following.float(), followed.float(), references)

    def _given(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(values).to(self.device, non_blocking=True)

    def _each(self, values: Iterable[float]) -> Tensor:
        """A number for each example, [B, 1, 1, 1]."""
        return torch.tensor(list(values)).reshape(-1, 1, 1, 1).to(self.device, non_blocking=True)

    def _mirror(self, planes: Tensor, across: bool = False) -> Tensor:
        """Mirror planes [B, c, h, w] of mirrored examples; `across`: the first of them points to the right."""
        flipped = planes.flip(-1)
        if across:
            flipped = torch.cat([-flipped[:, :1], flipped[:, 1:]], 1)
        return torch.where(self.mirrored, flipped, planes)

    def _mixed(self, light: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Both pictures [B, 3, h, w] of light [L, 3, h, w] each, before and after."""
        both = torch.einsum("blchw,bslc->sbchw", torch.stack(light).float(), self.weights)
        before, after = both[:, self.every[:, None], self.channels]
        return before, after

    def _view(self, frames: Sequence[tuple[Clip, int]]) -> View:
        def stacked(name: str) -> list[Tensor]:
            return [getattr(clip, name)[t] for clip, t in frames]

        lit = self._mixed(stacked("radiance"))
        luminance = (lit[0] * torch.tensor(LUMINANCE, device=self.device).reshape(1, 3, 1, 1)).sum(1).flatten(1)
        exposure = (MID_GREY / median_where(luminance, luminance > 0).clamp_min(1e-6)).reshape(-1, 1, 1, 1)
        clean, relit = (self._mirror((each * exposure).clamp_max(1e3)) for each in lit)
        blurred = F.avg_pool2d(F.pad(clean, (1, 1, 1, 1), mode="replicate"), 3, 1) * 0.5 + clean * 0.5
        seen = torch.where(self.soft, blurred, clean)
        noise = torch.randn(clean.shape, generator=self.generator, device=self.device)
        plate = (seen + noise * (self.grain * (seen * MID_GREY).sqrt() + self.floor)).clamp_min(0)
        depth = self._mirror(torch.stack(stacked("depth"))).float()
        arriving, new = (
            torch.log2(self._mirror(each * exposure).clamp_min(1e-3)) for each in self._mixed(stacked("irradiance"))
        )
        normal = self._mirror(torch.stack(stacked("normal")), True).float()
        return View(_log(plate), clean, gain_of(clean, relit), arriving, new, normal, depth, (depth > 0).float())

    def _artist(self, view: View, rng: Random) -> tuple[Tensor, Tensor]:
        """The gain of references as somebody made them, and where it is known."""
        count, _, height, width = view.truth.shape
        off = rng.integers(-2, 3, (2, count, 1)) * (rng.random((count, 1)) < SHIFTED)
        rows, columns = (
            self._given((np.arange(side) - by) % side) for side, by in zip((height, width), off, strict=True)
        )
        gain = view.truth[self.every[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        for i in np.flatnonzero(rng.random(count) < SOFT).tolist():
            radius = int(rng.integers(1, max(2, width // 32)))
            for _ in range(2):
                padded = F.pad(gain[i : i + 1], (radius,) * 4, mode="replicate")
                gain[i : i + 1] = F.avg_pool2d(padded, 2 * radius + 1, 1)
        for i in np.flatnonzero(rng.random(count) < PAINTED).tolist():
            cells, strength = int(rng.integers(3, 10)), rng.uniform(0.1, 0.4)
            strokes = torch.randn((1, 1, cells, cells), generator=self.generator, device=self.device) * strength
            gain[i : i + 1] += F.interpolate(strokes, (height, width), mode="bicubic", align_corners=False)
        lit = torch.ones_like(gain[:, :1])
        for i in np.flatnonzero(rng.random(count) < CLIPPED).tolist():
            relit = view.plate[i] * torch.exp2(gain[i])
            lit[i] = (relit < torch.quantile(relit, 0.95)).all(0, keepdim=True)
        return gain.contiguous(), lit


def median_where(values: Tensor, where: Tensor) -> Tensor:
    """Return the (lower) median of the values [B, n] that are asked for, [B]; 1 where none is.

    By sorting: on a graphics card torch's own median of long rows takes many times as long.
    """
    ordered = values.masked_fill(~where, math.inf).sort(1).values
    middle = ((where.sum(1, keepdim=True) - 1) // 2).clamp_min(0)
    found = ordered.gather(1, middle)[:, 0]
    return torch.where(found.isinf(), 1.0, found)


def _log(plate: Tensor) -> Tensor:
    return torch.log2((plate + BLACK_OFFSET) / MID_GREY)


def gain_of(before: Tensor, after: Tensor) -> Tensor:
    """Stops from one picture to another; what is black in both has none."""
    return torch.log2((after + BLACK_OFFSET) / (before + BLACK_OFFSET)).clamp(-_HIGHEST, _HIGHEST)
