"""From the working size to one that the network takes, and back: any aspect ratio, nothing cropped."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from relumix.types import Float32

MULTIPLE_PX = 64
"""The VAE divides by 8, the network by 8 once more."""


@dataclass(frozen=True)
class NetworkCanvas:
    """Where a working image lies in the network's picture.

    working  (height, width) of working images.
    inner    (height, width) at which the network sees them, at the top left.
    outer    (height, width) of the network's picture, multiples of 64; beyond `inner` the picture is mirrored.
    """

    working: tuple[int, int]
    inner: tuple[int, int]
    outer: tuple[int, int]

    @classmethod
    def fit(cls, height: int, width: int, most_pixels: int) -> NetworkCanvas:
        """Fit working images of a size into a budget of pixels (padding not counted); they are never enlarged."""
        scale = min(1.0, math.sqrt(most_pixels / (height * width)))
        inner = max(1, round(height * scale)), max(1, round(width * scale))
        rows, columns = (-(-side // MULTIPLE_PX) * MULTIPLE_PX for side in inner)
        return cls((height, width), inner, (rows, columns))

    def place(self, picture: Float32) -> Float32:
        """Return a working image [h, w, c] as the network's picture [H, W, c]."""
        if self.inner != self.working:
            picture = np.asarray(cv2.resize(picture, self.inner[::-1], interpolation=cv2.INTER_AREA), np.float32)
        below, right = self.outer[0] - self.inner[0], self.outer[1] - self.inner[1]
        return np.asarray(cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REFLECT), np.float32)

    def take(self, picture: Float32) -> Float32:
        """Return the network's picture [H, W, c] as a working image [h, w, c]."""
        inner = np.ascontiguousarray(picture[: self.inner[0], : self.inner[1]])
        if self.inner == self.working:
            return inner
        return np.asarray(cv2.resize(inner, self.working[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
