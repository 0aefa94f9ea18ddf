"""The field of view, as an EXR's header says it."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

from relumix.shot.exr_header import Attribute

_ANGLES = ("cameraFov", "camera/fov", "fov")
"""Attributes that hold the angle across in degrees: V-Ray's, and others'."""

_LENGTHS = ("pinholeFocalLength", "effectiveFocalLength", "nominalFocalLength", "cameraFocalLength", "focalLength")
_WIDTHS = ("sensorOverallDimensions", "cameraAperture", "horizontalAperture", "apertureWidth")
"""Attributes that hold the focal length and the width of the sensor, both in millimetres: OpenEXR's, then others'."""


def fov_deg(header: Mapping[str, Attribute]) -> float | None:
    """Return the field of view across, in degrees; None where the header does not say it."""
    for name in _ANGLES:
        if (angle := _number(header.get(name))) and 0 < angle < 180:
            return angle
    length, width = (_first(header, names) for names in (_LENGTHS, _WIDTHS))
    return math.degrees(2 * math.atan(width / 2 / length)) if length and width else None


def _first(header: Mapping[str, Attribute], names: tuple[str, ...]) -> float | None:
    found = (_number(header.get(name)) for name in names)
    return next((number for number in found if number), None)


def _number(attribute: Attribute | None) -> float | None:
    """Return the first number of an attribute where it is above 0 and finite; None for others."""
    layouts = {"float": "<f", "double": "<d", "v2f": "<f", "v2d": "<d"}
    if attribute is None or attribute.type not in layouts:
        return None
    layout = layouts[attribute.type]
    if len(attribute.value) < struct.calcsize(layout):
        return None
    (number,) = struct.unpack_from(layout, attribute.value)
    return float(number) if math.isfinite(number) and number > 0 else None
