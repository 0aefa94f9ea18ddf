"""Ways in which a reference's light may have come to a frame, each a gain at every pixel with its evidence.

All places are (x, y) from -1 to 1 over a picture. Gains are in units of the reference's spread, its median taken out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation gives it

from relumix.engines.lite_next.layers import places, sample

MOVED_SHARES = (0.75, 1.0)
"""Shares of a moving thing's way that its shadow may have gone: what it falls on may be farther off than the thing."""

_WINDOW = 3
_SHARPNESS = 16.0
_ROBUST = 0.03
_STILL = 0.03
_RIDGE = 1e-2
_TERMS = 36


@dataclass(frozen=True)
class Match:
    """Where a frame's pixels are in one reference [B, 2, h, w], and how alike both are there [B, 1, h, w], -1..1."""

    there: Tensor
    alike: Tensor


def match(frame: Tensor, reference: Tensor, fine_frame: Tensor, fine_reference: Tensor) -> Match:
    """Find a frame's pixels in a reference: all pairs of coarse features, then near the best one among finer ones.

    frame, reference            [B, c, h, w] unit features.
    fine_frame, fine_reference  [B, d, 2 h, 2 w] unit features; so large is the answer.
    """
    b, _, h, w = frame.shape
    scores = frame.flatten(2).transpose(1, 2) @ reference.flatten(2)
    best = scores.argmax(-1)
    coarse = places(reference).flatten(2).gather(2, best[:, None].expand(-1, 2, -1)).reshape(b, 2, h, w)
    moved = F.interpolate(coarse - places(frame), scale_factor=2.0, mode="nearest")
    return refine(places(fine_frame) + moved, fine_frame, fine_reference)


def refine(near: Tensor, frame: Tensor, reference: Tensor) -> Match:
    """Look for a frame's features [B, d, h, w] in a window around `near` [B, 2, h, w] in a reference of that size."""
    b, d, h, w = frame.shape
    across, down = (
        torch.arange(-_WINDOW, _WINDOW + 1, device=near.device) * (2 / side) for side in (reference.shape[-1], h)
    )
    edge = 1 - 1 / torch.tensor([w, h], device=near.device).reshape(1, 2, 1, 1, 1)
    scores, spots = [], []
    for step in down:  # a row of the window at once: all of it would not stay in a processor's cache
        steps = torch.stack([across, step.expand_as(across)])[None, :, :, None, None]
        spot = (near[:, :, None] + steps).clamp(-edge, edge)  # [B, 2, 7, h, w]
        there = sample(reference, spot.flatten(2, 3)).reshape(b, d, -1, h, w)
        spots.append(spot)
        scores.append((frame[:, :, None] * there).sum(1, keepdim=True))
    score, spot = torch.cat(scores, 2), torch.cat(spots, 2)
    share = (score * _SHARPNESS).softmax(2)
    return Match((share * spot).sum(2), (share * score).sum(2))


def standing(found: Match) -> Tensor:
    """Return where pixels are in the reference if the world stands still: the homography that most matches agree on.

    [B, 2, h, w]. Least squares of the direct linear transform, each match weighed again by how well it fits.
    """
    own = places(found.there).flatten(2).float()
    there = found.there.detach().flatten(2).float()
    sure = found.alike.detach().flatten(1).float().clamp_min(0) ** 2 + 1e-4
    x, y, u, v = own[:, 0], own[:, 1], there[:, 0], there[:, 1]
    one, none = torch.ones_like(x), torch.zeros_like(x)
    first = torch.stack([x, y, one, none, none, none, -u * x, -u * y], -1)
    second = torch.stack([none, none, none, x, y, one, -v * x, -v * y], -1)
    start = torch.tensor([1.0, 0, 0, 0, 1, 0, 0, 0], device=x.device).expand(len(x), 8)
    ridge = torch.eye(8, device=x.device) * 1e-3
    weight, moved = sure, there
    for _ in range(5):
        design = torch.cat([first, second], 1)
        both = torch.cat([weight, weight], 1)[..., None] / weight.sum(1)[:, None, None]
        wanted = torch.cat([u, v], 1)[..., None] - design @ start[..., None]
        normal = design.transpose(1, 2) @ (both * design) + ridge
        values = start + torch.linalg.solve(normal, design.transpose(1, 2) @ (both * wanted))[..., 0]
        moved = _through(values, x, y)
        wrong = (moved - there).square().sum(1)
        weight = sure / (1 + wrong / _ROBUST**2)
    return moved.reshape(found.there.shape)


def _through(values: Tensor, x: Tensor, y: Tensor) -> Tensor:
    a = values[..., None]
    below = (a[:, 6] * x + a[:, 7] * y + 1).clamp_min(0.1)
    return torch.stack([a[:, 0] * x + a[:, 1] * y + a[:, 2], a[:, 3] * x + a[:, 4] * y + a[:, 5]], 1) / below[:, None]


def moved_with(found: Match, still: Tensor) -> list[Tensor]:
    """Return where pixels are in the reference if they move with the nearest moving thing, a list of [B, 2, h, w].

    The motion of what moves against the world, spread out around it.
    """
    own = (found.there - still).detach()
    length = own.norm(dim=1, keepdim=True)
    sure = found.alike.detach().clamp_min(0) ** 4 * (length > _STILL) * (length < 1)
    spread = torch.cat([own * sure, sure], 1)
    total = spread.clone()
    for size in (3, 7, 15, 31):
        around = spread
        for _ in range(2):
            around = F.avg_pool2d(around, size, 1, size // 2, count_include_pad=False)
        total = total + around * (4.0 / size**2)  # the nearer counts more
    motion = total[:, :2] / (total[:, 2:] + 1e-5)
    return [still + share * motion for share in MOVED_SHARES]


@dataclass(frozen=True)
class Lit:
    """A reference as the fit sees it: normal [B, 3, h, w], inverse depth [B, 1, h, w], log2 of its plate's light and
    gain [B, 3, h, w] in stops, and where that is known [B, 1, h, w]."""

    normal: Tensor
    depth: Tensor
    arriving: Tensor
    gain: Tensor
    lit: Tensor


def fitted(references: list[Lit]) -> Tensor:
    """Return coefficients [B, 36, 3] of light that depends on the normal and on the place alone.

    Second-order spherical harmonics of the normal, times (1, x, y, inverse depth), to the light that arrives under the
    references' light: for convex matt surfaces there is no more to it (Ramamoorthi & Hanrahan 2001; the ratio of two
    lights has no texture in it: Troccoli & Allen 2005). A ridge in closed form, dim places weighed as much as bright.
    """
    left, right = torch.zeros(()), torch.zeros(())
    for one in references:
        design = basis(one.normal, one.depth)
        light = torch.exp2((one.arriving + one.gain).clamp(-6, 6)).flatten(2).transpose(1, 2).float()
        weight = one.lit.flatten(2).transpose(1, 2).float() / (light.mean(-1, keepdim=True) + 0.1)
        weight = weight / weight.sum(1, keepdim=True).clamp_min(1e-6)
        left = left.to(design) + design.transpose(1, 2) @ (weight * design)
        right = right.to(design) + design.transpose(1, 2) @ (weight * light)
    ridge = torch.eye(_TERMS, device=references[0].normal.device) * _RIDGE
    coefficients: Tensor = torch.linalg.solve(left + ridge, right)
    return coefficients


def lit_by(coefficients: Tensor, normal: Tensor, depth: Tensor) -> Tensor:
    """Return log2 of the light that a fit sends to surfaces, [B, 3, h, w]."""
    light = (basis(normal, depth) @ coefficients).transpose(1, 2)
    return torch.log2(light.clamp_min(0.02)).reshape(*normal.shape)


def basis(normal: Tensor, depth: Tensor) -> Tensor:
    """Return [B, h w, 36]: nine harmonics of the normal, times (1, x, y, inverse depth)."""
    x, y, z = F.normalize(normal.float(), dim=1).flatten(2).unbind(1)
    one = torch.ones_like(x)
    nine = torch.stack([one, x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1], -1)
    across, down = places(normal).flatten(2).unbind(1)
    four = torch.stack([one, across.expand_as(x), down.expand_as(x), depth.float().flatten(1)], -1)
    return (nine[..., :, None] * four[..., None, :]).flatten(-2)
