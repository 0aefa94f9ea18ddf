"""What a scene is: things made of parts, their ways, ground, walls and houses, the camera's way and the lights.

z is up, angles are in radians, lengths in units of about a metre, colours linear Rec.709. Everything is numpy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

GROUND, WALLS, HOUSES, FIRST_THING = 0, 1, 2, 3
"""Numbers of what stands still in every scene; things are numbered from FIRST_THING."""


@dataclass(frozen=True)
class Part:
    """One primitive: "box", "ellipsoid", "rod" (a cylinder along z) or "ring" (a torus round z).

    place [3] and turn [3, 3] put it into its thing. half [3]: half its extent; a rod's half is (radius, -, half of its
    length), a ring's (radius, radius of its tube, -). rounding: radius of the edges of boxes and rods; a rod rounded by
    its radius is a capsule. bump: depth of a displacement of `waves` waves a unit.
    """

    kind: str
    half: tuple[float, float, float]
    place: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn: Float64 | None = None
    rounding: float = 0.0
    bump: float = 0.0
    waves: float = 0.0


@dataclass(frozen=True)
class Material:
    """A surface: two colours that a texture of the bank mixes, or (photo 1) the texture's own colours times the first.

    texture: its number in the bank; scale: pictures a unit. gloss: reflectance seen head on; roughness and metal 0..1.
    """

    first: tuple[float, float, float]
    second: tuple[float, float, float]
    texture: int = 0
    scale: float = 1.0
    photo: float = 0.0
    gloss: float = 0.0
    roughness: float = 0.6
    metal: float = 0.0

    def row(self) -> list[float]:
        """Return what the kernel reads, MATERIAL_ROW numbers."""
        looks = (float(self.texture), self.scale, self.photo, self.gloss, self.roughness, self.metal)
        return [*self.first, *self.second, *looks]


@dataclass(frozen=True)
class Thing:
    """A rigid body; `places` [T, 4, 4] is where it is in each frame. blend: radius of a smooth union of its parts."""

    name: str
    parts: tuple[Part, ...]
    material: Material
    places: Float64
    blend: float = 0.0

    @property
    def moves(self) -> bool:
        """Whether it slides or turns."""
        return not np.allclose(self.places, self.places[:1], atol=1e-9)

    @property
    def turns(self) -> bool:
        """Whether it turns."""
        return not np.allclose(self.places[:, :3, :3], self.places[:1, :3, :3], atol=1e-9)


@dataclass(frozen=True)
class Ground:
    """What stands still: hills of a height and waves a unit, walls, and rows of houses along y on both sides.

    walls: (x, y, d) each, where x * px + y * py + d is a point's distance. houses: half the width of the street, half
    extents of a house (x, y, z), the period of the row, its beginning; None for no houses.
    """

    height: float
    waves: float
    walls: tuple[tuple[float, float, float], ...]
    houses: tuple[float, float, float, float, float, float] | None
    materials: tuple[Material, Material, Material]


@dataclass(frozen=True)
class Camera:
    """A pinhole that goes through eyes [T, 3] and looks at targets [T, 3]; the field of view is across."""

    kind: str
    eyes: Float64
    targets: Float64
    fov: float

    def axes(self, frame: int) -> tuple[Float64, Float64, Float64]:
        """Return right, up and ahead in a frame, unit vectors [3]."""
        ahead = self.targets[frame] - self.eyes[frame]
        ahead = ahead / np.linalg.norm(ahead)
        right = np.cross(ahead, [0.0, 0.0, 1.0])
        right = right / np.linalg.norm(right)
        return right, np.cross(right, ahead), ahead


@dataclass(frozen=True)
class Sky:
    """Light from every side: colours overhead, at the horizon and from below, and a soft bright patch around `lobe`."""

    above: Float64
    horizon: Float64
    below: Float64
    lobe: Float64
    patch: Float64
    sharpness: float


@dataclass(frozen=True)
class Lamp:
    """A sun (`vector` [3] points to it) or a lamp near by (`vector` is its place).

    colour [3]: irradiance of a sun; of a lamp at one unit. hardness: how sharp shadows are, 1 / the tangent of the
    angle over which light is lost. axis, cutoff: a spot's direction and its cone's half angle, pi for no cone.
    """

    kind: str
    vector: Float64
    colour: Float64
    hardness: float
    axis: Float64
    cutoff: float = np.pi

    def row(self) -> list[float]:
        """Return what the kernel reads, LAMP_ROW numbers."""
        outer = float(np.cos(self.cutoff)) if self.cutoff < np.pi else -3.0
        inner = float(np.cos(0.7 * self.cutoff)) if self.cutoff < np.pi else -2.0
        sun = float(self.kind == "sun")
        return [*map(float, self.vector), sun, *map(float, self.colour), self.hardness, *self.axis, outer, inner]


@dataclass(frozen=True)
class Scene:
    """A whole scene: the dome first, then the lamps, are its lights.

    caster: the number of the moving thing whose shadow should be seen, None where none was asked for; setting: room,
    open ground or street.
    """

    seed: int
    generator: int
    setting: str
    ground: Ground
    things: tuple[Thing, ...]
    camera: Camera
    sky: Sky
    lamps: tuple[Lamp, ...]
    caster: int | None = None

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return len(self.camera.eyes)

    @property
    def lights(self) -> int:
        """How many lights it has, the dome counted."""
        return 1 + len(self.lamps)
