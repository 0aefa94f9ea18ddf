"""A rig: lights in a JSON file.

    {
      "keep": 0.25, "up": [0, 1, 0], "metres_per_unit": 1, "roughness": 0.5, "specular": 0.04,
      "lights": [
        {"type": "sun", "direction": [0, -1, -1], "angle_deg": 0.53, "irradiance": 3},
        {"type": "point", "position": [0, 2, -3], "radius": 0.05, "power_w": 60},
        {"type": "spot", "position": [2, 2, 0], "target": [0, 0, -4], "cone_deg": 40, "blend": 0.2, "power_w": 200},
        {"type": "area", "position": [2, 2, 0], "target": [0, 0, -4], "size": [1, 1], "power_w": 560},
        {"type": "dome", "hdri": "sky.exr", "rotation_deg": 90, "radiance": 1}
      ]
    }

docs/reference.md says what each field means. Numbers may change over time (see fields).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from relumix.errors import InputError
from relumix.reference.lights.ambient import lamps_of
from relumix.reference.lights.dome import Dome
from relumix.reference.lights.emitters import Emitter, Rectangle, Sphere, Sun
from relumix.reference.lights.fields import MOST, Course, Fields, Vector, frames_in
from relumix.reference.lights.gobo import Gobo
from relumix.reference.lights.lighting import REACH, Lamp
from relumix.reference.lights.pictures import Pictures
from relumix.reference.lights.surface import Surface
from relumix.types import Float32

MOST_BYTES = 4 << 20
MOST_LIGHTS = 256

_FALLOFFS = {"none": 0.0, "linear": 1.0, "quadratic": 2.0, "cubic": 3.0}
"""Powers of the distance by which a light gets darker."""


@dataclass(frozen=True)
class Rig:
    """The lights of one frame, lengths in metres.

    keep             0..1, the share of the plate's own light that stays.
    metres_per_unit  length of a unit of the file's and the plate's coordinates.
    surface          what all surfaces are covered with.
    thickness        of all that is seen, in metres; None for a share of the depth.
    lamps            what shines: the lights, and the suns of domes.
    ambient          what is left of each dome, as many faint lamps.
    """

    keep: float
    metres_per_unit: float
    surface: Surface
    thickness: float | None
    lamps: tuple[Lamp, ...]
    ambient: tuple[tuple[Lamp, ...], ...]


class RigFile:
    """A rig on disk. Its pictures are read once."""

    def __init__(self, path: Path) -> None:
        """Read and check it. Raises InputError, which names the light and the field that are wrong."""
        self.path, self._pictures = path, Pictures(path.parent)
        self._domes: dict[tuple[Any, ...], Dome] = {}
        self._courses: dict[int, Course] = {}
        self._values = _read(path)
        for frame in sorted(frames_in(self._values)) or [0]:
            self.at(frame)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The file and the pictures that it names."""
        return self.path, *self._pictures.paths

    def at(self, frame: int) -> Rig:
        """Return the rig at a frame. Raises InputError."""
        fields = Fields(self._values, str(self.path), frame, self._courses)
        unit = fields.number("metres_per_unit", 1.0, least=1e-6, most=1e6)
        up = fields.direction("up", (0.0, 1.0, 0.0))
        keep = fields.number("keep", 1.0, least=0, most=1)
        roughness = fields.number("roughness", 0.5, least=0, most=1)
        specular = fields.number("specular", 0.04, least=0, most=1)
        thickness = fields.positive("thickness") * unit if fields.has("thickness") else None
        lights = fields.objects("lights", MOST_LIGHTS)
        fields.done()
        lamps: list[Lamp] = []
        ambient: list[tuple[Lamp, ...]] = []
        for number, light in enumerate(lights, 1):
            own, around = self._light(light, number, frame, unit, up)
            lamps += own
            ambient += [around] if around else []
        return Rig(keep, unit, Surface(roughness, specular), thickness, tuple(lamps), tuple(ambient))

    def _light(
        self, values: Any, number: int, frame: int, unit: float, up: Vector
    ) -> tuple[list[Lamp], tuple[Lamp, ...]]:
        """Return the lamps of a light, and those of a dome's faint rest."""
        fields = Fields(values, f"{self.path}: light {number}", frame, self._courses)
        kind = fields.text("type")
        if kind not in _KINDS:
            raise fields.wrong("type", f"is {kind!r}, expected one of {', '.join(_KINDS)}")
        name = fields.text("name", "")
        fields.where += f" ({kind}{f' {name!r}' if name else ''})"
        color = fields.color() * 2.0 ** fields.number("exposure", 0.0, least=-64, most=64)
        shadows = fields.truth("shadows", True)
        if kind == "dome":
            dome = self._dome(fields, up)
            fields.done()
            suns = [
                Lamp(Sun(sun.towards, 1.0, sun.radius, REACH), color * sun.irradiance, None, shadows)
                for sun in dome.suns
            ]
            return suns, tuple(lamps_of(dome.pieces, color, shadows=shadows))
        emitter = _KINDS[kind](fields, unit, up)
        gobo = self._gobo(fields, emitter, unit, up) if fields.has("gobo") else None
        fields.done()
        return [Lamp(emitter, color, gobo, shadows)], ()

    def _dome(self, fields: Fields, up: Vector) -> Dome:
        """Return a dome; one whose fields have changed since the last frame alone is parted anew."""
        picture: Float32 = np.ones((32, 64, 3), np.float32)
        name = fields.text("hdri") if fields.has("hdri") else None
        if name is not None:
            picture = self._pictures.read(name, f"{fields.where}: hdri")
        radiance = fields.number("radiance", 1.0, least=0)
        turn = math.radians(fields.number("rotation_deg", 0.0))
        made_from = (fields.where, name, radiance, turn, *up)
        if made_from not in self._domes:
            self._domes = {known: dome for known, dome in self._domes.items() if known[0] != fields.where}
            self._domes[made_from] = Dome(picture * np.float32(radiance), up, turn)
        return self._domes[made_from]

    def _gobo(self, light: Fields, emitter: Emitter, unit: float, up: Vector) -> Gobo:
        fields = light.object("gobo", f"{light.where}: gobo")
        picture = self._pictures.read(fields.text("image"), f"{fields.where}: image")
        around = fields.number("around", 0.0, least=0)
        if isinstance(emitter, Sphere) and emitter.axis is not None and not fields.has("position"):
            # A slide in the lamp: it fills the cone, and stands too near for the lamp's size to blur it.
            away = 1e3 * max(emitter.radius, 1e-3)
            centre, axis = emitter.position + emitter.axis * away, emitter.axis
            width = 2 * away * math.tan(math.acos(max(emitter.outer, 0.01)))
            size = width, width * picture.shape[0] / picture.shape[1]
        else:
            centre, size = fields.vector("position") * unit, _scaled(fields.size("size"), unit)
            axis = _facing(fields, emitter, centre)
        fields.done()
        across, upward = _upright(axis, up)
        return Gobo(picture, centre, across, upward, size, around)


def _read(path: Path) -> Any:
    """Return the JSON values of a file. Raises InputError."""
    try:
        with path.open("rb") as file:  # its size is what can be read: pipes and devices tell none
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise InputError(f"{path} has more than {MOST_BYTES} bytes: expected a rig, which is JSON")
        return json.loads(text.decode("utf-8-sig"), object_pairs_hook=_once)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is no JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no JSON: expected text in UTF-8 that describes lights") from None
    except RecursionError:
        raise InputError(f"{path} has brackets within brackets too deep to read: expected a list of lights") from None
    except _TwiceError as error:
        raise InputError(f"{path} has the field {error.args[0]!r} twice in one object: keep one") from None
    except ValueError:  # Python reads no whole number of thousands of digits
        raise InputError(f"{path} has a number of too many digits: expected numbers up to {MOST:g}") from None


class _TwiceError(ValueError):
    """A name comes twice in an object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise _TwiceError(name)
        values[name] = value
    return values


def _sun(fields: Fields, unit: float, up: Vector) -> Sun:
    radius = math.radians(fields.number("angle_deg", 0.53, least=0, most=90) / 2)
    return Sun(-fields.direction("direction"), fields.number("irradiance", least=0), radius, REACH)


def _point(fields: Fields, unit: float, up: Vector) -> Sphere:
    radius = fields.number("radius", 0.0, least=0) * unit
    power, kind = fields.number("power_w", least=0), fields.text("falloff", "quadratic")
    if kind not in _FALLOFFS:
        raise fields.wrong("falloff", f"is {kind!r}, expected one of {', '.join(_FALLOFFS)}")
    return Sphere(fields.vector("position") * unit, radius, power, falloff=_FALLOFFS[kind], unit=unit)


def _spot(fields: Fields, unit: float, up: Vector) -> Sphere:
    sphere = _point(fields, unit, up)
    half = math.radians(fields.number("cone_deg", least=0.1, most=180) / 2)
    full = half * (1 - fields.number("blend", 0.15, least=0, most=1))
    focus = fields.number("focus", 0.0, least=0, most=1e3)
    axis = _aim(fields, sphere.position, unit)
    return replace(sphere, axis=axis, inner=math.cos(full), outer=math.cos(half), focus=focus)


def _area(fields: Fields, unit: float, up: Vector) -> Rectangle:
    position = fields.vector("position") * unit
    axis = _aim(fields, position, unit)
    across, upward = _upright(axis, up)
    power = fields.number("power_w", least=0)
    return Rectangle(position, axis, across, upward, _scaled(fields.size("size"), unit), power)


_KINDS: dict[str, Any] = {"sun": _sun, "point": _point, "spot": _spot, "area": _area, "dome": None}


def _aim(fields: Fields, position: Vector, unit: float) -> Vector:
    way = fields.vector("target") * unit - position
    length = float(np.linalg.norm(way))
    if length < 1e-9:
        raise fields.wrong("target", "is where the light is, expected a place that it shines at")
    return way / length


def _facing(fields: Fields, emitter: Emitter, centre: Vector) -> Vector:
    """Return the way that light takes through a gobo."""
    if isinstance(emitter, Sun):
        return -emitter.towards
    assert isinstance(emitter, (Sphere, Rectangle))
    way = centre - emitter.position
    length = float(np.linalg.norm(way))
    if length < 1e-9:
        raise fields.wrong("position", "is that of the light, expected a place between it and the scene")
    return way / length


def _upright(axis: Vector, up: Vector) -> tuple[Vector, Vector]:
    """Return the ways to the right and up of what stands at right angles to an axis, as one who looks along it sees."""
    across = np.cross(axis, up)
    if np.linalg.norm(across) < 1e-6:  # it looks straight up or down: any way is as upright
        across = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    across = np.asarray(across / np.linalg.norm(across), np.float64)
    return np.asarray(across, np.float64), np.asarray(np.cross(across, axis), np.float64)


def _scaled(size: tuple[float, float], unit: float) -> tuple[float, float]:
    return size[0] * unit, size[1] * unit
