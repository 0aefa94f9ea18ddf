"""Maps of a frame (position, normal, depth, albedo), read from its own channels or from files, at a proxy's size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import srgb_decode
from relumix.errors import InputError
from relumix.gain.downsample import Canvas
from relumix.shot.assumed import is_coded, is_of_movie
from relumix.shot.box import Box
from relumix.shot.channels import choose
from relumix.shot.geometry_channels import Channels, find
from relumix.shot.images import ImageError, data_window, display_window, opened, pixels_of
from relumix.shot.layout import layout_of
from relumix.shot.picture import Picture
from relumix.types import Float32

_AVERAGE_TAPS = 4


@dataclass(frozen=True)
class Map:
    """Values [H, W, c] float32 on a data window of a file with a display window. name: what to call it in errors."""

    values: Float32
    data_window: Box
    display_window: Box
    name: str

    def at(self, canvas: Canvas, plate: Box, *, average: bool = False) -> tuple[Float32, NDArray[np.bool_]]:
        """Return it at a proxy's size, [h, w, c], and where it has a value, [h, w].

        plate    the plate's display window, which the file's own covers whatever its size is.
        average  of what a pixel covers; else the value nearest to its middle, since the mean of a near and a far point
                 is a place where nothing is.
        """
        taps = _AVERAGE_TAPS if average else 1
        offsets = (np.arange(taps) + 0.5) / taps - 0.5
        total = np.zeros((canvas.height, canvas.width, self.values.shape[2]), np.float32)
        count = np.zeros((canvas.height, canvas.width, 1), np.float32)
        for down in offsets:
            for aside in offsets:
                values, inside = self._nearest(canvas, plate, float(aside), float(down))
                total += np.where(inside[..., None], values, 0)
                count += inside[..., None]
        mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
        return mean, count[..., 0] > 0

    def _nearest(self, canvas: Canvas, plate: Box, aside: float, down: float) -> tuple[Float32, NDArray[np.bool_]]:
        def places(count: int, shift: float, start: int, whole: int, sides: tuple[int, int, int, int]) -> Any:
            plate_start, plate_size, own_start, own_size = sides
            on_plate = start + (np.arange(count) + 0.5 + shift) * (whole / count)
            return np.floor((on_plate - plate_start) * (own_size / plate_size) + own_start).astype(np.intp)

        window, own, data = canvas.window, self.display_window, self.data_window
        columns = places(canvas.width, aside, window.x, window.width, (plate.x, plate.width, own.x, own.width)) - data.x
        rows = places(canvas.height, down, window.y, window.height, (plate.y, plate.height, own.y, own.height)) - data.y
        height, width = self.values.shape[:2]
        inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
        values = self.values[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)]
        return values, inside & np.isfinite(values).all(-1)


def own_map(picture: Picture, channels: Channels) -> Map:
    """Return a map that a plate's frame has itself."""
    level = picture.contents.parts[channels.part].levels[0]
    planes = [
        plane.pixels[..., plane.channels.index(index)]
        for index in channels.indices
        for plane in level.planes
        if index in plane.channels
    ]
    values = np.stack(planes, -1).astype(np.float32)
    return Map(values, level.window, picture.display_window, f"{', '.join(channels.names)} of {picture.path}")


def file_map(path: Path, role: str, depth_codes: tuple[float, float] | None = None) -> Map:
    """Return a map that a file holds: the channels of that name in it, or its picture, or (depth) its only channel.

    role         "position", "normal", "depth" or "albedo". Of codes, as whole numbers and movies are, an albedo is sRGB
                 and a normal is 2 * value - 1.
    depth_codes  the depth of codes 0 and 1, between which it is linear; None: a file of depth holds no codes.

    Raises InputError.
    """
    try:
        with opened(path, unassociated=True) as image:
            layout = layout_of(image, path)
            if layout.deep:
                raise InputError(f"{path} is a deep image: expected a flat one with {role}")
            channels = find(layout.names).get(role) or _picture(layout.names, role, path)
            spec = layout.specs[channels.part][0]
            first, last = min(channels.indices), max(channels.indices)
            pixels = pixels_of(image, channels.part, 0, range(first, last + 1), "float")
            coded = is_coded(layout.format, spec)
            windows = data_window(spec), display_window(spec)
    except ImageError as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    values = np.ascontiguousarray(pixels[..., [index - first for index in channels.indices]], np.float32)
    if coded and role == "position":
        raise InputError(f"{path} holds {_codes(spec)}, which are no positions: expected half or float")
    if role == "depth" and depth_codes is not None:
        black, white = depth_codes
        values = np.float32(black) + (np.float32(white) - np.float32(black)) * values
    elif coded and role == "depth":
        raise InputError(
            f"{path} holds {_codes(spec)}, which say no distance: expected depth in half or float, in the units of the "
            "rig, or --depth-codes with the depth of black and of white, such as 10,1"
        )
    if coded and role == "albedo":
        values = srgb_decode(values)
    if coded and role == "normal":
        values = 2 * values - 1
    return Map(values, *windows, str(path))


def _codes(spec: Any) -> str:
    return "the colours of a movie" if is_of_movie(spec) else "whole numbers"


def _picture(parts: Any, role: str, path: Path) -> Channels:
    if role == "depth":
        if parts[0].channels:
            return Channels(0, (0,), parts[0].channels[:1])
        raise InputError(f"{path} has no channels: expected depth")
    choice = choose(parts, None, None, str(path))
    return Channels(choice.part, choice.rgb, tuple(parts[choice.part].channels[index] for index in choice.rgb))
