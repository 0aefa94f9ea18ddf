"""Nuke's lights as the rig that `relumix reference lights` reads (docs/reference.md of relumix says what it means).

Nuke's lights have no unit: an intensity of 1 is the light that shows a white, matt surface which faces it as 1. That is
an irradiance of pi W/m2; a point does so at a distance of one unit, whatever its falloff.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Union, cast

import nuke

from relumix_nuke import space
from relumix_nuke.errors import RelumixError
from relumix_nuke.space import Place, Space, Vector

Value = Union[float, Sequence[float]]
Over = Callable[[Callable[[int], Value]], Any]
"""Makes the value of a field from one a frame: the value itself where it is always the same, else an object."""

_KINDS = {
    **{"Light": "point", "Point": "point", "PointLight": "point"},
    **{"DirectLight": "directional", "Direct": "directional", "Spotlight": "spot", "Environment": "environment"},
}
"""Classes of Nuke's classic lights, without the number of their version; the knob light_type goes before."""

_CAMERAS = ("Camera", "Axis")

_NEW_SYSTEM = "enable_color_temperature"
"""A knob that lights of the new 3D system alone have."""

_MOST_CONE_DEG = 180.0
_LEAST_CONE_DEG = 0.1
_TILT_DEG = 1.0

_MOST_AIM_SHARE = 1e3
"""How many times farther from 0 a light may be than from its target: numbers of seven digits then say where it aims."""


def selected(nodes: Iterable[nuke.Node]) -> list[nuke.Node]:
    """Return those nodes that are lights and are not disabled, by their names. Raises RelumixError."""
    found = [node for node in nodes if _kind(node) and not _switch(node, "disable")]
    for node in found:
        if node.knob(_NEW_SYSTEM) is not None:
            raise RelumixError(
                f"{node.name()} is a light of Nuke's new 3D system, whose intensities mean something else: "
                "expected one of the classic system (3D Classic > Lights)"
            )
    return sorted(found, key=lambda node: node.name())


def is_camera(node: nuke.Node) -> bool:
    """Tell whether a node is a camera or an axis."""
    return _class(node) in _CAMERAS


def fov_deg(camera: nuke.Node, frame: int) -> float | None:
    """Return the angle that a camera sees across, in degrees; None of an axis, which has no lens."""
    if camera.knob("focal") is None or camera.knob("haperture") is None:
        return None
    focal, width = (_number(camera, name, frame) for name in ("focal", "haperture"))
    if min(focal, width) <= 0:
        raise RelumixError(
            f"{camera.name()} has a focal length of {focal:g} and an aperture of {width:g}: expected both above 0"
        )
    return math.degrees(2 * math.atan(width / 2 / focal))


def rig(
    lights: Sequence[nuke.Node],
    frames: Sequence[int],
    camera: nuke.Node | None,
    maps: dict[str, str],
    *,
    keep: float,
    metres_per_unit: float,
    all_cast: bool,
) -> dict[str, Any]:
    """Return the rig of lights, fit for JSON.

    frames    at which they are looked at; what changes between them is written for each.
    camera    in whose coordinates they are; None: the world's.
    maps      the file of each environment's picture, by the name of its node.
    all_cast  whether all throw shadows, or those that say so.

    Raises RelumixError.
    """
    spaces = {frame: Space(None if camera is None else Place.of(camera, frame)) for frame in frames}

    def over(value: Callable[[int], Value]) -> Any:
        values = [_rounded(value(frame)) for frame in frames]
        alike = all(each == values[0] for each in values)
        return values[0] if alike else {str(frame): each for frame, each in zip(frames, values)}

    made = [_light(node, over, spaces, maps, metres_per_unit) for node in lights]
    for node, light in zip(lights, made):
        light["shadows"] = all_cast or _switch(node, "cast_shadows")
    rest = {"keep": keep, "metres_per_unit": metres_per_unit}
    if camera is not None:
        rest["up"] = over(lambda frame: spaces[frame].way((0.0, 1.0, 0.0)))
    return {**rest, "lights": made}


def map_of(environment: nuke.Node) -> nuke.Node:
    """Return the picture of an environment: before a SphericalTransform, which makes a mirror ball of it for Nuke.

    Raises RelumixError where there is none, or it is not all round.
    """
    inputs = [environment.input(number) for number in range(environment.inputs())]
    found = next((node for node in inputs if node is not None and node.knob("world_matrix") is None), None)
    if found is not None and _class(found) == "SphericalTransform":
        found = found.input(0)
    if found is None:
        raise RelumixError(f"{environment.name()} has no map: connect the picture of the surroundings to it")
    size = found.format()
    if size.width() != 2 * size.height():
        raise RelumixError(
            f"the map of {environment.name()} is {size.width()}x{size.height()}: expected latitude and longitude, "
            "twice as wide as high; a SphericalTransform may stand between it and the light"
        )
    return found


def is_environment(node: nuke.Node) -> bool:
    """Tell whether a light is a picture of the surroundings."""
    return _kind(node) == "environment"


def _light(
    node: nuke.Node, over: Over, spaces: dict[int, Space], maps: dict[str, str], metres_per_unit: float
) -> dict[str, Any]:
    kind = _kind(node)
    light: dict[str, Any] = {"name": node.name(), "color": over(lambda frame: _color(node, frame))}

    def shines(frame: int) -> Vector:
        return space.times(Place.of(node, frame).back, -1)

    if kind == "directional":
        direction = over(lambda frame: spaces[frame].way(shines(frame)))
        irradiance = over(lambda frame: math.pi * _intensity(node, frame))
        return {**light, "type": "sun", "direction": direction, "irradiance": irradiance, "angle_deg": 0}
    if kind == "environment":
        turns = _onwards({frame: _turn_deg(node, frame, each) for frame, each in spaces.items()})
        turned = over(lambda frame: turns[frame])
        radiance = over(lambda frame: _intensity(node, frame))
        return {**light, "type": "dome", "hdri": maps[node.name()], "rotation_deg": turned, "radiance": radiance}
    watts = 4 * math.pi**2 * metres_per_unit**2
    light |= {
        "position": over(lambda frame: spaces[frame].point(Place.of(node, frame).position)),
        "power_w": over(lambda frame: watts * _intensity(node, frame)),
        "falloff": _falloff(node),
    }
    if kind == "point":
        return {**light, "type": "point"}

    def aim(frame: int) -> Vector:
        position, way = spaces[frame].point(Place.of(node, frame).position), spaces[frame].way(shines(frame))
        return space.plus(position, space.times(way, max(1.0, space.length(position) / _MOST_AIM_SHARE)))

    return {
        **{**light, "type": "spot", "target": over(aim)},
        "cone_deg": over(lambda frame: _cone(node, frame)[0]),
        "blend": over(lambda frame: _cone(node, frame)[1]),
        "focus": over(lambda frame: max(_number(node, "cone_falloff", frame), 0.0)),
    }


def _kind(node: nuke.Node) -> str | None:
    kind = _KINDS.get(_class(node))
    said = node.knob("light_type")
    return str(said.value()).split()[0].lower() if kind and said is not None else kind


def _class(node: nuke.Node) -> str:
    return node.Class().rstrip("0123456789")


def _falloff(node: nuke.Node) -> str:
    """Return how a light falls off: "No Falloff" is none."""
    knob = node.knob("falloff_type")
    said = str(knob.value()).split()[0].lower() if knob is not None else "no"
    return {"no": "none"}.get(said, said)


def _cone(node: nuke.Node, frame: int) -> tuple[float, float]:
    """Return the whole angle of a spot's cone and the share of it over which it fades.

    A penumbra above 0 lies around the cone, one below 0 within it.
    """
    cone, penumbra = (_number(node, name, frame) for name in ("cone_angle", "cone_penumbra_angle"))
    outer = min(max(cone + max(penumbra, 0.0), _LEAST_CONE_DEG), _MOST_CONE_DEG)
    return outer, min(abs(penumbra) / outer, 1.0)


def _turn_deg(node: nuke.Node, frame: int, within: Space) -> float:
    """Return by how much the middle of an environment is turned to the right of what is ahead."""
    place = Place.of(node, frame)
    tilt = math.degrees(math.acos(min(max(place.up[1], -1.0), 1.0)))
    if tilt > _TILT_DEG:
        raise RelumixError(
            f"{node.name()} is tilted by {tilt:.0f} degrees at frame {frame}: expected one that turns about y alone"
        )
    up, middle = within.way((0.0, 1.0, 0.0)), within.way(space.times(place.back, -1))
    # What is ahead, as a rig has it: minus z; where up is along z, plus or minus y.
    towards = (0.0, 0.0, -1.0) if abs(up[2]) < 0.9 else (0.0, math.copysign(1.0, up[2]), 0.0)
    ahead = space.unit(space.minus(towards, space.times(up, space.dot(towards, up))))
    right = space.cross(ahead, up)
    return math.degrees(math.atan2(space.dot(middle, right), space.dot(middle, ahead)))


def _onwards(turns_deg: dict[int, float]) -> dict[int, float]:
    """Return angles by frame without jumps of a whole turn, between which values in between would be wrong."""
    on: dict[int, float] = {}
    last = None
    for frame, turn in turns_deg.items():
        last = turn if last is None else last + math.remainder(turn - last, 360)
        on[frame] = last
    return on


def _intensity(node: nuke.Node, frame: int) -> float:
    intensity = _number(node, "intensity", frame)
    if intensity < 0:
        raise RelumixError(f"{node.name()} has an intensity of {intensity:g} at frame {frame}: expected 0 or more")
    return intensity


def _color(node: nuke.Node, frame: int) -> Sequence[float]:
    knob = cast("nuke.Array_Knob", node["color"])
    values = [float(knob.getValueAt(frame, index)) for index in range(3)]
    if min(values) < 0:
        raise RelumixError(f"{node.name()} has the colour {values} at frame {frame}: expected numbers of 0 or more")
    return values


def _number(node: nuke.Node, name: str, frame: int) -> float:
    """Return a knob's number; 0 where the node has no such knob."""
    knob = node.knob(name)
    return 0.0 if knob is None else float(cast("nuke.Array_Knob", knob).getValueAt(frame, 0))


def _switch(node: nuke.Node, name: str) -> bool:
    knob = node.knob(name)
    return knob is not None and bool(knob.value())


def _rounded(value: Value) -> Any:
    """Return numbers of seven digits, of which people can read a file; sums that are nearly nothing are 0."""
    if isinstance(value, (int, float)):
        return 0.0 if abs(value) < 1e-9 else float(f"{value:.7g}")
    return [_rounded(each) for each in value]
