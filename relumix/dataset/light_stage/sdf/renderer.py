"""Frames of scenes, each light alone, by one Dr.Jit kernel; and where what they show is seen in other frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import drjit as dr
import numpy as np

from relumix.dataset.light_stage.sdf.backend import Types
from relumix.dataset.light_stage.sdf.field import FAR, Field
from relumix.dataset.light_stage.sdf.light import Hit, Lamps, Lit, SkyLight
from relumix.dataset.light_stage.sdf.scene import HOUSES, Float32
from relumix.dataset.light_stage.sdf.surface import Place, surface
from relumix.dataset.light_stage.sdf.table import ROW, Row, Tables

_OFF_SURFACE, _OFF_SURFACE_FAR = 0.004, 0.0015
_HIDDEN_SHARE, _HIDDEN = 0.006, 0.02
_SKY_DISTANCE = 2000.0


@dataclass(frozen=True)
class Frames:
    """F frames of L lights, as flat arrays of Dr.Jit, which pass to torch by DLPack and to numpy.

    radiance, irradiance  [L, 3, F, H, W, S] scene-linear Rec.709, S samples a pixel, the first at its middle; the dome
                          first. Irradiance is what arrives, radiance what is seen. Each light adds to the others.
    seen                  [L, F, H, W, S] 0..1, the share of a light that no shadow takes; of the dome, how open it is.
    albedo, normal        [3, F, H, W, S]; the normal in the camera's space: right, up, towards the camera.
    distance              [F, H, W, S] along the ray, infinite where there is nothing but sky.
    depth                 the same along the optical axis.
    owner                 [F, H, W, S] UInt32, what is seen (see scene.FIRST_THING).
    points                [3, F, H, W, S] in the world.
    """

    radiance: Any
    irradiance: Any
    seen: Any
    albedo: Any
    normal: Any
    distance: Any
    depth: Any
    owner: Any
    points: Any
    shape: tuple[int, int, int, int]


@dataclass(frozen=True)
class _Rays:
    """A ray for each sample: the number of its frame, where it starts and its unit way."""

    frame: Any
    origin: Any
    way: Any
    row: Row
    angle: Any
    """How wide a pixel is at a distance of 1."""


class Renderer:
    """Renders frames. It keeps the bank of textures in the backend's memory, and nothing of a scene."""

    def __init__(self, types: Types, bank: Float32, size: tuple[int, int], samples: int = 1) -> None:
        """`bank`: see textures.bank; `size` is (width, height) in pixels; `samples` a pixel, spread over it."""
        self.types, self.size, self.samples = types, size, samples
        self._texels = types.Float(bank.ravel())

    def render(self, made: Tables) -> Frames:
        """Render frames in one launch. Nothing waits for it: arrays are computed when they are asked for."""
        rays = self._rays(made.rows, len(made.rows), self.samples)
        field = Field(self.types, rays.row)
        distance = field.march(rays.origin, rays.way, self.types.Float(FAR))
        hits = distance < FAR
        point = rays.origin + rays.way * distance
        normal = field.normal(point, 6e-4 + 5e-4 * distance)
        owner = field.owner(point)
        hit = self._hit(made, rays, point, normal, owner, distance)
        lights = made.lamps.shape[1] + 1
        lit = self._lights(made, rays, field, hit, hits, lights)
        ahead, right, up = (rays.row.vector(name) for name in ("ahead", "right", "up"))
        towards = self.types.Array3f(dr.dot(normal, right), dr.dot(normal, up), -dr.dot(normal, ahead))
        nothing = self.types.Float(dr.inf)
        shape = (len(made.rows), self.size[1], self.size[0], self.samples)
        planes = (
            dr.select(hits, hit.surface.albedo, 0),
            dr.select(hits, towards, 0),
            dr.select(hits, distance, nothing),
            dr.select(hits, distance * dr.dot(rays.way, ahead), nothing),
            owner,
            rays.origin + rays.way * dr.select(hits, distance, _SKY_DISTANCE),
        )
        dr.eval(*lit, *planes)
        radiance, irradiance, seen = lit
        return Frames(radiance, irradiance, seen, *planes, shape=shape)

    def follow(self, frames: Frames, made: Tables, there: Tables) -> tuple[Any, Any, Any]:
        """Return where what `frames` (of `made`) show is in the frames of `there`: x, y in pixels, and whether seen.

        All are flat, [F, H, W, S]. A pixel's middle is at (x + 0.5, y + 0.5). Each frame of `there` belongs to the same
        scene as its partner in `made`. Not seen is what is hidden, or out of the picture. Sky stays with the sky.
        """
        types = self.types
        count = dr.opaque(types.UInt32, made.places.shape[1])
        number = self._numbers(len(made.rows), self.samples)[0]
        before = Place(types, types.Float(made.places.ravel()), count)
        after = Place(types, types.Float(there.places.ravel()), count)
        sky = frames.distance == dr.inf
        owner = dr.select(sky, 0, frames.owner)
        point = after.out_of(number, owner, before.into(number, owner, frames.points))
        row = self._row(there.rows, number, len(there.rows))
        eye, right, up, ahead = (row.vector(name) for name in ("eye", "right", "up", "ahead"))
        width, height = (types.Float(side) for side in self.size)
        offset = point - eye
        depth = dr.dot(offset, ahead)
        scale = width * 0.5 / (row.number("lens") * dr.maximum(depth, 1e-3))
        x, y = dr.dot(offset, right) * scale + width * 0.5, height * 0.5 - dr.dot(offset, up) * scale
        away = dr.norm(offset)
        met = Field(types, row).march(eye, offset / away, dr.minimum(away, types.Float(FAR)))
        inside = (depth > 1e-3) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
        hidden = met < dr.minimum(away * (1 - _HIDDEN_SHARE) - _HIDDEN, FAR - 1)
        seen = types.Float(inside & ~hidden)
        dr.eval(x, y, seen)
        return x, y, seen

    def _numbers(self, frames: int, samples: int) -> tuple[Any, Any, Any, Any]:
        """Return frame, column, row and sample of each ray. Sizes are arguments, not parts of the kernel."""
        types = self.types
        width, height, count = (dr.opaque(types.UInt32, n) for n in (*self.size, samples))
        ray = dr.arange(types.UInt32, frames * self.size[0] * self.size[1] * samples)
        pixel = ray // count
        line = pixel // width
        return line // height, pixel - line * width, line - (line // height) * height, ray - pixel * count

    def _row(self, rows: Any, number: Any, frames: int) -> Row:
        # One frame's numbers are the same for all rays, which is faster than to look them up for each.
        return Row(self.types, self.types.Float(rows.ravel()), number * ROW if frames > 1 else self.types.UInt32(0))

    def _rays(self, rows: Any, frames: int, samples: int) -> _Rays:
        types = self.types
        number, column, line, sample = self._numbers(frames, samples)
        row = self._row(rows, number, frames)
        k = types.Float(sample)
        # Roberts' R2 sequence: evenly spread for any number of samples.
        aside, down = (k * step + 0.5 for step in (0.7548776662, 0.5698402910))
        x = types.Float(column) + aside - dr.floor(aside)
        y = types.Float(line) + down - dr.floor(down)
        width, height = (dr.opaque(types.Float, side) for side in self.size)
        lens = row.number("lens")
        across, over = (2 * x - width) / width * lens, (height - 2 * y) / width * lens
        way = dr.normalize(row.vector("ahead") + row.vector("right") * across + row.vector("up") * over)
        return _Rays(number, row.vector("eye"), way, row, 2 * lens / width)

    def _hit(self, made: Tables, rays: _Rays, point: Any, normal: Any, owner: Any, distance: Any) -> Hit:
        types = self.types
        count = dr.opaque(types.UInt32, made.places.shape[1])
        place = Place(types, types.Float(made.places.ravel()), count)
        own, own_normal = place.into(rays.frame, owner, point), place.into_way(rays.frame, owner, normal)
        facing = dr.maximum(-dr.dot(normal, rays.way), 0.15)
        seen = surface(
            types,
            types.Float(made.materials.ravel()),
            self._texels,
            rays.frame * count + owner,
            own,
            own_normal,
            distance * rays.angle / facing,
            dr.select(owner == HOUSES, self._tone(rays.row, point), 1),
        )
        off = point + normal * (_OFF_SURFACE + _OFF_SURFACE_FAR * distance)
        return Hit(off, normal, -rays.way, seen, rays.row.vector("bounce"))

    def _tone(self, row: Row, point: Any) -> Any:
        """How dark a house is among its row."""
        period, start = row.number("houses", 4), row.number("houses", 5)
        house = dr.round((point.y - start) / period) * 2 + dr.select(point.x > 0, 1.0, 0.0)
        mixed = house * 0.6180339887
        return 0.45 + 0.75 * (mixed - dr.floor(mixed))

    def _lights(self, made: Tables, rays: _Rays, field: Field, hit: Hit, hits: Any, lights: int) -> list[Any]:
        """Return radiance, irradiance and the seen share of every light."""
        types = self.types
        width = dr.width(rays.way)
        radiance, irradiance = (dr.zeros(types.Float, lights * 3 * width) for _ in range(2))
        seen = dr.zeros(types.Float, lights * width)
        # An argument, since a number would make another kernel for every size.
        ray, rays_in_all = dr.arange(types.UInt32, width), dr.opaque(types.UInt32, width)

        def keep(lit: Lit, light: Any, background: Any) -> None:
            for k in range(3):
                index = (light * 3 + k) * rays_in_all + ray
                dr.scatter(radiance, dr.select(hits, lit.radiance[k], background[k]), index)
                dr.scatter(irradiance, dr.select(hits, lit.irradiance[k], 0), index)
            dr.scatter(seen, dr.select(hits, lit.seen, 0), light * rays_in_all + ray)

        sky = SkyLight(types, rays.row)
        keep(sky.light(field, hit), types.UInt32(0), sky.radiance(rays.way))
        lamps, count = Lamps(types, types.Float(made.lamps.ravel())), dr.opaque(types.UInt32, lights - 1)

        def going_on(lamp: Any) -> Any:
            return lamp < count

        def shine(lamp: Any) -> tuple[Any]:
            keep(lamps.light(field, hit, rays.frame * count + lamp), lamp + 1, types.Array3f(0))
            return (lamp + 1,)

        if lights > 1:
            dr.while_loop((dr.zeros(types.UInt32, width),), going_on, shine)
        return [radiance, irradiance, seen]


def as_numpy(array: Any) -> np.ndarray[Any, Any]:
    """Return a Dr.Jit array as numpy."""
    return np.asarray(array.numpy())
