"""Upsampling along edges."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from relumix.types import Float32

_RADIUS_PX = 2
_FLAT_STOPS2 = 0.1  # colour variance under which a neighbourhood has no edges to follow


def upsample(image: Float32, guide: Float32, full_guide: Float32) -> Float32:
    """[H, W, 3]: a small image, enlarged so that its edges lie where those of the full-size guide are.

    image, guide [h, w, 3]; full_guide [H, W, 3]. The fast guided filter with a colour guide (He, Sun: Fast Guided
    Filter, 2015): around each pixel the image is an affine function of the guide. It is linear in the image, and adding
    a constant to the image adds it to the result.
    """
    mean_guide, mean_image = _box(guide), _box(image)
    spread = np.empty((*guide.shape[:2], 3, 3), np.float32)
    shared = np.empty_like(spread)
    for i in range(3):
        spread[..., i, :] = _box(guide[..., i : i + 1] * guide) - mean_guide[..., i : i + 1] * mean_guide
        shared[..., i, :] = _box(guide[..., i : i + 1] * image) - mean_guide[..., i : i + 1] * mean_image
    slope = np.linalg.solve(spread + _FLAT_STOPS2 * np.eye(3, dtype=np.float32), shared)
    offset = mean_image - np.einsum("hwij,hwi->hwj", slope, mean_guide)
    height, width = full_guide.shape[:2]
    out = _enlarge(_box(offset), width, height)
    for i in range(3):
        out += _enlarge(_box(np.ascontiguousarray(slope[..., i, :])), width, height) * full_guide[..., i : i + 1]
    return out


def _box(image: Float32) -> Float32:
    side = 2 * _RADIUS_PX + 1
    return cast(Float32, cv2.boxFilter(image, -1, (side, side), borderType=cv2.BORDER_REPLICATE))


def _enlarge(image: Float32, width: int, height: int) -> Float32:
    return cast(Float32, cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR))
