"""Shadows by marching rays through the depth of the picture.

A ray from a surface point to a light is a straight line in the picture too, along which the inverse of depth changes
linearly: that is what perspective leaves straight. It is walked from pixel to pixel, over whole blocks of pixels where
it passes in front of all that they show (Uludag, "Hi-Z Screen-Space Cone-Traced Reflections", GPU Pro 5, 2014), so
that nothing on its way is stepped over, however thin.

Only what the picture shows can throw a shadow, and what is behind a surface is not known. A thing is taken to be as
thick as it is wide, by how far the nearest edge is beyond which something farther is seen: a pole is thin and a wall
is not. `thickness` is the most. A ray that passes further behind is not stopped.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.reference.lights.beyond import Beyond
from relumix.reference.lights.camera import Camera
from relumix.types import Float32

Mask = NDArray[np.bool_]

_START_PX = 1.0
"""Where a ray starts, in pixels from its own: a surface does not hide its own light."""

_SLACK = 2e-3
"""Share of its depth that a point has to be behind a surface by, at least; it grows with the size of a pixel."""

_SLACK_PX = 1.0
_EDGE_SHARE = 0.03
_BEND_SHARE = 0.3
"""A step of inverse depth from pixel to pixel is an edge if it is more than the first, over itself, and differs from
the next step by more than the second, over the step."""

_NUDGE_PX = np.float32(1e-3)


@dataclass(frozen=True)
class DepthScreen:
    """The depth of a picture, ready to be marched through.

    inverse        [h, w] float32: 1 / depth; 0 where there is nothing.
    slope          [h, w] float32, twice: how it changes across and down, a pixel, within a surface.
    slack          share of the inverse depth that a ray has to fall short of it by to be behind.
    back           [h, w] float32: what the inverse depth is less at the back of what is seen.
    nearest_depth  nothing is nearer.
    beyond         the planes in which surfaces at the picture's border go on; None: they do not.
    levels         the largest inverse depth in blocks of 1, 2, 4 ... pixels, all in one array; `starts` is where each
                   level begins, and `strides` its width.
    """

    camera: Camera
    inverse: Float32
    slope: tuple[Float32, Float32]
    slack: np.float32
    back: Float32
    nearest_depth: float
    beyond: Beyond | None
    levels: Float32
    starts: NDArray[np.int32]
    strides: NDArray[np.int32]

    @classmethod
    def of(cls, camera: Camera, depth: Float32, known: Mask, thickness: float, *, beyond: bool = False) -> DepthScreen:
        """Build it. depth [h, w] float32 above 0 where known [h, w]; thickness: the most, in units of depth."""
        inverse = np.where(known, 1 / np.maximum(depth, np.float32(1e-20)), 0).astype(np.float32)
        levels = [inverse]
        while max(levels[-1].shape) > 1:
            levels.append(_halved(levels[-1]))
        sizes = [level.size for level in levels]
        slack = max(_SLACK, _SLACK_PX / camera.focal_px)
        nearest = float(depth[known].min()) if known.any() else 1.0
        return cls(
            camera,
            inverse,
            (_slope(inverse, 1), _slope(inverse, 0)),
            np.float32(slack),
            _back(inverse, thickness, camera.focal_px),
            nearest,
            Beyond.of(camera, inverse) if beyond else None,
            np.concatenate([level.ravel() for level in levels]),
            np.cumsum([0, *sizes[:-1]]).astype(np.int32),
            np.array([level.shape[1] for level in levels], np.int32),
        )

    def hidden(self, points: Float32, targets: Float32) -> Mask:
        """Return which of the ways from points [n, 3] to targets [n, 3] something in the picture stops, [n]."""
        rays = self._rays(points, targets)
        out = np.zeros(len(points), np.bool_)
        out[rays.number[self._stopped(rays)]] = True
        if self.beyond is not None:
            out |= self.beyond.hidden(points, targets)
        return out

    def _rays(self, points: Float32, targets: Float32) -> _Rays:
        """Return the rays as lines in the picture, without those that leave it before they can meet anything."""
        start, end = (self.camera.homogeneous(each) for each in (points, targets))
        # Nothing is nearer than the nearest surface, and behind the camera nothing is a line in the picture any more.
        near = 0.99 * self.nearest_depth
        with np.errstate(all="ignore"):
            share = np.where(end[:, 2] < near, (start[:, 2] - near) / (start[:, 2] - end[:, 2]), 1.0)
        end = start + (end - start) * np.clip(share, 0, 1)[:, None]
        first, last = start[:, :2] / start[:, 2:], end[:, :2] / end[:, 2:]
        way = last - first
        length = np.abs(way).max(-1)
        with np.errstate(all="ignore"):
            step = way / length[:, None]
            change = (1 / end[:, 2] - 1 / start[:, 2]) / length
            size = np.array(self.inverse.shape[::-1])
            leaves = np.where(step > 0, (size - 0.5 - first) / step, (-0.5 - first) / step)
            leaves = np.where(step == 0, np.inf, leaves).min(-1)
        stop = np.minimum(length, leaves - 2 * _NUDGE_PX)
        number = np.flatnonzero(stop > _START_PX)
        values = first[:, 0], first[:, 1], step[:, 0], step[:, 1], 1 / start[:, 2], change, stop
        return _Rays(number, *(each[number].astype(np.float32) for each in values))

    def _stopped(self, rays: _Rays) -> NDArray[np.intp]:
        """Return the places, in `rays`, of those that are stopped."""
        place: NDArray[np.intp] = np.arange(len(rays.number))
        travelled: Float32 = np.full(len(place), _START_PX, np.float32)
        level: NDArray[np.int32] = np.zeros(len(place), np.int32)
        stopped = []
        top = len(self.starts) - 1
        while len(place):
            block = _Block.at(self, rays, travelled, level)
            clear = np.minimum(block.enters, block.leaves) > block.nearest * (1 - self.slack)
            finest = ~clear & (level == 0)
            hits = np.zeros(len(place), np.bool_)
            if finest.any():
                hits[finest] = self._meets(rays, block, travelled, finest)
            on = clear | finest
            travelled = np.where(on, block.exit, travelled)
            level = np.where(clear, np.minimum(level + 1, top), np.maximum(level - 1, 0)).astype(np.int32)
            stopped.append(place[hits])
            goes_on = ~hits & (travelled < rays.stop)
            if not goes_on.all():
                place, travelled, level = place[goes_on], travelled[goes_on], level[goes_on]
                rays = rays.of(goes_on)
        return np.concatenate(stopped) if stopped else place

    def _meets(self, rays: _Rays, block: _Block, travelled: Float32, chosen: Mask) -> Mask:
        """Tell which of the chosen rays go into what their pixel shows, and not past behind it."""
        pixel = block.index[chosen]
        inverse = self.inverse.ravel()[pixel]
        across, down = (each.ravel()[pixel] for each in self.slope)
        column, row = block.column[chosen].astype(np.float32), block.row[chosen].astype(np.float32)
        x, y, dx, dy = rays.x[chosen], rays.y[chosen], rays.dx[chosen], rays.dy[chosen]
        gaps = []
        for at, ray in ((travelled[chosen], block.enters[chosen]), (block.exit[chosen], block.leaves[chosen])):
            gaps.append(ray - inverse - across * (x + dx * at - column) - down * (y + dy * at - row))
        behind = np.minimum(*gaps) < -self.slack * inverse
        return np.asarray(behind & (np.maximum(*gaps) > -self.back.ravel()[pixel]))


@dataclass(frozen=True)
class _Rays:
    """Lines in the picture: where they start, their step (1 along the longer side), 1 / depth and how it changes.

    number  of each ray among those that were asked for; stop: how far they go within the picture, in steps.
    """

    number: NDArray[np.intp]
    x: Float32
    y: Float32
    dx: Float32
    dy: Float32
    inverse: Float32
    change: Float32
    stop: Float32

    def of(self, chosen: Mask) -> _Rays:
        return _Rays(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class _Block:
    """The blocks that rays are in: where in `levels`, and what of them is known. exit: where the rays leave them."""

    index: NDArray[np.intp]
    column: NDArray[np.int32]
    row: NDArray[np.int32]
    exit: Float32
    enters: Float32
    leaves: Float32
    nearest: Float32

    @classmethod
    def at(cls, screen: DepthScreen, rays: _Rays, travelled: Float32, level: NDArray[np.int32]) -> _Block:
        x, y = rays.x + rays.dx * travelled + np.float32(0.5), rays.y + rays.dy * travelled + np.float32(0.5)
        # Positions that are a little off their pixels may lie outside of the picture.
        height, width = screen.inverse.shape
        column, row = (at.astype(np.int32).clip(0, most - 1) >> level for at, most in ((x, width), (y, height)))
        ends = []
        for cell, start, step in ((column, rays.x, rays.dx), (row, rays.y, rays.dy)):
            edge = ((cell + (step > 0)) << level).astype(np.float32) - np.float32(0.5) - start
            with np.errstate(all="ignore"):
                ends.append(np.where(step == 0, np.float32(np.inf), edge / step))
        out = np.minimum(np.minimum(*ends), rays.stop)
        out = np.maximum(out, travelled) + _NUDGE_PX
        index = screen.starts[level] + row * screen.strides[level] + column
        enters, leaves = (rays.inverse + rays.change * at for at in (travelled, out))
        return cls(index, column, row, out, enters, leaves, screen.levels[index])


def _halved(values: Float32) -> Float32:
    """Return the largest of each block of 2x2 (less at the right and the bottom)."""
    height, width = values.shape
    padded = np.pad(values, ((0, height % 2), (0, width % 2)))
    return np.asarray(np.maximum.reduce([padded[y::2, x::2] for y in (0, 1) for x in (0, 1)]))


def _slope(inverse: Float32, axis: int) -> Float32:
    """Return the change of inverse depth a pixel along an axis, within the surface; 0 where there are edges all round.

    On a plane it is the same everywhere. So a step counts that is small, or like the one beyond it; of two the smaller.
    """
    step = np.diff(inverse, axis=axis)

    def shifted(before: int) -> Float32:
        # The step before each pixel (1), or that before it (2); the one after (0), or that after it (-1).
        wide = np.pad(step, [(2, 2) if i == axis else (0, 0) for i in (0, 1)], constant_values=np.inf)
        start = 2 - before
        return wide[tuple(slice(start, start + inverse.shape[i]) if i == axis else slice(None) for i in (0, 1))]

    best: Float32 = np.full(inverse.shape, np.inf, np.float32)
    for near, far in ((1, 2), (0, -1)):
        own, beyond = shifted(near), shifted(far)
        with np.errstate(invalid="ignore"):
            sound = (np.abs(own) <= _EDGE_SHARE * inverse) | (np.abs(own - beyond) <= _BEND_SHARE * np.abs(own))
        better = sound & (np.abs(own) < np.abs(best))
        best = np.where(better, own, best)
    return np.where(np.isfinite(best), best, 0).astype(np.float32)


def _back(inverse: Float32, most: float, focal_px: float) -> Float32:
    """Return what the inverse depth is less at the back of things than in front, [h, w]: they are as thick as wide."""
    farthest = cv2.erode(inverse, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    edge = (inverse > 0) & (farthest < inverse * (1 - _EDGE_SHARE))
    depth = 1 / np.maximum(inverse, np.float32(1e-20))
    thickness = np.full(inverse.shape, most, np.float32)
    if edge.any():
        away, label = cv2.distanceTransformWithLabels(
            (~edge).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE, labelType=cv2.DIST_LABEL_PIXEL
        )
        of_label = np.zeros(int(label.max()) + 1, np.float32)
        of_label[label[edge]] = inverse[edge]
        # The edge of something nearer, which is before this surface, says nothing of it.
        own = of_label[label] <= inverse * (1 + _EDGE_SHARE)
        wide = 2 * (away + 1) * depth / np.float32(focal_px)
        thickness = np.where(own, np.minimum(wide, most), thickness).astype(np.float32)
    return np.asarray(inverse - inverse / (1 + thickness * inverse), np.float32)
