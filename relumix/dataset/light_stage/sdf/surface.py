"""What a surface is made of and how it answers light, as Dr.Jit expressions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import drjit as dr

from relumix.dataset.light_stage.sdf.backend import Types
from relumix.dataset.light_stage.sdf.table import MATERIAL_ROW, PLACE_ROW
from relumix.dataset.light_stage.sdf.textures import CHAIN, LEVELS, SIZE_PX


@dataclass(frozen=True)
class Place:
    """Where things are: rows of (place, turn) for `count` things a frame."""

    types: Types
    numbers: Any
    count: Any

    def into(self, frame: Any, owner: Any, point: Any) -> Any:
        """Return a point of the world in its owner's own space."""
        return self._turned(frame, owner, point - self._place(frame, owner), back=True)

    def out_of(self, frame: Any, owner: Any, point: Any) -> Any:
        """Return a point of its owner's own space in the world."""
        return self._turned(frame, owner, point, back=False) + self._place(frame, owner)

    def into_way(self, frame: Any, owner: Any, way: Any) -> Any:
        """Return a direction of the world in its owner's own space."""
        return self._turned(frame, owner, way, back=True)

    def _place(self, frame: Any, owner: Any) -> Any:
        return self._triple(frame, owner, 0)

    def _turned(self, frame: Any, owner: Any, p: Any, back: bool) -> Any:
        rows = [self._triple(frame, owner, 3 + 3 * i) for i in range(3)]
        if back:
            return rows[0] * p.x + rows[1] * p.y + rows[2] * p.z
        return self.types.Array3f(*(dr.dot(row, p) for row in rows))

    def _triple(self, frame: Any, owner: Any, at: int) -> Any:
        start = (frame * self.count + owner) * PLACE_ROW + at
        return self.types.Array3f(*(dr.gather(self.types.Float, self.numbers, start + k) for k in range(3)))


@dataclass(frozen=True)
class Surface:
    """A surface at the points that rays met."""

    albedo: Any
    gloss: Any
    roughness: Any
    metal: Any

    def shine(self, normal: Any, to_eye: Any, to_light: Any) -> Any:
        """Return the share of irradiance that a highlight sends to the eye, [3] per steradian, 0 under the surface.

        GGX with the visibility of Karis (2014), "Moving Mobile to Unreal".
        """
        half = dr.normalize(to_eye + to_light)
        alpha = self.roughness * self.roughness
        nh, lh = dr.maximum(dr.dot(normal, half), 0), dr.maximum(dr.dot(to_light, half), 0.1)
        spread = nh * nh * (alpha * alpha - 1) + 1
        amount = alpha * alpha / (math.pi * spread * spread * 4 * lh * lh * (alpha + 0.5))
        return self.facing(lh) * amount

    def facing(self, cosine: Any) -> Any:
        """Return the share that is mirrored at an angle, [3]: Schlick's approximation of Fresnel."""
        straight = self.albedo * self.metal + self.gloss * (1 - self.metal)
        grazing = (1 - cosine) ** 5 * dr.minimum(self.gloss * 10, 1)
        return straight + (1 - straight) * grazing

    def matt(self, irradiance: Any) -> Any:
        """Return the radiance of light that the surface scatters."""
        return self.albedo * irradiance * ((1 - self.metal) / math.pi)


def surface(
    types: Types, materials: Any, texels: Any, row: Any, own: Any, own_normal: Any, footprint: Any, tone: Any
) -> Surface:
    """Return the surface at a point.

    row: of its material; own, own_normal: the point and its normal in its thing's space; footprint: how wide a pixel is
    there; tone: a factor of its colour.
    """
    numbers = [dr.gather(types.Float, materials, row * MATERIAL_ROW + k) for k in range(MATERIAL_ROW)]
    first, second = types.Array3f(*numbers[:3]), types.Array3f(*numbers[3:6])
    texture, scale, photo, gloss, roughness, metal = numbers[6:]
    across = dr.abs(own_normal)
    flat = (across.z >= across.x) & (across.z >= across.y)
    front = ~flat & (across.x >= across.y)
    u, v = dr.select(front, own.y, own.x), dr.select(flat, own.y, own.z)
    painted = _texel(types, texels, types.UInt32(texture + 0.5), u * scale, v * scale, footprint * scale * SIZE_PX)
    pattern = second + (first - second) * painted.x
    albedo = dr.clip((pattern + (first * painted - pattern) * photo) * tone, 0.005, 0.95)
    return Surface(albedo, gloss, roughness, metal)


def _texel(types: Types, texels: Any, texture: Any, u: Any, v: Any, footprint: Any) -> Any:
    """Read a texture, bilinear, between the two pictures of its mip chain that fit the footprint (in its pixels)."""
    wanted = dr.clip(dr.log2(dr.maximum(footprint, 1e-3)), 0, LEVELS - 1.001)
    level = types.UInt32(wanted)
    share = wanted - types.Float(level)
    fine, coarse = (_at_level(types, texels, texture, u, v, number) for number in (level, level + 1))
    return fine + (coarse - fine) * share


def _at_level(types: Types, texels: Any, texture: Any, u: Any, v: Any, level: Any) -> Any:
    side = types.UInt32(SIZE_PX) >> level
    # The pictures before have 4/3 * (SIZE_PX^2 - side^2) texels.
    start = texture * CHAIN + (SIZE_PX * SIZE_PX - side * side) // 3 * 4
    x, y = ((a - dr.floor(a)) * types.Float(side) - 0.5 + types.Float(side) for a in (u, v))
    left, top = types.UInt32(x), types.UInt32(y)
    right_share, low_share = x - types.Float(left), y - types.Float(top)
    total = types.Array3f(0)
    for down, row_share in ((0, 1 - low_share), (1, low_share)):
        for along, column_share in ((0, 1 - right_share), (1, right_share)):
            index = start + ((top + down) & (side - 1)) * side + ((left + along) & (side - 1))
            texel = types.Array3f(*(dr.gather(types.Float, texels, index * 3 + k) for k in range(3)))
            total += texel * (row_share * column_share)
    return total
