"""Measures how a relit frame lies on its plate's frame: shifted, scaled, a part of it, or another picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from relumix.shot.box import Box
from relumix.shot.likeness import (
    LIKE,
    UNLIKE,
    correlate,
    edges_of,
    find,
    log_luminance,
    shift_between,
    shrunk,
    stands_out,
)
from relumix.shot.picture import Picture
from relumix.shot.placing import Place, on, scaled
from relumix.types import Float32

_FINE_PX, SMALL_PX = 1024, 256
"""Least long edges at which tiles are compared, and whole pictures."""

_TILE_PX, _TILES = 128, (7, 5)
_LEAST_TILES = 5
_AGREEING_SHARE = 0.6
_NOTICEABLE_PX = 0.6

_SCALES = 0.96 ** np.arange(1, 35)
"""Of a picture that may be a part of the plate, to the plate's width: down to a quarter."""

_LEAST_PX = 64
"""Of the short edge: smaller pictures show too little to be found in another."""

_FOUND = 16.0
"""Least peak of a part that is found at the best of all scales: chance reaches 8 to 11, crops of plates 40 to 70."""

_CLEARLY = 1.3


@dataclass(frozen=True)
class Fit:
    """How a relit frame lies on its plate's frame, both [h, w].

    shift     x and y: by how many pixels its middle lies to the right of the plate's and below it.
    scale     x and y: how many times as large as the plate it shows things.
    size      width and height of both.
    residual  how far things lie apart where that does not tell, the median over tiles, in pixels.
    """

    shift: tuple[float, float]
    scale: tuple[float, float]
    size: tuple[int, int]
    residual: float

    @property
    def off_px(self) -> float:
        """How far the farthest corner lies from where it should."""
        return max(
            abs(shift) + abs(scale - 1) * size / 2
            for shift, scale, size in zip(self.shift, self.scale, self.size, strict=True)
        )

    @property
    def is_scaled(self) -> bool:
        """Whether the scale alone moves an edge noticeably."""
        return any(abs(k - 1) * size / 2 > _NOTICEABLE_PX for k, size in zip(self.scale, self.size, strict=True))

    def __str__(self) -> str:
        shifted = f"shifted by {self.shift[0]:.1f}, {self.shift[1]:.1f} pixels"
        across, down = self.scale
        if not self.is_scaled:
            return shifted
        scale = f"{across:.3f}" if abs(across - down) * max(self.size) / 2 < 1 else f"{across:.3f} by {down:.3f}"
        return f"scaled by {scale} and {shifted}"


def measure(plate: Float32, relit: Float32) -> Fit | None:
    """Return how a relit frame lies on a plate's, both [h, w, 3]; None where too little is alike to tell."""
    step = max(1, max(plate.shape[:2]) // _FINE_PX)
    small = [log_luminance(shrunk(np.nan_to_num(each), _FINE_PX)) for each in (plate, relit)]
    tiles = np.array(_tiles(*small)).reshape(-1, 4) * step
    if len(tiles) < _LEAST_TILES:
        return None
    height, width = plate.shape[:2]
    (kx, x), (ky, y) = (_line(tiles[:, i] - size / 2, tiles[:, 2 + i]) for i, size in enumerate((width, height)))
    left = np.abs(tiles[:, 2:] - [x, y] - (tiles[:, :2] - [width / 2, height / 2]) * [kx, ky]).max(axis=1)
    if np.mean(left < max(0.5, 0.4 * step)) < _AGREEING_SHARE:
        return None
    return Fit((x, y), (1 + kx, 1 + ky), (width, height), float(np.median(np.hypot(tiles[:, 2], tiles[:, 3]))))


def is_off(fit: Fit | None) -> bool:
    """Tell whether a relit frame lies noticeably beside its plate's."""
    return fit is not None and fit.off_px > max(_NOTICEABLE_PX, 0.2 * (max(fit.size) // _FINE_PX))


def displacement(plate: Float32, relit: Float32) -> float | None:
    """Return how far things lie apart in two pictures [h, w, 3], the median over tiles in pixels; None where unlike."""
    step = max(1, max(plate.shape[:2]) // _FINE_PX)
    small = [log_luminance(shrunk(np.nan_to_num(each), _FINE_PX)) for each in (plate, relit)]
    tiles = np.array(_tiles(*small)).reshape(-1, 4)
    return float(np.median(np.hypot(tiles[:, 2], tiles[:, 3]))) * step if len(tiles) >= _LEAST_TILES else None


def aligned(relit: Float32, known: NDArray[np.bool_], fit: Fit) -> tuple[Float32, NDArray[np.bool_]]:
    """Return a relit frame [h, w, 3] and where it is known [h, w], moved to where the plate's frame is."""
    height, width = known.shape
    x, y = (
        size / 2 + shift - scale * size / 2 for size, shift, scale in zip(fit.size, fit.shift, fit.scale, strict=True)
    )
    # From where the relit frame shows something to where it should.
    matrix = (1 / fit.scale[0], 0, 0, 0, 1 / fit.scale[1], 0, -x / fit.scale[0], -y / fit.scale[1], 1)
    whole = np.ascontiguousarray(np.dstack([np.where(known[..., None], relit, np.float32(0)), known]), np.float32)
    roi = oiio.ROI(0, width, 0, height, 0, 1, 0, 4)
    moved = oiio.ImageBufAlgo.warp(oiio.ImageBuf(whole), matrix, filtername="cubic", roi=roi)
    pixels = np.asarray(moved.get_pixels("float"), np.float32)
    sound = np.asarray(pixels[..., 3] > 0.999, np.bool_)
    return np.where(sound[..., None], np.maximum(pixels[..., :3], np.minimum(relit.min(), 0)), np.float32(0)), sound


def moved_back(plate: Float32, relit: Float32, known: NDArray[np.bool_]) -> tuple[Float32, NDArray[np.bool_]]:
    """Return a relit frame [h, w, 3] and where it is known [h, w], moved onto its plate's if it lies beside it.

    plate  [h, w, 3], finite.
    """
    fit = measure(plate, np.where(known[..., None], relit, plate))
    return aligned(relit, known, fit) if fit is not None and is_off(fit) else (relit, known)


def part_shown(plate: Float32, relit: Float32) -> Box | None:
    """Return the part of a plate's frame [h, w, 3] that a relit frame [h', w', 3] shows; None where it shows all.

    Also None where nothing of the plate can be found in it.
    """
    whole = shrunk(np.nan_to_num(plate), SMALL_PX)
    edges = edges_of(log_luminance(whole))
    height, width = whole.shape[:2]
    if edges is None or min(height, width, *relit.shape[:2]) < _LEAST_PX:
        return None
    step = plate.shape[1] / width
    best, found = max(_FOUND, _CLEARLY * _peak_of_all(whole, relit)), None
    for scale in _SCALES:
        size = round(width * scale), round(width * scale * relit.shape[0] / relit.shape[1])
        if size[1] > height or min(size) < 24:
            continue
        part = edges_of(log_luminance(scaled(np.nan_to_num(relit), size)))
        if part is not None and (shift := find(part, edges)).peak > best:
            best, found = shift.peak, (shift, size)
    if found is None:
        return None
    shift, size = found
    return Box(*(round(value * step) for value in (shift.x, shift.y, *size)))


def best_place(places: tuple[Place, ...], own: Box, relit: Float32, picture: Picture) -> Place:
    """Return the place at which a relit frame [h, w, 3] shows what its plate does; the first where none is clearly it.

    relit  may be averaged down; own is its box in its own pixels.
    """
    peaks = [_peak_at(place, own, relit, picture) for place in places]
    best = max(range(len(places)), key=lambda i: peaks[i])
    return places[best] if peaks[best] > max(LIKE, _CLEARLY * peaks[0]) else places[0]


def _peak_at(place: Place, own: Box, relit: Float32, picture: Picture) -> float:
    """Return how far the correlation of a relit frame with its plate stands out if it lies in a place."""
    box = place.fitted or own
    scale = relit.shape[1] / own.width, relit.shape[0] / own.height
    columns = slice(round((box.x - own.x) * scale[0]), round((box.x - own.x + box.width) * scale[0]))
    rows = slice(round((box.y - own.y) * scale[1]), round((box.y - own.y + box.height) * scale[1]))
    below = shrunk(np.nan_to_num(on(place.window, picture.data_window, picture.rgb)), SMALL_PX)
    height, width = below.shape[:2]
    part = scaled(np.nan_to_num(relit[rows, columns]), (width, height))
    edges = [edges_of(log_luminance(each)) for each in (below, part)]
    if edges[0] is None or edges[1] is None:
        return 0.0
    correlation = correlate(edges[0], edges[1])
    near = correlation[height // 2 - 1 : height // 2 + 2, width // 2 - 1 : width // 2 + 2]
    return stands_out(correlation, float(near.max()))


def _peak_of_all(whole: Float32, relit: Float32) -> float:
    """Return how far the correlation stands out if a relit frame shows all of the plate's."""
    height, width = whole.shape[:2]
    edges = [edges_of(log_luminance(each)) for each in (whole, scaled(np.nan_to_num(relit), (width, height)))]
    return 0.0 if edges[0] is None or edges[1] is None else shift_between(edges[0], edges[1]).peak


def likeness(plate: Float32, relit: Float32) -> float:
    """Return how far the correlation of two pictures [h, w, 3] that should lie on each other stands out."""
    return _peak_of_all(shrunk(np.nan_to_num(plate), SMALL_PX), relit)


def _tiles(plate: Float32, relit: Float32) -> list[tuple[float, float, float, float]]:
    """Return the middle of each tile in which both are alike, and how far it moved, in pixels of these pictures."""
    height, width = plate.shape
    size = min(_TILE_PX, height // 2, width // 2)
    found: list[tuple[float, float, float, float]] = []
    if size < 32:
        return found
    for top in np.linspace(0, height - size, _TILES[1]).astype(int):
        for left in np.linspace(0, width - size, _TILES[0]).astype(int):
            part = slice(top, top + size), slice(left, left + size)
            before, after = edges_of(plate[part]), edges_of(relit[part])
            if before is None or after is None:
                continue
            shift = shift_between(before, after)
            if shift.peak > UNLIKE:
                found.append((left + size / 2, top + size / 2, shift.x, shift.y))
    return found


def _line(at: NDArray[np.float64], moved: NDArray[np.float64]) -> tuple[float, float]:
    """Return slope and offset of a line through points, whatever a minority of them does (Theil 1950, Sen 1968)."""
    one, other = np.triu_indices(len(at), 1)
    apart = at[other] - at[one]
    far = np.abs(apart) > 0.2 * np.ptp(at)
    slope = float(np.median((moved[other] - moved[one])[far] / apart[far])) if far.any() else 0.0
    return slope, float(np.median(moved - slope * at))
