"""Layers that the networks here are built of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation gives it


def silence(layer: nn.Conv2d) -> None:
    """Have a layer answer 0 until it is trained."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


class Block(nn.Module):
    """A residual pair of 3x3 convolutions that starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        silence(self.second)

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, h, w] to the same."""
        result: Tensor = x + self.second(F.silu(self.first(F.silu(self.norm(x)))))
        return result


class UNet(nn.Module):
    """Planes at one size to features at that size, each level half as large as the one before."""

    def __init__(self, planes: int, widths: Sequence[int], depth: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(planes, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairwise(widths))
        self.inward = nn.ModuleList(nn.Sequential(*(Block(w) for _ in range(depth))) for w in widths)
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.outward = nn.ModuleList(nn.Sequential(*(Block(w) for _ in range(depth))) for w in widths[:-1])

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, planes, h, w] to a list of [B, widths[i], h / 2^i, w / 2^i], every level knowing of the coarser ones."""
        levels = [self.inward[0](self.stem(x))]
        for down, block in zip(self.down, list(self.inward)[1:], strict=True):
            levels.append(block(down(levels[-1])))
        for i in reversed(range(len(levels) - 1)):
            enlarged = F.interpolate(self.up[i](levels[i + 1]), size=levels[i].shape[-2:], mode="nearest")
            levels[i] = self.outward[i](levels[i] + enlarged)
        return levels


def sample(planes: Tensor, places: Tensor) -> Tensor:
    """Read planes [B, c, h, w] at places [B, 2, h', w'], (x, y) from -1 to 1 over the picture; edges go on."""
    grid = places.permute(0, 2, 3, 1).to(planes.dtype)
    return F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=False)


def places(like: Tensor) -> Tensor:
    """Return [B, 2, h, w]: every pixel's own place, (x, y) from -1 to 1 over the picture, for [B, any, h, w]."""
    b, _, h, w = like.shape
    y = (torch.arange(h, dtype=torch.float32, device=like.device) + 0.5) * (2 / h) - 1
    x = (torch.arange(w, dtype=torch.float32, device=like.device) + 0.5) * (2 / w) - 1
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1]).expand(b, 2, h, w)


def resized(planes: Tensor, like: Tensor) -> Tensor:
    """Enlarge planes bilinearly, or shrink them by areas, to the size of `like`."""
    if planes.shape[-1] >= like.shape[-1]:
        return F.adaptive_avg_pool2d(planes, (like.shape[-2], like.shape[-1]))
    return F.interpolate(planes, size=like.shape[-2:], mode="bilinear", align_corners=False)
