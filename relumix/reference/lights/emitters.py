"""What lights send to points of a scene, in radiometric units, before anything is in the way.

Lengths are in metres here and everywhere below a rig. Every light is a set of patches, each seen from a point under a
small angle; what they send adds up to the light. A patch's irradiance is that of a surface which faces it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from relumix.reference.lights import samples
from relumix.types import Float32

Vector = NDArray[np.float64]

FINE, COARSE = 32, 8
"""Patches of a light that has a size: where something hides some of it, and where nothing does."""

_MOST_SINE = 0.9999
"""A point inside of a sphere light is taken to be on it, nearly."""

_NATURAL = 2.0
"""Light falls with the square of the distance."""

_POINT_RADIUS = 1e-6
"""Radius in metres below which a sphere is a point, and one patch is all of it."""


class Arriving(NamedTuple):
    """What a patch sends to n points.

    way         [n, 3] float32: unit vectors to the patch.
    target      [n, 3] float32: where a ray to it ends.
    irradiance  [n] float32: on a surface that faces it, W/m2 (of a light of colour 1).
    spread      [n] float32: sine of half the angle under which the patch is seen.
    """

    way: Float32
    target: Float32
    irradiance: Float32
    spread: Float32


class Emitter(Protocol):
    """A light as a set of patches."""

    @property
    def count(self) -> int:
        """How many patches it has."""
        ...

    @property
    def probes(self) -> tuple[int, ...]:
        """Patches at its middle and its rim: what all of them see, all patches see."""
        ...

    @property
    def coarse(self) -> Emitter:
        """The same light in fewer patches."""
        ...

    def arriving(self, points: Float32, patch: int) -> Arriving:
        """Return what a patch sends to points [n, 3]."""
        ...


@dataclass(frozen=True)
class Sun:
    """Light from one direction: a disc at infinity.

    towards     [3] unit vector to it.
    irradiance  W/m2 on a surface that faces it.
    radius      half the angle under which it is seen, in radians.
    reach       how far rays to it are followed, in metres.
    """

    towards: Vector
    irradiance: float
    radius: float
    reach: float
    patches: int = FINE

    @property
    def count(self) -> int:
        """One for a sun without a size."""
        return self.patches if self.radius > 0 else 1

    @property
    def probes(self) -> tuple[int, ...]:
        """See Emitter."""
        return _probes_of_disc(self.count)

    @property
    def coarse(self) -> Sun:
        """See Emitter."""
        return replace(self, patches=min(self.patches, COARSE))

    def arriving(self, points: Float32, patch: int) -> Arriving:
        """See Emitter."""
        x, y = samples.disc(self.count)[patch] if self.count > 1 else (0.0, 0.0)
        across, up = (each[0] for each in beside(self.towards[None]))
        middle = self.towards + math.tan(self.radius) * (x * across + y * up)
        way = np.asarray(middle / np.linalg.norm(middle), np.float32)
        irradiance = np.full(len(points), self.irradiance / self.count, np.float32)
        spread = np.full(len(points), math.sin(self.radius) / math.sqrt(self.count), np.float32)
        ways = np.broadcast_to(way, points.shape)
        return Arriving(ways, points + way * np.float32(self.reach), irradiance, spread)


@dataclass(frozen=True)
class Sphere:
    """A sphere that shines evenly (Lambert): a point light where its radius is 0, a spot where it has a cone.

    Seen from a point the sphere is a cone of directions, over which patches are spread evenly (Shirley, Wang and
    Zimmerman, "Monte Carlo Techniques for Direct Lighting Calculations", 1996).

    power  W in all directions; a cone takes away what falls outside of it.
    axis   [3] unit vector, the middle of the cone; None without one.
    inner, outer  cosines of the angles from the axis up to which it is full, and from which there is nothing.
    focus  power of the cosine to the axis, by which a cone is brightest in its middle.
    falloff  power of the distance by which it gets darker: 2 in nature.
    unit   distance in metres at which all falloffs are equally bright.
    """

    position: Vector
    radius: float
    power: float
    axis: Vector | None = None
    inner: float = -1.0
    outer: float = -1.0
    focus: float = 0.0
    falloff: float = 2.0
    unit: float = 1.0
    patches: int = FINE

    @property
    def count(self) -> int:
        """One for a point."""
        return self.patches if self.radius > _POINT_RADIUS else 1

    @property
    def probes(self) -> tuple[int, ...]:
        """See Emitter."""
        return _probes_of_disc(self.count)

    @property
    def coarse(self) -> Sphere:
        """See Emitter."""
        return replace(self, patches=min(self.patches, COARSE))

    def arriving(self, points: Float32, patch: int) -> Arriving:
        """See Emitter."""
        offset = self.position.astype(np.float32) - points
        away = np.maximum(_length(offset), np.float32(_POINT_RADIUS))
        middle = offset / away[:, None]
        sine = np.minimum(np.float32(self.radius) / away, np.float32(_MOST_SINE))
        cosine = np.sqrt(1 - sine * sine)
        # Its radiance, power / (4 pi^2 r^2), times its solid angle, written so that it holds for a radius of 0.
        apart = np.maximum(away, np.float32(self.radius / _MOST_SINE))
        irradiance = np.float32(self.power / (4 * math.pi) * 2 / self.count) / (apart * apart * (1 + cosine))
        if self.falloff != _NATURAL:
            irradiance = irradiance * (apart / np.float32(self.unit)) ** np.float32(_NATURAL - self.falloff)
        if self.axis is not None:
            irradiance = irradiance * self._cone(middle)
        if self.count == 1:
            return Arriving(middle, np.broadcast_to(self.position.astype(np.float32), points.shape), irradiance, sine)
        x, y = samples.disc(self.count)[patch]
        share = np.float32(x * x + y * y)
        height = 1 - share * (sine * sine / (1 + cosine))
        aside = np.sqrt(np.maximum(1 - height * height, 0)) / math.sqrt(share)
        across, up = beside(middle)
        way = middle * height[:, None] + (across * x + up * y) * aside[:, None]
        facing = height * away
        reach = facing - np.sqrt(np.maximum(facing * facing - away * away + np.float32(self.radius**2), 0))
        spread = sine * np.float32(1 / math.sqrt(self.count))
        return Arriving(way, points + way * reach[:, None], irradiance, spread)

    def _cone(self, middle: Float32) -> Float32:
        assert self.axis is not None
        cosine = -(middle @ self.axis.astype(np.float32))
        focus = np.maximum(cosine, 0) ** np.float32(self.focus) if self.focus else np.float32(1)
        if self.inner <= self.outer:
            return np.asarray((cosine >= np.float32(self.outer)) * focus, np.float32)
        share = np.clip((cosine - self.outer) / (self.inner - self.outer), 0, 1)
        return np.asarray(share * share * (3 - 2 * share) * focus, np.float32)


@dataclass(frozen=True)
class Rectangle:
    """A rectangle that shines evenly to one side (Lambert).

    axis        [3] unit vector, the way it shines.
    across, up  [3] unit vectors along its sides; size: their lengths in metres; power: in W.
    """

    position: Vector
    axis: Vector
    across: Vector
    up: Vector
    size: tuple[float, float]
    power: float
    patches: int = FINE

    @property
    def count(self) -> int:
        """See Emitter."""
        return self.patches

    @property
    def probes(self) -> tuple[int, ...]:
        """See Emitter."""
        spread = samples.square(self.count) - 0.5
        corners = [int(np.argmax(spread @ (x, y))) for x in (-1, 1) for y in (-1, 1)]
        return (int(np.argmin(np.square(spread).sum(-1))), *dict.fromkeys(corners))

    @property
    def coarse(self) -> Rectangle:
        """See Emitter."""
        return replace(self, patches=min(self.patches, COARSE))

    def arriving(self, points: Float32, patch: int) -> Arriving:
        """See Emitter."""
        x, y = (samples.square(self.count)[patch] - 0.5) * self.size
        place = np.asarray(self.position + x * self.across + y * self.up, np.float32)
        offset = place - points
        squared = np.maximum(np.square(offset).sum(-1), np.float32(1e-12))
        away = np.sqrt(squared)
        way = offset / away[:, None]
        facing = np.maximum(-(way @ self.axis.astype(np.float32)), 0)
        area = self.size[0] * self.size[1] / self.count
        # Its radiance, power / (pi area of the whole), times the form factor of a disc of the patch's area: unlike that
        # of a point it stays finite near by.
        irradiance = np.float32(self.power / self.count) * facing / (math.pi * squared + np.float32(area))
        radius = math.sqrt(area / math.pi)
        spread = np.asarray(radius / np.sqrt(squared + np.float32(radius**2)), np.float32)
        return Arriving(way, np.broadcast_to(place, points.shape), irradiance, spread)


def beside(way: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return two unit vectors at right angles to unit vectors [n, 3], and to each other.

    Duff et al., "Building an Orthonormal Basis, Revisited", JCGT 2017.
    """
    x, y, z = way[:, 0], way[:, 1], way[:, 2]
    sign = np.where(z >= 0, 1, -1).astype(way.dtype)
    a = -1 / (sign + z)
    b = x * y * a
    first = np.stack([1 + sign * x * x * a, sign * b, -sign * x], -1)
    return first, np.stack([b, sign + y * y * a, -y], -1)


def _probes_of_disc(count: int) -> tuple[int, ...]:
    # The last of a sunflower's points lie on its rim, a golden angle from each other.
    return (0,) if count == 1 else (0, count - 1, count - 2, count - 3)


def _length(vectors: Float32) -> Float32:
    return np.asarray(np.sqrt(np.square(vectors).sum(-1)), np.float32)
