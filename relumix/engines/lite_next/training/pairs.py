"""From clips to examples: a plate, the same clip under another light, and references as artists make them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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


def draw(clips: list[Clip], rng: Random, batch: int, others: Sequence[Clip] = ()) -> Example:
    """Draw a batch from clips of one size, a quarter of it from `others` where there are any.

    The references are one to three of the clips' anchors.
    """
    count = int(rng.choice([1, 2, 3], p=[0.6, 0.28, 0.12]))
    examples = []
    for _ in range(batch):
        these = others if others and rng.random() < OTHERS else clips
        examples.append(_one(these[int(rng.integers(len(these)))], rng, count))
    return _joined(examples)


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


def _one(clip: Clip, rng: Random, count: int) -> Example:
    """An example of batch 1."""
    frames = len(clip.radiance)
    order = rng.permutation(len(clip.anchors))[: min(count, len(clip.anchors))]
    chosen = [int(i) for i in np.resize(order, count)]
    free = [t for t in range(frames - 1) if t not in {clip.anchors[i] for i in chosen}] or [0]
    t = int(free[int(rng.integers(len(free)))])
    kind = rng.random()
    suns = (False, True) if kind < SUN_COMES else (True, False) if kind < SUN_COMES + SUN_GOES else (None, None)
    device = clip.radiance.device
    weights = [torch.from_numpy(light_weights(rng, clip.kinds, sun)).to(device) for sun in suns]
    mirror, channels = rng.random() < 0.5, rng.permutation(3).tolist()
    noise = float(rng.choice([0.0, 0.01, 0.025])), float(rng.uniform(0, 0.002)), bool(rng.random() < 0.4)
    generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    numbers = [t, t + 1, *(clip.anchors[i] for i in chosen)]
    views = [_view(clip, n, weights, noise, channels, mirror, generator) for n in numbers]
    given = []
    for view, i in zip(views[2:], chosen, strict=True):
        gain, lit = _artist(view, rng, generator)
        track, seen = _mirrored(clip.tracks[i, t][None], mirror, True), _mirrored(clip.seen[i, t][None], mirror)
        given.append(Given(view, gain, lit, track.float(), seen.float()))
    following = _mirrored(clip.following[t][None], mirror, True), _mirrored(clip.followed[t][None], mirror)
    return Example(views[0], views[1], following[0].float(), following[1].float(), given)


def _mixed(light: Tensor, weights: Tensor) -> Tensor:
    """[3, h, w] from light [L, 3, h, w] and weights [L, 3]."""
    return torch.einsum("lchw,lc->chw", light.float(), weights)


def _mirrored(planes: Tensor, mirror: bool, across: bool = False) -> Tensor:
    """Mirror planes [1, c, h, w]; `across`: the first of them points to the right."""
    if not mirror:
        return planes
    flipped = planes.flip(-1)
    return torch.cat([-flipped[:, :1], flipped[:, 1:]], 1) if across else flipped


def _view(
    clip: Clip,
    frame: int,
    weights: list[Tensor],
    noise: tuple[float, float, bool],
    channels: list[int],
    mirror: bool,
    generator: torch.Generator,
) -> View:
    lit = [_mixed(clip.radiance[frame], each)[channels][None] for each in weights]
    exposure = MID_GREY / _median_luminance(lit[0])
    lit = [each * exposure for each in lit]
    arriving = [_mixed(clip.irradiance[frame], each)[channels][None] * exposure for each in weights]
    clean, relit = (_mirrored(each.clamp_max(1e3), mirror) for each in lit)
    amount, floor, soft = noise
    seen = F.avg_pool2d(F.pad(clean, (1, 1, 1, 1), mode="replicate"), 3, 1) * 0.5 + clean * 0.5 if soft else clean
    grain = torch.randn(clean.shape, generator=generator, device=clean.device)
    plate = (seen + grain * (amount * (seen * MID_GREY).sqrt() + floor)).clamp_min(0)
    depth = _mirrored(clip.depth[frame][None], mirror).float()
    e_src, e_new = (torch.log2(_mirrored(each, mirror).clamp_min(1e-3)) for each in arriving)
    normal = _mirrored(clip.normal[frame][None], mirror, True).float()
    return View(_log(plate), clean, gain_of(clean, relit), e_src, e_new, normal, depth, (depth > 0).float())


def _median_luminance(plate: Tensor) -> Tensor:
    """Of what is lit in a plate [1, 3, h, w], as proxies are exposed by."""
    luminance = (plate * torch.tensor(LUMINANCE, device=plate.device).reshape(1, 3, 1, 1)).sum(1)
    return torch.where(luminance > 0, luminance, math.nan).nanmedian().nan_to_num(1.0).clamp_min(1e-6)


def _log(plate: Tensor) -> Tensor:
    return torch.log2((plate + BLACK_OFFSET) / MID_GREY)


def gain_of(before: Tensor, after: Tensor) -> Tensor:
    """Stops from one picture to another; what is black in both has none."""
    return torch.log2((after + BLACK_OFFSET) / (before + BLACK_OFFSET)).clamp(-_HIGHEST, _HIGHEST)


def _artist(view: View, rng: Random, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The gain of a reference as somebody made it, and where it is known."""
    gain = view.truth
    _, _, height, width = gain.shape
    if rng.random() < SHIFTED:
        down, right = (int(n) for n in rng.integers(-2, 3, 2))
        gain = torch.roll(gain, (down, right), (-2, -1))
    if rng.random() < SOFT:
        radius = int(rng.integers(1, max(2, width // 32)))
        for _ in range(2):
            gain = F.avg_pool2d(F.pad(gain, (radius,) * 4, mode="replicate"), 2 * radius + 1, 1)
    if rng.random() < PAINTED:
        cells = int(rng.integers(3, 10))
        strokes = torch.randn((1, 1, cells, cells), generator=generator, device=gain.device) * rng.uniform(0.1, 0.4)
        gain = gain + F.interpolate(strokes, (height, width), mode="bicubic", align_corners=False)
    lit = torch.ones_like(gain[:, :1])
    if rng.random() < CLIPPED:
        relit = view.plate * torch.exp2(gain)
        white = torch.quantile(relit, 0.95)
        lit = (relit < white).all(1, keepdim=True).float()
    return gain, lit


def _joined(examples: list[Example]) -> Example:
    """One batch of several examples with as many references each."""

    def views(each: list[View]) -> View:
        names = View.__dataclass_fields__
        return View(**{name: torch.cat([getattr(view, name) for view in each]) for name in names})

    references = []
    for given in zip(*(example.references for example in examples), strict=True):
        planes = {n: torch.cat([getattr(one, n) for one in given]) for n in ("gain", "lit", "track", "seen")}
        references.append(Given(views([one.view for one in given]), **planes))
    following, followed = (torch.cat([getattr(one, n) for one in examples]) for n in ("following", "followed"))
    frames = views([one.frame for one in examples]), views([one.after for one in examples])
    return Example(*frames, following, followed, references)
