"""CLIP's small picture, as Stable Video Diffusion was trained to see it.

diffusers' pipeline (`StableVideoDiffusionPipeline`, its `_resize_with_antialiasing`) blurs by a Gaussian as wide as the
reduction asks for, then samples bicubically with corners aligned. torch's own antialiasing takes pixel centres half a
pixel elsewhere, which the embedding notices.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  as everyone calls it
from torch import Tensor

_LEAST_SIGMA_PX = 0.001  # where nothing is reduced: no blur


def antialiased_resize(pictures: Tensor, edge_px: int) -> Tensor:
    """Return pictures [n, c, h, w] float32 as [n, c, edge_px, edge_px], aspect not kept."""
    for dim in (2, 3):
        pictures = _blurred(pictures, dim, max((pictures.shape[dim] / edge_px - 1) / 2, _LEAST_SIGMA_PX))
    return F.interpolate(pictures, (edge_px, edge_px), mode="bicubic", align_corners=True)


def _blurred(pictures: Tensor, dim: int, sigma_px: float) -> Tensor:
    """Return pictures [n, c, h, w] under a Gaussian along one dimension, cut at two sigmas, mirrored at the ends."""
    taps = int(max(4 * sigma_px, 3)) | 1
    margin = min(taps // 2, pictures.shape[dim] - 1)  # a mirror shows no more than there is
    offsets = torch.arange(-margin, margin + 1, dtype=pictures.dtype)
    weights = torch.exp(-offsets.square() / (2 * sigma_px**2))
    weights /= weights.sum()
    shape, padding = ((1, 1, -1, 1), (0, 0, margin, margin)) if dim == 2 else ((1, 1, 1, -1), (margin, margin, 0, 0))
    flat = pictures.flatten(0, 1)[:, None]
    blurred = F.conv2d(F.pad(flat, padding, mode="reflect"), weights.reshape(shape))
    return blurred.reshape(pictures.shape)
