"""From the working size to the network's picture and back: any aspect ratio whole, or its central square."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from relumix.errors import InputError
from relumix.types import Float32

MULTIPLE_PX = 64
"""The VAE divides by 8, the network by 8 once more."""

MOST_ASPECT = 16
"""Longest edge over shortest of pictures that are cropped: more than any camera's, a stitched panorama's included."""


@dataclass(frozen=True)
class Reformat:
    """Where a working image lies in the network's picture. All sizes are (height, width).

    working  of working images.
    scaled   of the working image as the network sees it.
    corner   (row, column) of the scaled image at which the network's picture begins; (0, 0) but for a crop.
    picture  of the network's picture, multiples of 64. Where it is larger than `scaled` it is mirrored at its end.
    """

    working: tuple[int, int]
    scaled: tuple[int, int]
    corner: tuple[int, int]
    picture: tuple[int, int]

    @classmethod
    def whole(cls, height: int, width: int, most_pixels: int) -> Reformat:
        """Fit whole working images of a size into a budget of pixels (padding not counted); none is enlarged."""
        scale = min(1.0, math.sqrt(most_pixels / (height * width)))
        scaled = max(1, round(height * scale)), max(1, round(width * scale))
        rows, columns = (-(-side // MULTIPLE_PX) * MULTIPLE_PX for side in scaled)
        return cls((height, width), scaled, (0, 0), (rows, columns))

    @classmethod
    def crop(cls, height: int, width: int, edge_px: int) -> Reformat:
        """Scale the short edge of working images to edge_px, a multiple of 64, and take the central square.

        Raises InputError for images so narrow that scaling them would take memory without end.
        """
        if max(height, width) > MOST_ASPECT * min(height, width):
            raise InputError(
                f"svd's crop is of pictures up to {MOST_ASPECT} times as long as short: got {width}x{height}, "
                "set crop=0"
            )
        scale = edge_px / min(height, width)
        rows, columns = max(edge_px, round(height * scale)), max(edge_px, round(width * scale))
        corner = (rows - edge_px) // 2, (columns - edge_px) // 2
        return cls((height, width), (rows, columns), corner, (edge_px, edge_px))

    def place(self, image: Float32) -> Float32:
        """Return a working image [h, w, c] as the network's picture [H, W, c]."""
        seen = self.seen(image)
        below, right = self.picture[0] - seen.shape[0], self.picture[1] - seen.shape[1]
        return np.asarray(cv2.copyMakeBorder(seen, 0, below, 0, right, cv2.BORDER_REFLECT), np.float32)

    def seen(self, image: Float32) -> Float32:
        """Return the part of a working image [h, w, c] that the network sees, at its size, nothing mirrored."""
        if self.scaled != self.working:
            smaller = self.scaled[0] <= self.working[0]
            image = _resized(image, self.scaled, cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
        row, column = self.corner
        return np.ascontiguousarray(image[row : row + self.picture[0], column : column + self.picture[1]])

    def take(self, picture: Float32, outside: Float32) -> Float32:
        """Return the network's picture [H, W, c] as a working image [h, w, c].

        outside  [h, w, c]: what lies there that the network never saw.
        """
        row, column = self.corner
        rows, columns = (min(self.picture[i], self.scaled[i] - self.corner[i]) for i in (0, 1))
        inner = np.ascontiguousarray(picture[:rows, :columns])
        if (rows, columns) != self.scaled:
            whole = _resized(outside, self.scaled, cv2.INTER_LINEAR).copy()
            whole[row : row + rows, column : column + columns] = inner
            inner = whole
        return inner if self.scaled == self.working else _resized(inner, self.working, cv2.INTER_LINEAR)


def _resized(image: Float32, size: tuple[int, int], interpolation: int) -> Float32:
    if image.shape[:2] == size:
        return image
    return np.asarray(cv2.resize(image, size[::-1], interpolation=interpolation), np.float32)
