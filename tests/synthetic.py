"""Tiny shots with known answers: a textured plane, a square that passes over it, and light that is a formula.

Everything is a function of continuous scene coordinates, so a pan by a fraction of a pixel is as exact as one by whole
pixels, and the light of every frame, the motion between any two, and what they have in common are known, not estimated.

x points right and y down, in pixels; the plane's (0, 0) is the centre of the top left pixel of the first frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

Light = Callable[[Float64, Float64], Float64]
"""Surface x, y [h, w] in pixels to stops of gain [h, w, 3]."""

MID_GREY = 0.18


@dataclass(frozen=True)
class SyntheticShot:
    """A shot and its answers. Every dict goes by frame number.

    plate       [h, w, 3 or 4] float32, scene-linear; with alpha it is premultiplied.
    truth       the same frames under the target light: plate * 2^stops, alpha and non-finite pixels as in the plate.
    stops       [h, w, 3] float32: log2 gain from plate to truth.
    on_square   [h, w] bool: where the frame shows the square.
    """

    plate: dict[int, Float32]
    truth: dict[int, Float32]
    stops: dict[int, Float32]
    on_square: dict[int, Mask]
    _offsets: dict[int, tuple[Float64, Float64]] = field(repr=False)

    @property
    def frames(self) -> list[int]:
        """The frame numbers, ascending."""
        return sorted(self.plate)

    def motion(self, frame: int, other: int) -> Float64:
        """[h, w, 2]: where the surface at each pixel of `frame` lies in `other`, as an offset (dx, dy) in pixels."""
        plane, square = (here - there for here, there in zip(self._offsets[frame], self._offsets[other], strict=True))
        return np.where(self.on_square[frame][..., None], square, plane)

    def seen(self, frame: int, other: int) -> Mask:
        """[h, w]: whether `other` shows the surface at each pixel of `frame`, in every pixel that touches its place."""
        height, width = self.on_square[frame].shape
        y, x = np.mgrid[0:height, 0:width]
        place = np.stack([x, y], axis=-1) + self.motion(frame, other)
        low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
        seen = ((low >= 0) & (high < (width, height))).all(axis=-1)
        columns = np.clip([low[..., 0], high[..., 0]], 0, width - 1)
        rows = np.clip([low[..., 1], high[..., 1]], 0, height - 1)
        for row in rows:
            for column in columns:
                seen = seen & (self.on_square[other][row, column] == self.on_square[frame])
        return np.asarray(seen)


def make_shot(
    *,
    size: tuple[int, int] = (64, 48),
    frames: Sequence[int] = range(1001, 1009),
    pan: tuple[float, float] = (2.0, 0.0),
    square_px: float = 0.0,
    square_step: tuple[float, float] = (-3.0, 1.0),
    light: Light | None = None,
    light_end: Light | None = None,
    references: tuple[int, int] | None = None,
    exposure_stops: float = 0.0,
    grain_stops: float = 0.0,
    alpha: bool = False,
    bad_pixels: int = 0,
    seed: int = 0,
) -> SyntheticShot:
    """Make a shot.

    size            width, height in pixels.
    frames          frame numbers; motion goes by the number, so a gap is a jump.
    pan             how far the camera moves over the plane, in pixels a frame: the picture moves the other way.
    square_px       side of the square, 0 for none. It is in the middle of the picture half way through the shot.
    square_step     how far the square moves in the picture, in pixels a frame.
    light           attached to the surfaces, plane and square each by its own coordinates; `smooth_light` when None.
    light_end       when given, the light goes from `light` at references[0] to this at references[1], linearly in
                    stops, and stays what it is before and after.
    references      the two frames meant by light_end; the first and the last when None.
    exposure_stops  0 puts the middle of the plate's values near MID_GREY; highlights are 3 stops above.
    grain_stops     standard deviation of grain in the plate, in stops, new in every frame and channel. The truth
                    carries the plate's grain.
    alpha           adds an alpha channel, a disc with a soft edge that stays where it is, and premultiplies by it.
    bad_pixels      how many pixels of each frame are NaN, +Inf or -Inf, at random places.
    """
    ordered = sorted(frames)
    first, last = references or (ordered[0], ordered[-1])
    half_way, middle = (ordered[0] + ordered[-1]) // 2, (np.asarray(size) - square_px) // 2
    start = light or smooth_light(size, seed=seed + 1)
    shot = SyntheticShot({}, {}, {}, {}, {})
    for frame in ordered:
        plane, square = (frame - ordered[0]) * np.asarray(pan), (half_way - frame) * np.asarray(square_step) - middle
        x, y, on_square = _surface(size, plane, square, square_px)
        stops = start(x, y)
        if light_end is not None:
            share = float(np.clip((frame - first) / max(last - first, 1), 0, 1))
            stops = (1 - share) * stops + share * light_end(x, y)
        random = np.random.default_rng([seed, frame % 2**32])
        picture = np.where(on_square[..., None], _texture(x, y, seed + 3), _texture(x, y, seed + 2))
        grain = grain_stops * random.standard_normal(picture.shape)
        plate = (MID_GREY * np.exp2(picture + exposure_stops + grain)).astype(np.float32)
        if alpha:
            matte = _matte(size)
            plate = np.concatenate([plate * matte, matte], axis=-1)
        _spoil(plate, bad_pixels, random)
        shot.plate[frame] = plate
        shot.stops[frame] = stops.astype(np.float32)
        shot.truth[frame] = relit(plate, shot.stops[frame])
        shot.on_square[frame] = on_square
        shot._offsets[frame] = plane, square
    return shot


def relit(plate: Float32, stops: Float32) -> Float32:
    """The plate [h, w, 3 or 4] with stops [h, w, 3] of light added to its RGB."""
    result: Float32 = plate.copy()
    result[..., :3] = plate[..., :3] * np.exp2(stops)
    return result


def smooth_light(size: tuple[int, int], *, spread_stops: float = 1.5, seed: int = 1) -> Light:
    """Broad light with a colour to it, about as wide as the picture, of spread_stops up and down."""
    x_per_radian, y_per_radian = np.asarray(size) / math.tau
    phase = np.random.default_rng(seed).uniform(0, math.tau, size=(2, 3)) * (1, 0.1, 0.1)

    def stops(x: Float64, y: Float64) -> Float64:
        across = np.sin((0.8 * x / x_per_radian)[..., None] + phase[0])
        down = np.sin((0.6 * y / y_per_radian)[..., None] + phase[1])
        return np.asarray(spread_stops * (0.6 * across + 0.4 * down))

    return stops


def shadow_light(at_x: float, *, lit_stops: float = 1.0, shadow_stops: float = -3.0, edge_px: float = 1.0) -> Light:
    """Warm light left of at_x, cool shadow right of it, and a slanting edge between that is edge_px wide."""
    lit = lit_stops + np.array([0.4, 0.0, -0.5])
    shadow = shadow_stops + np.array([-0.3, 0.0, 0.4])

    def stops(x: Float64, y: Float64) -> Float64:
        share = np.clip((x + 0.25 * y - at_x) / edge_px + 0.5, 0, 1)[..., None]
        return np.asarray((1 - share) * lit + share * shadow)

    return stops


def grade_light(*gains: float) -> Light:
    """The same gain everywhere: one number for all channels, or three. Not light at all, but a grade."""
    stops = np.log2(np.broadcast_to(np.asarray(gains, np.float64), 3))
    return lambda x, y: np.broadcast_to(stops, (*x.shape, 3)).copy()


def _surface(size: tuple[int, int], plane: Float64, square: Float64, square_px: float) -> tuple[Float64, Float64, Mask]:
    """Where each pixel is on the surface that it shows, x and y [h, w], and whether that is the square."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float64)
    square_x, square_y = x + square[0], y + square[1]
    on_square = (square_x >= 0) & (square_x < square_px) & (square_y >= 0) & (square_y < square_px)
    return np.where(on_square, square_x, x + plane[0]), np.where(on_square, square_y, y + plane[1]), on_square


def _texture(x: Float64, y: Float64, seed: int) -> Float64:
    """Stops around mid-grey [h, w, 3] of a surface: waves of 8 to 40 px in random directions, and a few highlights."""
    random = np.random.default_rng(seed)
    waves = 24
    length_px = np.geomspace(8, 40, waves)
    direction, phase = random.uniform(0, math.tau, size=(2, waves))
    tint = random.uniform(0.4, 1.0, size=(waves, 3))
    along = (x[..., None] * np.cos(direction) + y[..., None] * np.sin(direction)) * math.tau / length_px
    pattern = 0.3 * np.sin(along + phase) @ tint
    return np.asarray(pattern + 3 / (1 + np.exp(-4 * (pattern.mean(axis=-1, keepdims=True) - 1.6))))


def _matte(size: tuple[int, int]) -> Float32:
    """[h, w, 1]: a disc that reaches the nearer edges, 1 inside, falling to 0 over 4 px."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    distance_px = np.hypot(x - (size[0] - 1) / 2, y - (size[1] - 1) / 2)
    return np.asarray(np.clip((min(size) / 2 - distance_px) / 4, 0, 1), np.float32)[..., None]


def _spoil(plate: Float32, bad_pixels: int, random: np.random.Generator) -> None:
    """Overwrite bad_pixels pixels' RGB, in place, with NaN, +Inf and -Inf in turn."""
    height, width = plate.shape[:2]
    places = random.choice(height * width, size=bad_pixels, replace=False)
    values = np.resize(np.array([np.nan, np.inf, -np.inf], np.float32), bad_pixels)
    plate[places // width, places % width, :3] = values[:, None]
