"""The network of `lite`: what the flow engine's light lacks at each pixel, and how sure that is.

It is shown a frame and what is known of one reference's light there (`clues`): the flow engine's light, and what that
was made of: the gain that optical flow carried, the gain of what looks alike, and how well either fits. It never sees
pixels at full size and never makes any.

Cross-attention from frame to reference is gated, as in ReLumix (arXiv 2509.23769): queries are the frame's features,
keys those of the reference's plate, values its gain; the gate is learned from query, answer and best match.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation gives it

from relumix.engines.lite.clues import CARRIED, FRAME_PLANES, LOOK, MATCHED, PLACE, REFERENCE_PLANES, STEADY

STRIDE = 16
"""Sides of what the network sees are multiples of this."""

_WIDEST_MISS = 4.0
_FIRST_DOUBT = -2.0  # how an untrained network judges what the flow engine's light was made of, against that light
_ATTENDED = (-2, -1)  # levels that look at the reference: an eighth and a sixteenth of the size


class Block(nn.Module):
    """A residual pair of 3x3 convolutions that starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = _silent(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, h, w] to the same."""
        result: Tensor = x + self.second(F.silu(self.first(F.silu(x))))
        return result


class Encoder(nn.Module):
    """A picture at ever smaller sizes: widths[0] channels at its own, widths[1] at half, and so on."""

    def __init__(self, planes: int, widths: tuple[int, ...], depth: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(planes, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairwise(widths))
        self.blocks = nn.ModuleList(nn.Sequential(*(Block(width) for _ in range(depth))) for width in widths)

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, planes, h, w] to a list of [B, widths[i], h / 2^i, w / 2^i]."""
        levels = [self.blocks[0](self.stem(x))]
        for down, block in zip(self.down, list(self.blocks)[1:], strict=True):
            levels.append(block(down(levels[-1])))
        return levels


Learned = tuple[Tensor, Tensor, Tensor]
"""A reference as one attention knows it: keys [B, heads, c, n], values [B, heads, n, c], and [B, 1, 1, n], the natural
logarithm of how far each of its n tokens is known."""


class GatedCrossAttention(nn.Module):
    """Frame tokens look up the reference's tokens; a gate says how much of the answer to take."""

    def __init__(self, width: int, value_width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.key_width = heads, width // heads
        self.query, self.key = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.value = nn.Conv2d(value_width, width, 1)
        self.log_sharpness = nn.Parameter(torch.full((heads, 1, 1), math.log(8.0)))
        self.log_nearness = nn.Parameter(torch.linspace(-1.0, 3.0, heads).reshape(heads, 1, 1))
        self.gate = nn.Sequential(nn.Conv2d(2 * width + heads, width, 1), nn.SiLU(), nn.Conv2d(width, 1, 1))
        self.out = nn.Conv2d(width, width, 1)

    def learn(self, plate: Tensor, light: Tensor, lit: Tensor) -> Learned:
        """Return what is to be known of a reference.

        plate  [B, width, h, w] features of its plate, by the encoder that sees the frames.
        light  [B, value_width, h, w] features of its gain.
        lit    [B, 1, h, w] in 0..1: where its gain is known; other tokens are not looked at.
        """
        key = F.normalize(self._tokens(self.key(plate)), dim=-1).transpose(-1, -2)
        return key, self._tokens(self.value(light)), torch.log(lit.flatten(2).clamp_min(1e-4))[:, None]

    def forward(self, frame: Tensor, place: Tensor, learned: Learned) -> Tensor:
        """Return [B, width, h, w] to be added to the frame's features.

        frame    [B, width, h, w] features of the frame.
        place    [B, 2, h, w] where in the reference each frame token is expected, (x, y) in long edges from the middle.
        learned  of the reference.
        """
        b, _, h, w = frame.shape
        key, value, lit = learned
        scores = F.normalize(self._tokens(self.query(frame)), dim=-1) @ key * self.log_sharpness.exp()
        away = torch.cdist(place.flatten(2).transpose(1, 2), grid_of(place).flatten(2).transpose(1, 2)).square()
        scores = scores - self.log_nearness.exp() * away[:, None] + lit
        best = torch.logsumexp(scores, -1).reshape(b, self.heads, h, w) * 0.1
        found = (scores.softmax(-1) @ value).transpose(-1, -2).reshape(b, -1, h, w)
        gate = torch.sigmoid(self.gate(torch.cat([frame, found, best], 1)))
        result: Tensor = gate * self.out(found)
        return result

    def _tokens(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], self.heads, -1, x.shape[2] * x.shape[3]).transpose(-1, -2)


class LightNet(nn.Module):
    """See the module's docstring. A U-Net that works at half the size it sees, and less."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 112, 160), depth: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.shape = {"widths": list(widths), "depth": depth, "heads": heads}
        widths, narrow = tuple(widths), tuple(max(16, width // 2) for width in widths)
        looks = narrow[:-2] + widths[-2:]
        self.frame = Encoder(4 * (FRAME_PLANES + 2), widths, depth)
        self.appearance = Encoder(4 * 3, looks, 1)
        self.light = Encoder(4 * REFERENCE_PLANES, narrow, 1)
        self.attention = nn.ModuleList(GatedCrossAttention(widths[i], narrow[i], heads) for i in _ATTENDED)
        self.middle = nn.Sequential(*(Block(widths[-1]) for _ in range(2)))
        ups = list(zip(widths[::-1], widths[-2::-1], strict=False))
        self.up = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in ups)
        self.blocks = nn.ModuleList(nn.Sequential(*(Block(b) for _ in range(depth))) for _, b in ups)
        self.head = _silent(nn.Conv2d(widths[0], 4 * (2 + 3 + 1 + 1), 3, padding=1))

    def learn(self, reference: Tensor) -> list[Learned]:
        """Return what is to be known of a reference, [B, REFERENCE_PLANES, h, w]: the same for all its frames."""
        known = self.appearance(F.pixel_unshuffle(reference[:, LOOK], 2))
        light = self.light(F.pixel_unshuffle(reference, 2))
        attentions = cast("list[GatedCrossAttention]", self.attention)
        return [
            attention.learn(known[i], light[i], _shrunk(reference[:, -1:], known[i]))
            for i, attention in zip(_ATTENDED, attentions, strict=True)
        ]

    def forward(self, frame: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Learn a reference, [B, REFERENCE_PLANES, h, w], and correct a frame at once: see `correct`."""
        return self.correct(frame, self.learn(reference))

    def correct(self, frame: Tensor, learned: list[Learned]) -> tuple[Tensor, Tensor]:
        """Return (correction [B, 3, h, w], miss [B, 1, h, w]), in units of the reference's spread.

        frame       [B, FRAME_PLANES, h, w] clues of a frame; learned: of its reference, of the same size.
        correction  to be added to the flow engine's light.
        miss        log2 of the error to be expected then.

        h and w are multiples of STRIDE.
        """
        levels = self.frame(F.pixel_unshuffle(torch.cat([frame, grid_of(frame)], 1), 2))
        seen = self.appearance(F.pixel_unshuffle(frame[:, LOOK], 2))
        for i, attention, known in zip(_ATTENDED, self.attention, learned, strict=True):
            levels[i] = levels[i] + attention(seen[i], _shrunk(frame[:, PLACE], seen[i]), known)
        x = self.middle(levels[-1])
        for up, block, level in zip(self.up, self.blocks, levels[-2::-1], strict=True):
            x = block(F.interpolate(up(x), scale_factor=2.0, mode="nearest") + level)
        said = F.pixel_shuffle(self.head(F.silu(x)), 2)
        steady, carried, matched = frame[:, STEADY], frame[:, CARRIED], frame[:, MATCHED]
        share = torch.cat([torch.zeros_like(said[:, :1]), said[:, :2] + _FIRST_DOUBT], 1).softmax(1)
        chosen = share[:, 1:2] * (carried - steady) + share[:, 2:3] * (matched - steady) + said[:, 2:5]
        return torch.sigmoid(said[:, 5:6]) * chosen, _WIDEST_MISS * torch.tanh(said[:, 6:] / _WIDEST_MISS)


def _shrunk(planes: Tensor, like: Tensor) -> Tensor:
    return F.avg_pool2d(planes, planes.shape[-1] // like.shape[-1])


def _silent(layer: nn.Conv2d) -> nn.Conv2d:
    """Return a layer whose answer is 0 until it is trained."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def grid_of(planes: Tensor) -> Tensor:
    """Return [B, 2, h, w]: every pixel's own place, (x, y) in long edges from the middle, for [B, any, h, w]."""
    b, _, h, w = planes.shape
    edge = max(h, w)
    y = (torch.arange(h, dtype=planes.dtype, device=planes.device) - (h - 1) / 2) / edge
    x = (torch.arange(w, dtype=planes.dtype, device=planes.device) - (w - 1) / 2) / edge
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1]).expand(b, 2, h, w)
