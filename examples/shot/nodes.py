"""Pieces of a scene in Mitsuba's own notation: materials, shapes and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

Node = dict[str, Any]
"""A piece of a scene, as mitsuba.load_dict takes it."""


def rgb(*values: float) -> Node:
    """A colour, linear Rec.709."""
    return {"type": "rgb", "value": list(values)}


def bitmap(values: Float32) -> Node:
    """A texture of linear values; v goes up, as in the meshes."""
    return {"type": "bitmap", "bitmap": mi.Bitmap(np.ascontiguousarray(values[::-1])), "raw": True}


def flat(*albedo: float) -> Float32:
    """A surface of one albedo."""
    return np.full((2, 2, 3), albedo, np.float32)


def matt(albedo: Float32) -> Node:
    """Paper, cotton, plaster: the same brightness from everywhere."""
    return {"type": "twosided", "bsdf": {"type": "diffuse", "reflectance": bitmap(albedo)}}


def plastic(albedo: Float32, roughness: float, gloss: float = 1.0) -> Node:
    """A varnished surface; gloss scales the reflection of the varnish."""
    varnish = {"type": "roughplastic", "diffuse_reflectance": bitmap(albedo), "alpha": roughness, "nonlinear": True}
    return {"type": "twosided", "bsdf": varnish | {"specular_reflectance": gloss}}


def metal(tint: tuple[float, float, float], roughness: float) -> Node:
    """A metal whose reflection has this tint."""
    polished = {"type": "roughconductor", "material": "none", "alpha": roughness, "specular_reflectance": rgb(*tint)}
    return {"type": "twosided", "bsdf": polished}


def bumped(surface: Node, height: Float32, scale: float) -> Node:
    """The surface with a relief."""
    return {"type": "bumpmap", "height": bitmap(height), "scale": scale, "bsdf": surface}


def move(x: float, y: float, z: float) -> mi.ScalarTransform4f:
    """Place the origin at x, y, z."""
    return mi.ScalarTransform4f().translate([float(x), float(y), float(z)])


def turn(axis: str, degrees: float) -> mi.ScalarTransform4f:
    """Turn about "x", "y" or "z"."""
    return mi.ScalarTransform4f().rotate([float(axis == other) for other in "xyz"], degrees)


def look_at(origin: Sequence[float], target: Sequence[float]) -> mi.ScalarTransform4f:
    """A camera or a lamp at origin that faces target, upright."""
    return mi.ScalarTransform4f().look_at(origin=list(origin), target=list(target), up=[0, 0, 1])


def scale(*factors: float) -> mi.ScalarTransform4f:
    """Scale by one factor, or by three."""
    return mi.ScalarTransform4f().scale(list(factors) * (3 // len(factors)))


def at(to_world: mi.ScalarTransform4f, bsdf: Node) -> Node:
    """What a shape's node still needs: where it is and what it is made of."""
    return {"to_world": to_world, "bsdf": bsdf}


def rectangle(to_world: mi.ScalarTransform4f, bsdf: Node) -> Node:
    """The square from -1 to 1 that faces z, placed."""
    return {"type": "rectangle"} | at(to_world, bsdf)


def box(centre: tuple[float, float, float], half: tuple[float, float, float], degrees: float, bsdf: Node) -> Node:
    """A box of the given half sizes, turned about the vertical."""
    return {"type": "cube"} | at(move(*centre) @ turn("z", degrees) @ scale(*half), bsdf)


def cylinder(bottom: tuple[float, float, float], top: tuple[float, float, float], radius: float, bsdf: Node) -> Node:
    """A round bar without ends."""
    return {"type": "cylinder", "p0": list(bottom), "p1": list(top), "radius": radius, "bsdf": bsdf}
