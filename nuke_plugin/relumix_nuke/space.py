"""Where Nuke's 3D nodes stand, and the coordinates that lamps are written in: those of the world, or of a camera."""

from __future__ import annotations

import math
from dataclasses import dataclass

import nuke

from relumix_nuke.errors import RelumixError

Vector = tuple[float, float, float]

_ZERO = 1e-12


@dataclass(frozen=True)
class Place:
    """Where a 3D node stands and how it is turned: unit vectors of the world, and no scale.

    right, up, back  its x, y and z; cameras look, and lights shine, along minus z.
    """

    position: Vector
    right: Vector
    up: Vector
    back: Vector

    @classmethod
    def of(cls, node: nuke.Node, frame: float) -> Place:
        """Read it off the knob world_matrix, in which all parents are; its last column is the position.

        Raises RelumixError where the node has none, or is scaled to nothing.
        """
        knob = node.knob("world_matrix")
        if knob is None:
            raise RelumixError(f"{node.name()} has no world matrix: expected a node of Nuke's classic 3D system")
        values = [float(knob.getValueAt(frame, index)) for index in range(16)]
        x, y, z, position = ((values[i], values[i + 4], values[i + 8]) for i in range(4))
        if min(map(length, (x, y, z))) < _ZERO:
            raise RelumixError(f"{node.name()} is scaled to nothing at frame {frame:g}: it shows no direction")
        return cls(position, unit(x), unit(y), unit(z))


@dataclass(frozen=True)
class Space:
    """The coordinates of lamps: those of a camera, or the world's where there is none."""

    camera: Place | None

    def point(self, place: Vector) -> Vector:
        """Return a place of the world in these coordinates."""
        return place if self.camera is None else self.way(minus(place, self.camera.position))

    def way(self, way: Vector) -> Vector:
        """Return a direction of the world in these coordinates."""
        if self.camera is None:
            return way
        return dot(way, self.camera.right), dot(way, self.camera.up), dot(way, self.camera.back)


def dot(one: Vector, other: Vector) -> float:
    """Return the dot product."""
    return sum(a * b for a, b in zip(one, other))


def cross(one: Vector, other: Vector) -> Vector:
    """Return the cross product."""
    (a, b, c), (x, y, z) = one, other
    return b * z - c * y, c * x - a * z, a * y - b * x


def plus(one: Vector, other: Vector) -> Vector:
    """Return the sum."""
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def minus(one: Vector, other: Vector) -> Vector:
    """Return the difference."""
    return plus(one, times(other, -1))


def times(vector: Vector, factor: float) -> Vector:
    """Return a multiple."""
    return vector[0] * factor, vector[1] * factor, vector[2] * factor


def length(vector: Vector) -> float:
    """Return the length."""
    return math.sqrt(dot(vector, vector))


def unit(vector: Vector) -> Vector:
    """Return the vector of length 1 that points the same way."""
    return times(vector, 1 / length(vector))
