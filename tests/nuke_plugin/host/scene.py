"""Nodes of the classic 3D system, as far as their knobs go: axes, cameras and lights. This host renders no 3D."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .expressions import At
from .kinds import valued
from .knobs import Enumeration_Knob, Knob
from .node import Node
from .number_knobs import Array_Knob, Boolean_Knob, Color_Knob, Double_Knob, IArray_Knob
from .pictures import Picture

Matrix = NDArray[np.float64]

_FALLOFFS = ["No Falloff", "Linear", "Quadratic", "Cubic"]


class _WorldMatrix(IArray_Knob):
    """Four rows of four numbers, the position in the last column."""

    def _values(self, at: At | None, index: int) -> Any:
        assert at is not None
        assert isinstance(self._node, Axis)
        values = self._node._world(at).ravel().tolist()
        return values if index < 0 else values[index]


class Axis(Node):
    """Turns about z first, then x, then y, as Nuke does unless it is told otherwise."""

    _class = "Axis2"
    _inputs_least, _inputs_most = 0, 2

    def _own_knobs(self) -> list[Knob]:
        numbers = [Array_Knob("translate", None, 3), Array_Knob("rotate", None, 3), Array_Knob("scaling", None, 3)]
        valued(numbers[2], 1, 1, 1)
        return [*numbers, valued(Double_Knob("uniform_scale"), 1), _WorldMatrix("world_matrix", None, 16)]

    def _world(self, at: At) -> Matrix:
        x, y, z = (np.radians(angle) for angle in self["rotate"]._values(at, -1))
        about = [_turn(1, y), _turn(0, x), _turn(2, z)]
        own = np.eye(4)
        own[:3, :3] = np.linalg.multi_dot(about) * np.array(self["scaling"]._values(at, -1))
        own[:3, :3] *= self["uniform_scale"]._number(at)
        own[:3, 3] = self["translate"]._values(at, -1)
        parents = [node for node in self._wires if isinstance(node, Axis)]
        return parents[0]._world(at) @ own if parents else own

    def _picture(self, at: At) -> Picture:
        return self._session.nothing()


class Camera(Axis):
    _class = "Camera2"

    def _own_knobs(self) -> list[Knob]:
        lens = [("focal", 50), ("haperture", 24.576), ("vaperture", 18.672)]
        return [*super()._own_knobs(), *(valued(Double_Knob(name), value) for name, value in lens)]


class DirectLight(Axis):
    _class = "DirectLight"

    def _own_knobs(self) -> list[Knob]:
        shine = [valued(Color_Knob("color"), 1, 1, 1), valued(Double_Knob("intensity"), 1)]
        return [*super()._own_knobs(), *shine, Boolean_Knob("cast_shadows")]


class Point(DirectLight):
    _class = "Light"

    def _own_knobs(self) -> list[Knob]:
        return [*super()._own_knobs(), Enumeration_Knob("falloff_type", None, _FALLOFFS)]


class Spotlight(Point):
    _class = "Spotlight"

    def _own_knobs(self) -> list[Knob]:
        cone = [valued(Double_Knob("cone_angle"), 40), Double_Knob("cone_penumbra_angle"), Double_Knob("cone_falloff")]
        return [*super()._own_knobs(), *cone]


class Light(Spotlight):
    _class = "Light2"

    def _own_knobs(self) -> list[Knob]:
        return [*super()._own_knobs(), Enumeration_Knob("light_type", None, ["point", "directional", "spot"])]


class Environment(DirectLight):
    """Its picture is on an input."""

    _class = "Environment"


class NewPointLight(Point):
    """A light of the new 3D system, by the name that its class might have."""

    _class = "PointLight"

    def _own_knobs(self) -> list[Knob]:
        return [*super()._own_knobs(), Boolean_Knob("enable_color_temperature"), Double_Knob("exposure")]


class SphericalTransform(Node):
    """Passes its input: that it turns it into a mirror ball is not needed here, but its size is."""

    _class = "SphericalTransform"


SCENE: dict[str, type[Node]] = {
    kind._class: kind
    for kind in (*(Axis, Camera, DirectLight, Point, Spotlight, Light, Environment, NewPointLight, SphericalTransform),)
}
"""The classes by their names, of the version of Nuke that this host is like."""


def _turn(axis: int, angle: float) -> Matrix:
    """A turn about one of x, y and z."""
    one, other = ((1, 2), (2, 0), (0, 1))[axis]
    turn = np.eye(3)
    turn[one, one] = turn[other, other] = np.cos(angle)
    turn[other, one], turn[one, other] = np.sin(angle), -np.sin(angle)
    return turn
