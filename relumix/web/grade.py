"""A grade as light: stops to add at each pixel, from exposure, temperature, tint and contrast, all of it or a region.

Everything is scene-linear. Regions add their stops to the whole picture's, so the order of grades does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relumix.color.rec709 import LUMINANCE
from relumix.errors import InputError
from relumix.gain.log_gain import MID_GREY
from relumix.types import Float32
from relumix.web.regions import Region

MOST_STOPS = 8.0
MOST_MIREDS, MOST_TINT, MOST_CONTRAST_STOPS = 120.0, 100.0, 1.0
MOST_REGIONS = 16

_NEUTRAL_MIREDS = 1e6 / 6504
"""Of the white that stays white: daylight of 6504 K, sRGB's own."""

_LOCUS_MIREDS = (40.0, 598.0)
"""25000 K to 1672 K, where the locus is given."""

_DUV_A_TINT = 0.0002
"""Distance in the CIE 1960 diagram of one step of tint: 100 are 0.02, a strongly green fluorescent lamp."""

_DARKEST = 2.0**-7
"""Share of mid-grey below which contrast changes nothing more: black stays black, and noise is not raised."""

_TO_RGB = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)
"""CIE XYZ to linear Rec.709 (ITU-R BT.709-6)."""


@dataclass(frozen=True)
class Grade:
    """A grade.

    exposure     stops, -8 to 8.
    temperature  mireds by which light gets warmer, -120 to 120.
    tint         -100 (green) to 100 (magenta).
    contrast     -1 to 1: the exponent of luminance about mid-grey is 2 to the power of it.
    """

    exposure: float = 0.0
    temperature: float = 0.0
    tint: float = 0.0
    contrast: float = 0.0

    @classmethod
    def of(cls, fields: Any) -> Grade:
        """Read a grade of JSON. Raises InputError."""
        limits = {
            "exposure": MOST_STOPS,
            "temperature": MOST_MIREDS,
            "tint": MOST_TINT,
            "contrast": MOST_CONTRAST_STOPS,
        }
        known = _object(fields, "a grade", limits)
        return cls(**{name: number(known.get(name, 0.0), name, -most, most) for name, most in limits.items()})

    def stops(self, rgb: Float32, exposure: float) -> Float32:
        """Return the light that it adds, in stops: [3], or [h, w, 3] where it depends on the pixel.

        rgb       [h, w, 3] float32, scene-linear.
        exposure  factor that brings the shot to mid-grey (see relumix.preview.display.auto_exposure).
        """
        plain = np.float32(self.exposure) + white_balance_stops(self.temperature, self.tint)
        if not self.contrast:
            return plain
        luminance = np.maximum(np.nan_to_num(rgb, nan=0, posinf=65504, neginf=0) @ LUMINANCE, 0) * np.float32(exposure)
        from_grey = np.log2(np.maximum(luminance / np.float32(MID_GREY), np.float32(_DARKEST)))
        return np.asarray((2.0**self.contrast - 1) * from_grey[..., None] + plain, np.float32)


@dataclass(frozen=True)
class Look:
    """A whole picture's grade, and those of regions of it."""

    whole: Grade = Grade()
    regions: tuple[tuple[Region, Grade], ...] = field(default=())

    @classmethod
    def of(cls, fields: Any) -> Look:
        """Read a look of JSON: {"whole": grade, "regions": [{"shape": region, "grade": grade}]}. Raises InputError."""
        known = _object(fields, "a look", ("whole", "regions"))
        regions = known.get("regions", [])
        if not isinstance(regions, list) or len(regions) > MOST_REGIONS:
            raise InputError(f"regions of a look: expected a list of up to {MOST_REGIONS}")
        parts = [_object(each, "a region", ("shape", "grade")) for each in regions]
        graded = tuple((Region.of(part.get("shape")), Grade.of(part.get("grade", {}))) for part in parts)
        return cls(Grade.of(known.get("whole", {})), graded)

    def gain(self, rgb: Float32, exposure: float) -> Float32:
        """Return the factor on each pixel and channel, [h, w, 3] float32. Arguments as of Grade.stops."""
        height, width = rgb.shape[:2]
        stops = np.zeros(rgb.shape, np.float32) + self.whole.stops(rgb, exposure)
        for region, grade in self.regions:
            stops += region.weight(width, height)[..., None] * grade.stops(rgb, exposure)
        return np.asarray(np.exp2(stops), np.float32)


def white_balance_stops(mireds: float, tint: float) -> Float32:
    """Return the stops [3] of light that is warmer by so many mireds and more magenta by `tint`; luminance stays.

    The light's colour is a point of the Planckian locus (Kim et al. 2002, cubic in CIE 1931 x and y), from which tint
    leads along the normal of the locus in CIE 1960 u, v. Exactly 0 where both are.
    """
    ratio = _white(_NEUTRAL_MIREDS + mireds, tint) / _white(_NEUTRAL_MIREDS, 0.0)
    ratio /= float(ratio @ LUMINANCE)
    return np.asarray(np.log2(np.maximum(ratio, 2.0**-MOST_STOPS)), np.float32)


def _white(mireds: float, tint: float) -> Any:
    """Return linear Rec.709 of a white of luminance 1, [3] float64; no channel below 2 % of it."""
    mireds = float(np.clip(mireds, *_LOCUS_MIREDS))
    u, v = _planckian(mireds)
    if tint:
        ahead_u, ahead_v = _planckian(mireds + 1.0)
        along = np.array([ahead_u - u, ahead_v - v])
        away = np.array([-along[1], along[0]]) / np.linalg.norm(along)
        # Green lies above the locus, where v is larger.
        away *= -np.sign(away[1]) * tint * _DUV_A_TINT
        u, v = u + away[0], v + away[1]
    x, y = 3 * u / (2 * u - 8 * v + 4), 2 * v / (2 * u - 8 * v + 4)
    return np.maximum(_TO_RGB @ np.array([x / y, 1.0, (1 - x - y) / y]), 0.02)


def _planckian(mireds: float) -> tuple[float, float]:
    """Return CIE 1960 u, v of a black body, 1667 K to 25000 K."""
    t = mireds / 1000  # 1000 / K
    if t >= 0.25:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
    if t >= 1 / 2.222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif t >= 0.25:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    return 4 * x / (-2 * x + 12 * y + 3), 6 * y / (-2 * x + 12 * y + 3)


def number(value: Any, name: str, least: float, most: float) -> float:
    """Return a number of JSON within limits. Raises InputError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise InputError(f"{name} is {str(value)[:40]}: expected a number from {least:g} to {most:g}")
    return float(value)


def _object(value: Any, what: str, known: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{what} is {type(value).__name__}: expected an object with {', '.join(known)}")
    if unknown := sorted(set(value) - set(known)):
        raise InputError(f"{what} has {unknown[0][:40]!r}: expected {', '.join(known)}")
    return value
