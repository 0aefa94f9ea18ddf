"""Gobos: pictures in the way of a light, which let through as much of it as they are bright."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.types import Float32

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Gobo:
    """A picture that stands in a scene, at right angles to the light it belongs to.

    picture     [h, w, 3] float32: the share of light that passes, 0..1 or more; upright and not mirrored as the light
                sees it on what it falls on.
    centre      [3], and size (width, height), in metres.
    across, up  [3] unit vectors along its rows, to the right, and along its columns, up.
    around      the share that passes outside of it.
    """

    picture: Float32
    centre: Vector
    across: Vector
    up: Vector
    size: tuple[float, float]
    around: float = 0.0

    def passing(self, points: Float32, targets: Float32) -> Float32:
        """Return the share of light that passes on the way from targets to points, both [n, 3]: [n, 3] float32.

        All of it where the picture is not between the two.
        """
        start, end = (each - self.centre.astype(np.float32) for each in (points, targets))
        normal = np.cross(self.across, self.up).astype(np.float32)
        before, behind = start @ normal, end @ normal
        between = before * behind < 0
        share = np.divide(before, before - behind, out=np.zeros_like(before), where=between)
        at = start + (end - start) * share[:, None]
        height, width = self.picture.shape[:2]
        column = (at @ self.across.astype(np.float32) / self.size[0] + 0.5) * width - 0.5
        row = (0.5 - at @ self.up.astype(np.float32) / self.size[1]) * height - 0.5
        seen = self._seen(column.astype(np.float32), row.astype(np.float32))
        return np.where(between[:, None], seen, np.float32(1))

    def _seen(self, column: Float32, row: Float32) -> Float32:
        """Return the picture's values, [n, 3], linear between pixels."""
        border = (self.around,) * 3
        rows = [column[None], row[None]]
        # OpenCV takes no row longer than 32767.
        pieces = [
            cv2.remap(self.picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=border)
            for x, y in zip(*(np.array_split(each, len(column) // 30000 + 1, axis=1) for each in rows), strict=True)
        ]
        return np.asarray(np.concatenate(pieces, axis=1)[0], np.float32)
