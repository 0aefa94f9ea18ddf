"""A picture at the size of an image model, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from relumix.types import Float32

_MULTIPLE_PX = 64
"""What image models want the edges of their pictures to be a multiple of; of tiny ones, an eighth of their size."""


@dataclass(frozen=True)
class Frame:
    """Where a picture lies in that of a model.

    height, width  of the model's picture. The picture keeps its shape: it is scaled to `inner` (height, width), and
                   mirrored beyond its right and lower edges.
    outer          its own height and width.
    """

    height: int
    width: int
    inner: tuple[int, int]
    outer: tuple[int, int]

    @classmethod
    def of(cls, shape: tuple[int, ...], size: int) -> Frame:
        """Place a picture of a shape in one with as many pixels as a square of `size`."""
        multiple = min(_MULTIPLE_PX, max(8, size // 8 // 8 * 8))
        scale = size / math.sqrt(shape[0] * shape[1])
        inner = max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))
        height, width = (-(-edge // multiple) * multiple for edge in inner)
        return cls(height, width, inner, (shape[0], shape[1]))

    def fitted(self, picture: Float32) -> Float32:
        """Return a picture [h, w, ...] as the model's, [height, width, ...] float32."""
        smaller = self.inner[0] < self.outer[0]
        way = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        scaled = cv2.resize(picture, self.inner[::-1], interpolation=way)
        below, right = self.height - self.inner[0], self.width - self.inner[1]
        padded = cv2.copyMakeBorder(scaled, 0, below, 0, right, cv2.BORDER_REFLECT)
        return np.clip(np.asarray(padded, np.float32), 0, 1)

    def back(self, picture: Float32) -> Float32:
        """Return the model's picture, of any size, at the picture's own size and place, clipped to 0..1."""
        if picture.shape[:2] != (self.height, self.width):
            resized = cv2.resize(picture, (self.width, self.height), interpolation=cv2.INTER_CUBIC)
            picture = np.asarray(resized, np.float32)
        inner = picture[: self.inner[0], : self.inner[1]]
        way = cv2.INTER_AREA if self.inner[0] > self.outer[0] else cv2.INTER_CUBIC
        return np.clip(np.asarray(cv2.resize(inner, self.outer[::-1], interpolation=way), np.float32), 0, 1)
