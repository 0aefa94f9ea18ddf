"""The network of `lite`: a correction of the flow engine's gain at each pixel, and its expected error.

Its input (`features`) is a frame, the flow engine's gain from one reference, and what that was made from: the gain that
flow carried, the gain matched by appearance, and how well either fits. It never sees or makes full-size pixels.

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

from relumix.engines.lite.features import AVERAGED, CARRIED, FRAME_PLANES, MATCHED, PLACE, PLATE, REFERENCE_PLANES

STRIDE = 16
"""The network's input sides are multiples of this."""

_WIDEST_LOG_ERROR = 4.0
_INITIAL_LOGIT = -2.0  # of the carried and matched gains: an untrained network takes the averaged gain
_ATTENDED = (-2, -1)  # levels that attend to the reference: an eighth and a sixteenth of the size


class Block(nn.Module):
    """A residual pair of 3x3 convolutions that starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = _zero_initialised(nn.Conv2d(width, width, 3, padding=1))

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


EncodedReference = tuple[Tensor, Tensor, Tensor]
"""A reference as one attention looks it up: keys [B, heads, c, n], values [B, heads, n, c], and [B, 1, 1, n], the
natural logarithm of how far each of its n tokens is known."""


class GatedCrossAttention(nn.Module):
    """Frame tokens attend to the reference's tokens; a gate weighs the result."""

    def __init__(self, width: int, value_width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.key_width = heads, width // heads
        self.query, self.key = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.value = nn.Conv2d(value_width, width, 1)
        self.log_sharpness = nn.Parameter(torch.full((heads, 1, 1), math.log(8.0)))
        self.log_nearness = nn.Parameter(torch.linspace(-1.0, 3.0, heads).reshape(heads, 1, 1))
        self.gate = nn.Sequential(nn.Conv2d(2 * width + heads, width, 1), nn.SiLU(), nn.Conv2d(width, 1, 1))
        self.out = nn.Conv2d(width, width, 1)

    def encode_reference(self, plate: Tensor, light: Tensor, lit: Tensor) -> EncodedReference:
        """Return a reference as `forward` looks it up.

        plate  [B, width, h, w] features of its plate, by the encoder that sees the frames.
        light  [B, value_width, h, w] features of its gain.
        lit    [B, 1, h, w] in 0..1: where its gain is known; other tokens are masked out.
        """
        # Keys and queries of length 1: a bright surface is no better match than a dark one. Unknown tokens fall out by
        # the logarithm of their share.
        key = F.normalize(self._tokens(self.key(plate)), dim=-1).transpose(-1, -2)
        return key, self._tokens(self.value(light)), torch.log(lit.flatten(2).clamp_min(1e-4))[:, None]

    def forward(self, frame: Tensor, place: Tensor, encoded: EncodedReference) -> Tensor:
        """Return [B, width, h, w] to be added to the frame's features.

        frame    [B, width, h, w] features of the frame.
        place    [B, 2, h, w] where in the reference each frame token is expected, (x, y) in long edges from the middle.
        encoded  of the reference.
        """
        b, _, h, w = frame.shape
        key, value, lit = encoded
        scores = F.normalize(self._tokens(self.query(frame)), dim=-1) @ key * self.log_sharpness.exp()
        # softmax(sharpness * q k - nearness * |place_q - place_k|² + log lit): each head learns its own sharpness and
        # search radius.
        away = torch.cdist(place.flatten(2).transpose(1, 2), grid_of(place).flatten(2).transpose(1, 2)).square()
        scores = scores - self.log_nearness.exp() * away[:, None] + lit
        # The gate must tell a good match from the best of bad ones, which softmax hides.
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
        appearance_widths = narrow[:-2] + widths[-2:]
        self.frame = Encoder(4 * (FRAME_PLANES + 2), widths, depth)
        self.appearance = Encoder(4 * 3, appearance_widths, 1)
        self.light = Encoder(4 * REFERENCE_PLANES, narrow, 1)
        self.attention = nn.ModuleList(GatedCrossAttention(widths[i], narrow[i], heads) for i in _ATTENDED)
        self.middle = nn.Sequential(*(Block(widths[-1]) for _ in range(2)))
        ups = list(zip(widths[::-1], widths[-2::-1], strict=False))
        self.up = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in ups)
        self.blocks = nn.ModuleList(nn.Sequential(*(Block(b) for _ in range(depth))) for _, b in ups)
        self.head = _zero_initialised(nn.Conv2d(widths[0], 4 * (2 + 3 + 1 + 1), 3, padding=1))

    def encode_reference(self, reference: Tensor) -> list[EncodedReference]:
        """Return the encoding of a reference [B, REFERENCE_PLANES, h, w]: computed once for all frames."""
        known = self.appearance(F.pixel_unshuffle(reference[:, PLATE], 2))
        light = self.light(F.pixel_unshuffle(reference, 2))
        attentions = cast("list[GatedCrossAttention]", self.attention)
        return [
            attention.encode_reference(known[i], light[i], _pooled(reference[:, -1:], known[i]))
            for i, attention in zip(_ATTENDED, attentions, strict=True)
        ]

    def forward(self, frame: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Encode a reference, [B, REFERENCE_PLANES, h, w], and correct a frame at once: see `correct`."""
        return self.correct(frame, self.encode_reference(reference))

    def correct(self, frame: Tensor, encoded: list[EncodedReference]) -> tuple[Tensor, Tensor]:
        """Return (correction [B, 3, h, w], log_error [B, 1, h, w]), in units of the reference's spread.

        frame       [B, FRAME_PLANES, h, w] features of a frame; encoded: its reference, of the same size.
        correction  to be added to the flow engine's averaged gain.
        log_error   log2 of the expected error after it.

        h and w are multiples of STRIDE.
        """
        x = self._decoded(frame, encoded)
        outputs = F.pixel_shuffle(self.head(F.silu(x)), 2)
        averaged, carried, matched = frame[:, AVERAGED], frame[:, CARRIED], frame[:, MATCHED]
        # A soft choice among the three given gains, the averaged one with a logit of 0, plus a free correction.
        share = torch.cat([torch.zeros_like(outputs[:, :1]), outputs[:, :2] + _INITIAL_LOGIT], 1).softmax(1)
        chosen = share[:, 1:2] * (carried - averaged) + share[:, 2:3] * (matched - averaged) + outputs[:, 2:5]
        # The sigmoid can switch the correction off as a whole, without three channels having to agree.
        log_error = _WIDEST_LOG_ERROR * torch.tanh(outputs[:, 6:] / _WIDEST_LOG_ERROR)
        return torch.sigmoid(outputs[:, 5:6]) * chosen, log_error

    def _decoded(self, frame: Tensor, encoded: list[EncodedReference]) -> Tensor:
        """Return [B, widths[0], h / 2, w / 2] features of a frame after attention to its reference."""
        levels = self.frame(F.pixel_unshuffle(torch.cat([frame, grid_of(frame)], 1), 2))
        # The encoder of the reference's plate, so that queries and keys are comparable.
        appearance = self.appearance(F.pixel_unshuffle(frame[:, PLATE], 2))
        for i, attention, known in zip(_ATTENDED, self.attention, encoded, strict=True):
            levels[i] = levels[i] + attention(appearance[i], _pooled(frame[:, PLACE], appearance[i]), known)
        x: Tensor = self.middle(levels[-1])
        for up, block, level in zip(self.up, self.blocks, levels[-2::-1], strict=True):
            x = block(F.interpolate(up(x), scale_factor=2.0, mode="nearest") + level)
        return x


def _pooled(planes: Tensor, like: Tensor) -> Tensor:
    return F.avg_pool2d(planes, planes.shape[-1] // like.shape[-1])


def _zero_initialised(layer: nn.Conv2d) -> nn.Conv2d:
    """Return a layer whose output is 0 until it is trained."""
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
