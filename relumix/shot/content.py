"""Tells whether a relit frame can be its plate under another light: its tone, its edges, what it shows."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from relumix.color.rec709 import srgb_decode
from relumix.shot.box import Box
from relumix.shot.likeness import UNLIKE, correlate, edges_of, log_luminance, shrunk, stands_out
from relumix.types import Float32

_TONE_PX, _BLOCK_PX = 192, 8
_LEAST_BLOCKS = 24
_DETAIL_STOPS, _ALIKE = 0.03, 0.8
"""Least standard deviation and correlation of a block's detail that says how contrast was changed."""

_DISPLAY_CONTRAST, _LINEAR_CONTRAST = 0.75, (0.85, 1.2)

_HARD_STOPS, _SOFT_STOPS = 0.3, 0.05
"""Least light beside a matte's hard edge, and most where light fades out by itself."""

_LEAST_SHARE = 0.01
_LEAST_EDGE_SHARE = 0.1
"""Of the long edge: the length of a matte's edge that is told."""

_ALL = slice(None)
_NEIGHBOURS = (
    ((slice(None, -1), _ALL), (slice(1, None), _ALL)),
    ((_ALL, slice(None, -1)), (_ALL, slice(1, None))),
)

_CONTENT_PX, _TILES_ALONG = 512, 21
"""The long edge at which content is compared, and how many tiles lie along it, each half over the next."""

_TEXTURE_STOPS = 0.05
_AREA, _LEAST_TEXTURED = 3, 7
"""Tiles on a side of the area that content is told from, and how many of them have to show detail."""

_LITTLE, _NONE = 0.1, 0.02
"""Correlation of the edges of such an area below which little is common: other content has -0.10 to 0.09, and what is
under another light goes down to 0.04. Where it is so low, other content does not stand out from other shifts (-2 to 4
deviations), the same content does (12 to 35). Below the second none is, even of a picture without fine detail."""


def is_display_referred(plate: Float32, relit: Float32) -> bool:
    """Tell whether relit pixels [h, w, 3] are coded for a display, as sRGB, where the plate is linear.

    Light changes a surface's brightness and leaves the contrast of its detail alone, in stops; a display's curve does
    not, and its inverse brings it back.
    """
    small = [shrunk(np.nan_to_num(each), _TONE_PX) for each in (plate, relit)]
    if small[1].max() > 1.01:
        return False
    coded = _contrast(small[0], small[1])
    if coded is None or coded > _DISPLAY_CONTRAST:
        return False
    decoded = _contrast(small[0], srgb_decode(small[1]))
    low, high = _LINEAR_CONTRAST
    return decoded is not None and low < decoded < high


def _contrast(plate: Float32, relit: Float32) -> float | None:
    """Return how much larger the detail of a relit frame is than the plate's, in stops, the median over blocks."""
    before, after = (_blocks(log_luminance(each)) for each in (plate, relit))
    both, own = (before * after).mean(axis=1), (before**2).mean(axis=1)
    other = (after**2).mean(axis=1)
    telling = (own > _DETAIL_STOPS**2) & (both > _ALIKE * np.sqrt(own * other))
    if np.count_nonzero(telling) < _LEAST_BLOCKS:
        return None
    # Of the two regressions neither is right, as both pictures have noise: their geometric mean.
    return float(np.median(np.sqrt(other[telling] / own[telling])))


def _blocks(values: Float32) -> Float32:
    """Return [h, w] as blocks of pixels [n, b * b], each less its mean and the slope across it."""
    size = _BLOCK_PX
    rows, columns = values.shape[0] // size, values.shape[1] // size
    tiles = values[: rows * size, : columns * size].reshape(rows, size, columns, size).swapaxes(1, 2)
    flat: Float32 = tiles.reshape(-1, size * size)
    along = (np.arange(size, dtype=np.float32) - (size - 1) / 2) / math.sqrt((size**2 - 1) / 12)
    for ramp in (np.ones(size * size, np.float32), np.tile(along, size), np.repeat(along, size)):
        flat = np.asarray(flat - (flat @ ramp / len(ramp))[:, None] * ramp, np.float32)
    return flat


def has_hard_edge(plate: Float32, relit: Float32, known: NDArray[np.bool_]) -> bool:
    """Tell whether the light of relit pixels [h, w, 3] ends at an edge that the plate has not: that of a matte.

    known  [h, w]: where the light of the relit pixels is known.

    The edge is where pixels that are exactly the plate's lie beside pixels with light, along most of their border.
    Where a matte's light happens to be near the plate's own its edge does not show, and says nothing.
    """
    same = np.asarray((np.abs(relit - plate) <= np.abs(plate) / 1024).all(axis=-1))
    if not _LEAST_SHARE < same.mean() < 1 - _LEAST_SHARE:
        return False
    before, after = (np.log2(np.maximum(each.mean(axis=-1), 1e-6)) for each in (plate, relit))
    lit = known & (plate.max(axis=-1) > 0.05 * np.median(plate.max(axis=-1)))
    hard = shown = 0
    for one, other in _NEIGHBOURS:
        edge = (same[one] != same[other]) & lit[one] & lit[other]
        added = np.maximum(np.abs(after - before)[one], np.abs(after - before)[other])
        own = np.abs(before[one] - before[other])
        hard += int(np.count_nonzero(edge & (added > _HARD_STOPS) & (own < added / 2)))
        shown += int(np.count_nonzero(edge & ((added > _HARD_STOPS) | (added < _SOFT_STOPS))))
    return hard > max(shown / 2, _LEAST_EDGE_SHARE * max(same.shape))


def changed_part(plate: Float32, relit: Float32, *, softened: bool = False) -> Box | None:
    """Return the box in which relit pixels [h, w, 3] show something else than the plate; None without a large one.

    Light moves, adds and takes edges, but hardly all of them over a large area: where both show detail there and no
    edge is common, it is other content. softened: whether fine detail may be lost, as in pictures of image models;
    then leaves and grass have few edges in common too, and only none at all counts.
    """
    little = _NONE if softened else _LITTLE
    step = max(1, max(plate.shape[:2]) // _CONTENT_PX)
    before, after = (log_luminance(shrunk(np.nan_to_num(each), _CONTENT_PX)) for each in (plate, relit))
    stride = max(12, max(before.shape) // _TILES_ALONG)
    rows, columns = (size // stride - 1 for size in before.shape)
    if min(rows, columns) < _AREA:
        return None
    common = np.full((rows, columns), np.nan)
    for row, column in np.ndindex(rows, columns):
        tile = slice(row * stride, (row + 2) * stride), slice(column * stride, (column + 2) * stride)
        common[row, column] = _common_edges(before[tile], after[tile])
    areas = sliding_window_view(common, (_AREA, _AREA)).reshape(rows - _AREA + 1, columns - _AREA + 1, -1)
    count = np.isfinite(areas).sum(axis=-1)
    mean = np.where(count >= _LEAST_TEXTURED, np.nansum(areas, axis=-1) / np.maximum(count, 1), 1)
    size = (_AREA + 1) * stride
    parts = [(int(row) * stride, int(column) * stride) for row, column in np.argwhere(mean < little)]
    at = np.array([part for part in parts if _nothing_common(before, after, part, size)])
    if not len(at):
        return None
    (top, left), (bottom, right) = at.min(axis=0).tolist(), (at.max(axis=0) + size).tolist()
    return Box(left * step, top * step, (right - left) * step, (bottom - top) * step)


def _nothing_common(before: Float32, after: Float32, part: tuple[int, int], size_px: int) -> bool:
    """Tell whether the edges of a part of two pictures agree no better where they lie than if they are shifted."""
    (top, left), middle = part, size_px // 2
    area = slice(top, top + size_px), slice(left, left + size_px)
    one, other = edges_of(before[area]), edges_of(after[area])
    if one is None or other is None:
        return False
    correlation = correlate(one, other)
    near = correlation[middle - 1 : middle + 2, middle - 1 : middle + 2]
    return stands_out(correlation, float(near.max())) < UNLIKE


def _common_edges(before: Float32, after: Float32) -> float:
    """Return the correlation of the edges of two parts of a picture; NaN where either shows no detail."""
    one, other = edges_of(before), edges_of(after)
    if one is None or other is None or min(_detail(before), _detail(after)) < _TEXTURE_STOPS:
        return float("nan")
    return float(np.vdot(one, other).real) / float(np.linalg.norm(one) * np.linalg.norm(other))


def _detail(values: Float32) -> float:
    return float(np.sqrt(sum(float(np.mean(steps**2)) for steps in np.gradient(values))))
