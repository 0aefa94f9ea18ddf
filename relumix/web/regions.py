"""Regions of a picture as soft weights: strokes of a brush, or a gradient. All lengths are shares of the width."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from relumix.errors import InputError
from relumix.types import Float32

MOST_POINTS = 4000
MOST_STROKES = 400
_DRAWN_PX = 1024
"""Long edge at which strokes are drawn: they are soft, and look the same at every size of the picture."""

_SHIFT = 4  # OpenCV draws at fractions of a pixel: 1 / 16


@dataclass(frozen=True)
class Stroke:
    """A stroke of a round brush.

    points    (x, y), both in shares of the picture's width, from its top left corner.
    radius    0.002 to 1, share of the width.
    softness  0 (an edge) to 1 (soft from the middle on).
    erases    whether it takes away.
    """

    points: tuple[tuple[float, float], ...]
    radius: float
    softness: float
    erases: bool

    @classmethod
    def of(cls, fields: Any) -> Stroke:
        """Read a stroke of JSON. Raises InputError."""
        try:
            points = tuple((float(x), float(y)) for x, y in fields["points"])
            stroke = cls(points, float(fields["radius"]), float(fields["softness"]), bool(fields.get("erases")))
            numbers = [stroke.radius, stroke.softness, *(each for point in points for each in point)]
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
            raise InputError("a stroke: expected points [[x, y], …], radius, softness and erases") from None
        if not points or not all(map(math.isfinite, numbers)) or max(map(abs, numbers)) > 100:
            raise InputError("a stroke has no points, or such as lie nowhere near the picture")
        if not (0.002 <= stroke.radius <= 1 and 0 <= stroke.softness <= 1):
            raise InputError(
                f"a stroke's radius and softness are {stroke.radius:g} and {stroke.softness:g}: "
                "expected 0.002 to 1, and 0 to 1"
            )
        return stroke

    def weight(self, width: int, height: int) -> Float32:
        """Return it on a picture, [height, width] in 0..1."""
        radius = max(self.radius * width, 0.5)
        margin = math.ceil(radius)  # A stroke beside the picture reaches into it.
        line = np.full((height + 2 * margin, width + 2 * margin), 255, np.uint8)
        at = np.array([*self.points, self.points[-1]]) * width - 0.5 + margin  # twice: a lone point is drawn too
        drawn = np.round(at * (1 << _SHIFT)).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(line, [drawn], isClosed=False, color=0, thickness=1, shift=_SHIFT)
        if line.all():
            return np.zeros((height, width), np.float32)
        away = cv2.distanceTransform(line, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / radius
        away = away[margin : margin + height, margin : margin + width]
        core = 1 - max(self.softness, 1e-3)
        return smooth((1 - away) / (1 - core))


@dataclass(frozen=True)
class Region:
    """Where a grade holds.

    strokes   of a brush, one after another; empty for a gradient.
    gradient  "", "linear" (whole at `begin`, nothing from `end` on) or "radial" (about `begin`, out to `end`).
    begin, end  (x, y), both in shares of the picture's width.
    inverted  whether it holds everywhere else.
    """

    strokes: tuple[Stroke, ...] = ()
    gradient: str = ""
    begin: tuple[float, float] = (0.0, 0.0)
    end: tuple[float, float] = (0.0, 0.0)
    inverted: bool = False

    @classmethod
    def of(cls, fields: Any) -> Region:
        """Read a region of JSON. Raises InputError."""
        if not isinstance(fields, dict):
            raise InputError("the shape of a region: expected an object with strokes, or gradient, begin and end")
        inverted, kind = bool(fields.get("inverted")), fields.get("gradient", "")
        if kind:
            if kind not in ("linear", "radial"):
                raise InputError(f"a gradient is {str(kind)[:40]!r}: expected linear or radial")
            return cls((), kind, _point(fields.get("begin")), _point(fields.get("end")), inverted)
        strokes = fields.get("strokes", [])
        if not isinstance(strokes, list) or len(strokes) > MOST_STROKES:
            raise InputError(f"strokes of a region: expected a list of up to {MOST_STROKES}")
        read = tuple(map(Stroke.of, strokes))
        if sum(len(stroke.points) for stroke in read) > MOST_POINTS:
            raise InputError(f"a region has more than {MOST_POINTS} points: paint less, or in several regions")
        return cls(read, inverted=inverted)

    def weight(self, width: int, height: int) -> Float32:
        """Return it on a picture, [height, width] float32 in 0..1."""
        weight = self._gradient(width, height) if self.gradient else self._painted(width, height)
        return np.float32(1) - weight if self.inverted else weight

    def _painted(self, width: int, height: int) -> Float32:
        scale = min(1.0, _DRAWN_PX / max(width, height))
        across, down = max(1, round(width * scale)), max(1, round(height * scale))
        weight: Float32 = np.zeros((down, across), np.float32)
        for stroke in self.strokes:
            own = stroke.weight(across, down)
            weight = np.asarray(weight * (1 - own) if stroke.erases else np.maximum(weight, own), np.float32)
        if (across, down) == (width, height):
            return weight
        return np.asarray(cv2.resize(weight, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)

    def _gradient(self, width: int, height: int) -> Float32:
        y, x = np.mgrid[:height, :width].astype(np.float32)
        x, y = (x + 0.5) / width, (y + 0.5) / width
        way = np.array(self.end, np.float32) - np.array(self.begin, np.float32)
        length = max(float(np.hypot(*way)), 1e-4)
        if self.gradient == "radial":
            return smooth(1 - np.hypot(x - self.begin[0], y - self.begin[1]) / length)
        along = ((x - self.begin[0]) * way[0] + (y - self.begin[1]) * way[1]) / length**2
        return smooth(1 - along)


def smooth(share: Any) -> Float32:
    """Return 0 to 1 for values from 0 to 1, without a corner at either end."""
    x = np.clip(share, 0, 1)
    return np.asarray(x * x * (3 - 2 * x), np.float32)


def _point(value: Any) -> tuple[float, float]:
    try:
        x, y = map(float, value)
    except (TypeError, ValueError, OverflowError):
        raise InputError("begin and end of a gradient: expected [x, y] each") from None
    if not (abs(x) <= 100 and abs(y) <= 100):
        raise InputError(f"a gradient's point is {x:g}, {y:g}: expected one near the picture")
    return x, y
