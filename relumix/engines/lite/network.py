"""The network of `lite`: what the flow engine's light lacks at each pixel, and how sure that is.

It is shown a frame and what is known of one reference's light there (`clues`): the flow engine's light, and what that
was made of: the gain that optical flow carried, the gain of what looks alike, and how well either fits. It never sees
pixels at full size and never makes any.

Cross-attention from frame to reference is gated, as in ReLumix (arXiv 2509.23769): queries are the frame's features,
keys those of the reference's plate, values its gain; the gate is learned from query, answer and best match.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation gives it

from relumix.engines.lite.clues import (
    CARRIED,
    CLIP,
    FRAME_PLANES,
    GAIN,
    LOOK,
    MATCHED,
    PLACE,
    REFERENCE_PLANES,
    REST_PLACE,
    RESTED,
    STEADY,
)

STRIDE = 16
"""Sides of what the network sees are multiples of this."""

_WIDEST_MISS = 4.0
_FIRST_DOUBT = -2.0  # how an untrained network judges what the flow engine's light was made of, against that light
_CHOICES = 5  # light that may be taken in place of the flow engine's: carried, matched, rested, and two learned matches
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


Learned = tuple[Tensor, Tensor]
"""A reference as one attention knows it: keys and values, [B, heads, n, c] each (see `_keys`)."""


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
        return _keys(_tokens(self.key(plate), self.heads), lit), _tokens(self.value(light), self.heads)

    def forward(self, frame: Tensor, place: Tensor, learned: Learned) -> Tensor:
        """Return [B, width, h, w] to be added to the frame's features.

        frame    [B, width, h, w] features of the frame.
        place    [B, 2, h, w] where in the reference each frame token is expected, (x, y) in long edges from the middle.
        learned  of the reference.
        """
        b, _, h, w = frame.shape
        keys, values = learned
        queries = _queries(_tokens(self.query(frame), self.heads), self.log_sharpness, self.log_nearness.exp(), place)
        with torch.autocast(queries.device.type, enabled=False):  # places need all their digits
            scores = queries @ keys.transpose(-1, -2)
        best = torch.logsumexp(scores, -1).reshape(b, self.heads, h, w) * 0.1
        found = (scores.softmax(-1) @ values).transpose(-1, -2).reshape(b, -1, h, w)
        gate = torch.sigmoid(self.gate(torch.cat([frame, found, best], 1)))
        result: Tensor = gate * self.out(found)
        return result


class LightMatch(nn.Module):
    """Finds in the reference what looks alike, at a quarter of the size, and gives the very gain that lies there.

    It is attention whose values are stops of the reference, not features: what it says is a mean of light that was
    seen. One head looks around where the flow expects a spot, one where it would be if nothing but the camera had
    moved. `relumix.engines.flow.appearance` does the same with features made by hand.
    """

    def __init__(self, widths: Sequence[int], frame_width: int, features: int = 24) -> None:
        """widths: of the appearance at a quarter, an eighth and a sixteenth; frame_width: of the frame's features."""
        super().__init__()
        self.features = features
        self.lateral = nn.ModuleList(nn.Conv2d(width, 2 * features, 1) for width in widths)
        self.blocks = nn.ModuleList(Block(2 * features) for _ in widths)
        self.log_sharpness = nn.Parameter(torch.full((2, 1, 1), math.log(12.0)))
        self.log_nearness = nn.Parameter(torch.tensor([4.0, 3.0]).reshape(2, 1, 1))
        self.reach = _silent(nn.Conv2d(frame_width, 2, 1))
        self.out = _silent(nn.Conv2d(2 * (features + 4), frame_width, 1))

    def look(self, appearance: Sequence[Tensor]) -> Tensor:
        """Return features [B, 2, n, features] of what is seen, from its appearance at three sizes."""
        x: Tensor | None = None
        for level, lateral, block in zip(appearance[::-1], self.lateral[::-1], self.blocks[::-1], strict=True):
            own = lateral(level)
            x = block(own if x is None else own + F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return _tokens(cast(Tensor, x), 2)

    def learn(self, appearance: Sequence[Tensor], gain: Tensor, lit: Tensor) -> Learned:
        """Return what is to be known of a reference: gain [B, 3, h, w] where lit [B, 1, h, w] says that it is known.

        Every second token is kept, a quincunx.
        """
        keys = _keys(self.look(appearance), lit)
        y, x = torch.meshgrid(*(torch.arange(side, device=gain.device) for side in gain.shape[-2:]), indexing="ij")
        kept = ((x + y) % 2 == 0).flatten()
        # As wide as the keys, which the fast ways of attention ask for; the looks say how alike the answer is.
        light = F.pad(_tokens(gain, 1), (0, 1)).expand(-1, 2, -1, -1)
        values = torch.cat([keys[..., : self.features], light], -1)
        return keys[:, :, kept], values[:, :, kept]

    def forward(
        self, appearance: Sequence[Tensor], features: Tensor, place: Tensor, learned: Learned
    ) -> tuple[Tensor, list[Tensor]]:
        """Return ([B, frame_width, h, w] to be added to the frame's features, two gains [B, 3, h, w]).

        appearance  of the frame; features [B, frame_width, h, w] of the frame.
        place       [B, 4, h, w] where the one and the other head look, (x, y) in long edges from the middle.
        """
        b, _, h, w = features.shape
        looks = F.normalize(self.look(appearance).float(), dim=-1)
        near = torch.exp(self.log_nearness + _tokens(self.reach(features).float(), 2).clamp(-4, 4))
        query = _queries(looks, self.log_sharpness, near, place)
        keys, values = learned
        with torch.autocast(query.device.type, enabled=False):  # places need all their digits
            found = F.scaled_dot_product_attention(query, keys, values, scale=1.0)
        alike = (looks * found[..., : self.features]).sum(-1, keepdim=True)
        told = torch.cat([found[..., :-1], alike], -1)
        gains = found[..., -4:-1].transpose(-1, -2).reshape(b, 2, 3, h, w)
        result = self.out(told.transpose(-1, -2).reshape(b, -1, h, w))
        return result, list(gains.unbind(1))


Memory = tuple[list[Learned], Learned]
"""All that the network knows of a reference: for its attentions, and for the match of light."""


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
        self.match = LightMatch(looks[1:], widths[1])
        self.middle = nn.Sequential(*(Block(widths[-1]) for _ in range(2)))
        ups = list(zip(widths[::-1], widths[-2::-1], strict=False))
        self.up = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in ups)
        self.blocks = nn.ModuleList(nn.Sequential(*(Block(b) for _ in range(depth))) for _, b in ups)
        self.head = _silent(nn.Conv2d(widths[0], 4 * (_CHOICES + 3 + 1 + 1), 3, padding=1))

    def learn(self, reference: Tensor) -> Memory:
        """Return what is to be known of a reference, [B, REFERENCE_PLANES, h, w]: the same for all its frames."""
        known = self.appearance(F.pixel_unshuffle(reference[:, LOOK], 2))
        light = self.light(F.pixel_unshuffle(reference, 2))
        attentions = cast("list[GatedCrossAttention]", self.attention)
        learned = [
            attention.learn(known[i], light[i], _shrunk(reference[:, -1:], known[i]))
            for i, attention in zip(_ATTENDED, attentions, strict=True)
        ]
        gain, lit = (_shrunk(reference[:, planes], known[1]) for planes in (GAIN, slice(-1, None)))
        return learned, self.match.learn(known[1:], (gain / lit.clamp_min(1e-4)).clamp(-CLIP, CLIP), lit)

    def forward(self, frame: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Learn a reference, [B, REFERENCE_PLANES, h, w], and correct a frame at once: see `correct`."""
        return self.correct(frame, self.learn(reference))

    def correct(self, frame: Tensor, known: Memory) -> tuple[Tensor, Tensor]:
        """Return (correction [B, 3, h, w], miss [B, 1, h, w]), in units of the reference's spread.

        frame       [B, FRAME_PLANES, h, w] clues of a frame; known: of its reference, of the same size.
        correction  to be added to the flow engine's light.
        miss        log2 of the error to be expected then.

        h and w are multiples of STRIDE.
        """
        levels = self.frame(F.pixel_unshuffle(torch.cat([frame, grid_of(frame)], 1), 2))
        seen = self.appearance(F.pixel_unshuffle(frame[:, LOOK], 2))
        learned, matches = known
        for i, attention, one in zip(_ATTENDED, self.attention, learned, strict=True):
            levels[i] = levels[i] + attention(seen[i], _shrunk(frame[:, PLACE], seen[i]), one)
        places = torch.cat([frame[:, PLACE], frame[:, REST_PLACE]], 1)
        told, gains = self.match(seen[1:], levels[1], _shrunk(places, seen[1]), matches)
        levels[1] = levels[1] + told
        x = self.middle(levels[-1])
        for up, block, level in zip(self.up, self.blocks, levels[-2::-1], strict=True):
            x = block(F.interpolate(up(x), scale_factor=2.0, mode="nearest") + level)
        said = F.pixel_shuffle(self.head(F.silu(x)), 2)
        steady = frame[:, STEADY]
        large = (F.interpolate(gain, size=steady.shape[-2:], mode="bilinear") for gain in gains)
        choices = frame[:, CARRIED], frame[:, MATCHED], frame[:, RESTED], *large
        share = F.pad(said[:, :_CHOICES] + _FIRST_DOUBT, (0, 0, 0, 0, 1, 0)).softmax(1)[:, 1:, None]
        chosen = (share * (torch.stack(choices, 1) - steady[:, None])).sum(1) + said[:, _CHOICES : _CHOICES + 3]
        trust, miss = said[:, -2:-1], said[:, -1:]
        return torch.sigmoid(trust) * chosen, _WIDEST_MISS * torch.tanh(miss / _WIDEST_MISS)


def _keys(looks: Tensor, lit: Tensor) -> Tensor:
    """Return [B, heads, n, c + 4] of looks [B, heads, n, c] and lit [B, 1, h, w] in 0..1: see `_queries`."""
    place = _tokens(grid_of(lit), 1)
    aside = torch.log(_tokens(lit.float(), 1).clamp_min(1e-4))
    about = torch.cat([place, -place.square().sum(-1, keepdim=True), aside], -1).expand(-1, looks.shape[1], -1, -1)
    return torch.cat([F.normalize(looks.float(), dim=-1), about], -1)


def _queries(looks: Tensor, log_sharpness: Tensor, near: Tensor, place: Tensor) -> Tensor:
    """Return [B, heads, n, c + 4], whose product with `_keys` is a score for each pair of tokens.

    It is sharpness times the cosine of their looks, less near times their squared distance, plus log of lit, but for
    what is the same for all keys. place [B, 2 or 2 * heads, h, w]: where each head looks.
    """
    near = near.expand(looks.shape[0], looks.shape[1], looks.shape[2], 1)
    at = _tokens(place.float(), place.shape[1] // 2)
    sharp = F.normalize(looks.float(), dim=-1) * log_sharpness.exp()
    return torch.cat([sharp, 2 * near * at, near, torch.ones_like(near)], -1)


def _tokens(planes: Tensor, heads: int) -> Tensor:
    """[B, heads * c, h, w] to [B, heads, h * w, c]."""
    return planes.reshape(planes.shape[0], heads, -1, planes.shape[2] * planes.shape[3]).transpose(-1, -2)


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
