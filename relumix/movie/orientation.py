"""How the frames of a movie are to be turned, and mirrored, to stand upright."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from relumix.types import Float32

_DISPLAY_MATRIX = "DISPLAYMATRIX"


@dataclass(frozen=True)
class Orientation:
    """What is to be done with stored frames.

    rotation  degrees counter-clockwise by which they are turned: 0, 90, 180 or 270.
    mirrored  whether left and right are swapped before.
    asked     degrees as the movie says them, which may lie between these.
    """

    rotation: int = 0
    mirrored: bool = False
    asked: float = 0.0

    @classmethod
    def of(cls, frame: Any) -> Orientation:
        """Return what an av.VideoFrame asks for.

        Its display matrix (ISO/IEC 14496-12, 6.2.2) is of nine numbers a b u, c d v, x y w: it brings (1, 0) to (a, b)
        and (0, 1) to (c, d), with y downwards.
        """
        found = next((each for each in frame.side_data if each.type.name == _DISPLAY_MATRIX), None)
        if found is None:
            return cls()
        a, b, _, c, d = np.frombuffer(found, np.int32)[:5].astype(float)
        mirrored = bool(a * d - b * c < 0)
        degrees = -math.degrees(math.atan2(-b, -a) if mirrored else math.atan2(b, a)) % 360
        return cls(round(degrees / 90) * 90 % 360, mirrored, degrees)

    @property
    def is_sideways(self) -> bool:
        """Whether width and height change places."""
        return self.rotation % 180 != 0

    def upright(self, stored: Float32) -> Float32:
        """Return pixels [h, w, ...] as they are to be shown."""
        return np.ascontiguousarray(np.rot90(stored[:, ::-1] if self.mirrored else stored, self.rotation // 90))

    def __str__(self) -> str:
        """What is done, in words; "" for nothing."""
        done = ["mirrored"] if self.mirrored else []
        done += [f"turned by {self.rotation} degrees"] if self.rotation else []
        return " and ".join(done)

    @property
    def undone(self) -> str:
        """What is asked for and not done, in words; "" where that is nothing."""
        off = abs((self.asked - self.rotation + 180) % 360 - 180)
        return f"asks to be turned by {self.asked:.0f} degrees: {self.rotation} are done" if off > 1 else ""
