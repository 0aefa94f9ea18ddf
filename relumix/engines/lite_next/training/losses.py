"""What the network is told of its mistakes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation gives it

from relumix.engines.lite_next.layers import places, resized, sample
from relumix.engines.lite_next.network import Answer, LightNet, Look, Reference
from relumix.engines.lite_next.training.pairs import Example, Given, View, median_where
from relumix.gain.log_gain import MID_GREY

Parts = dict[str, Tensor]

WEIGHTS = {
    "normal": 0.3,
    "depth": 0.1,
    "arriving": 0.2,
    "coarse": 0.05,
    "fine": 0.05,
    "display": 1.0,
    "squares": 4.0,
    "stops": 0.15,
    "edges": 0.1,
    "worst": 0.1,
    "doubts": 0.2,
    "new": 0.1,
    "miss": 0.02,
    "steady": 0.5,
    "sum": 0.05,
}
"""How much each part counts."""

_QUERIES = 192
_TEMPERATURE = 0.07
_WORST_SHARE = 0.1
_LEAST_SPREAD_STOPS = 0.05
_LEAST_MISS = 0.01


@dataclass(frozen=True)
class Light:
    """Of the references together: the median of their gain [B, 3, 1, 1], and how far they stray [B, 1, 1, 1]."""

    level: Tensor
    spread: Tensor

    @classmethod
    def of(cls, references: list[Given]) -> Light:
        """Look at references."""
        every = torch.cat([one.gain.flatten(2) for one in references], 2)
        lit = torch.cat([one.lit.flatten(2) for one in references], 2)
        known = (lit > 0.5).expand_as(every)
        level = median_where(every.flatten(0, 1), known.flatten(0, 1)).reshape(*every.shape[:2], 1)
        square = ((every - level).square() * lit).sum((1, 2)) / (3 * lit.sum((1, 2))).clamp_min(1)
        return cls(level[..., None], square.sqrt().clamp_min(_LEAST_SPREAD_STOPS).reshape(-1, 1, 1, 1))

    def local(self, gain: Tensor) -> Tensor:
        """A gain in units of the spread."""
        return ((gain - self.level) / self.spread).clamp(-4, 4)


def shape_losses(looks: Sequence[Look], views: Sequence[View]) -> Parts:
    """Normal, depth and the light that arrives, where there is a surface; depth and light up to one factor for all.

    The looks are of one scene, [B] each: what arrives in one must compare with what arrives in another, or nothing can
    be fitted to one and asked of the other.
    """
    each = [_shape_errors(look, view) for look, view in zip(looks, views, strict=True)]
    turned, depth, light, surface = (torch.cat(planes, 2) for planes in zip(*each, strict=True))  # one above the other
    total = surface.sum().clamp_min(1)
    return {
        "normal": (turned * surface).sum() / total,
        "depth": (_centred(depth, surface).abs().clamp_max(3) * surface).sum() / total,
        "arriving": (_centred(light, surface).abs().clamp_max(4).mean(1, keepdim=True) * surface).sum() / total,
    }


def _shape_errors(look: Look, view: View) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Errors of normal (1 less the cosine), log2 of depth and of light at each pixel, and where there is a surface."""
    surface = (resized(view.surface, look.normal) > 0.99).float()
    normal = F.normalize(resized(view.normal, look.normal), dim=1)
    depth = torch.log2(resized(view.depth, look.normal).clamp_min(1e-3)) - torch.log2(look.depth + 1e-3)
    light = look.arriving - resized(view.arriving, look.normal)
    return 1 - (normal * look.normal).sum(1, keepdim=True), depth, light, surface


def _centred(values: Tensor, where: Tensor) -> Tensor:
    """Values less their mean over a picture and its channels."""
    count = (where.sum((1, 2, 3), keepdim=True) * values.shape[1]).clamp_min(1)
    return values - (values * where).sum((1, 2, 3), keepdim=True).detach() / count


def match_losses(frame: Look, reference: Look, given: Given, generator: torch.Generator) -> Parts:
    """Whether a pixel's features pick its own place in the reference out of all: a softmax over all of them."""
    found = {}
    for name in ("coarse", "fine"):
        own, other = getattr(frame, name), getattr(reference, name)
        b, _, h, w = own.shape
        track, seen = (F.interpolate(plane, size=(h, w), mode="nearest-exact") for plane in (given.track, given.seen))
        picked = torch.randint(h * w, (b, _QUERIES), generator=generator, device=own.device)
        query = own.flatten(2).gather(2, picked[:, None].expand(-1, own.shape[1], -1))
        place = track.flatten(2).gather(2, picked[:, None].expand(-1, 2, -1))
        column = ((place[:, 0] + 1) * w / 2).floor().clamp(0, w - 1)
        row = ((place[:, 1] + 1) * h / 2).floor().clamp(0, h - 1)
        target = (row * w + column).long()
        scores = query.transpose(1, 2) @ other.flatten(2) / _TEMPERATURE
        wrong = F.cross_entropy(scores.flatten(0, 1).float(), target.flatten(), reduction="none").reshape(b, -1)
        weight = seen.flatten(1).gather(1, picked)
        found[name] = (wrong * weight).sum() / weight.sum().clamp_min(1)
    return found


def display(view: View, stops: Tensor) -> Tensor:
    """What a viewer shows of a plate under a gain [B, 3, h, w] stops: 0..1, coded as sRGB, exposed for the truth."""
    lit, right = (view.plate * torch.exp2(gain) for gain in (stops.clamp(-12, 12), view.truth))
    shown = MID_GREY / torch.exp2(torch.log2(right.mean(1, keepdim=True) + 1e-4).mean((2, 3), keepdim=True))
    linear = (lit * shown).clamp(0, 1)
    curve = 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, curve, 12.92 * linear)


def light_losses(answer: Answer, view: View, light: Light) -> Parts:
    """The result in display values and in stops, its edges, its worst tenth; the choice, the new light, its doubt."""
    stops = answer.gain * light.spread + light.level
    wrong = (display(view, stops) - display(view, view.truth)).abs()
    matters = (view.plate.amax(1, keepdim=True) / MID_GREY).clamp(0.05, 1).sqrt()
    off = (stops - view.truth).abs().clamp_max(3) * matters
    per_pixel = wrong.mean(1).flatten(1)
    worst = per_pixel.topk(max(1, int(per_pixel.shape[1] * _WORST_SHARE)), 1).values.mean()
    local = light.local(view.truth)
    scaled = (answer.gain - local).detach().abs().mean(1, keepdim=True)
    new = _centred(answer.arriving - view.new, view.surface).abs().clamp_max(4).mean(1, keepdim=True) * view.surface
    return {
        "display": (wrong.square() + 1e-4).sqrt().mean(),
        "squares": wrong.square().mean(),
        "stops": off.mean(),
        "edges": sum((_edges(stops - view.truth, d) for d in (1, 2, 4)), start=torch.zeros((), device=stops.device)),
        "worst": worst,
        "doubts": doubts_loss(answer, view, light),
        "new": new.mean(),
        "miss": ((scaled + 0.01) * torch.exp2(-answer.miss) + answer.miss * math.log(2)).mean(),
    }


def doubts_loss(answer: Answer, view: View, light: Light) -> Tensor:
    """How far off the expected error of each candidate is, in octaves.

    The mean error of the candidates under their shares is no loss to choose by: descent soon gives all the share to the
    one that is best on the whole, where a softmax has no gradient (docs/lite_next.md has figures).
    """
    shown = display(view, view.truth)
    each = [
        (display(view, gain * light.spread + light.level) - shown).abs().mean(1)
        for gain in answer.candidates.detach().unbind(1)
    ]
    return (answer.doubts - torch.log2(torch.stack(each, 1) + _LEAST_MISS)).abs().mean()


def _edges(wrong: Tensor, distance: int) -> Tensor:
    across, down = wrong[..., distance:] - wrong[..., :-distance], wrong[..., distance:, :] - wrong[..., :-distance, :]
    return across.abs().clamp_max(2).mean() + down.abs().clamp_max(2).mean()


def steady_loss(now: Answer, then: Answer, example: Example, light: Light) -> Parts:
    """Whether the mistakes of two frames are the same along the true flow: what changes flickers."""
    mistakes = [
        display(view, answer.gain * light.spread + light.level) - display(view, view.truth)
        for view, answer in ((example.frame, now), (example.after, then))
    ]
    changed = (mistakes[0] - sample(mistakes[1], example.following)).abs() * example.followed
    return {"steady": changed.mean()}


def sum_loss(network: LightNet, frame: Look, references: list[Reference], light: Light) -> Parts:
    """Light adds up: what arrives under two lights together is what arrives under each.

    The references' light is split in two by a smooth share of what it adds; both halves are asked for alone.
    """
    x = places(references[0].gain)[:, :1]
    parts = []
    for sign in (-1, 1):
        halves = []
        for one in references:
            share = torch.log2(0.5 + 0.4 * sign * torch.sin(2 * x)) / light.spread
            halves.append(Reference(one.look, one.gain + share, one.lit))
        parts.append(network(frame, halves, light.spread))
    whole = network(frame, references, light.spread)
    together = torch.log2(torch.stack([torch.exp2(part.arriving.clamp(-8, 8)) for part in parts]).sum(0))
    return {"sum": (together - whole.arriving).abs().clamp_max(2).mean()}


def total(parts: Parts) -> Tensor:
    """The weighted sum of parts."""
    return torch.stack([WEIGHTS[name] * part for name, part in parts.items()]).sum()
