"""Reads a frame small and quickly, to see what it shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from relumix.shot.channels import Choice
from relumix.shot.images import NUMPY_TYPES, ImageError, data_window, display_window, pixels_of, what_went_wrong
from relumix.shot.likeness import shrunk
from relumix.shot.placing import on

_BLOCK_ROWS = 16
"""Most rows that these compressions pack together: rows between are not decoded."""
_IN_BLOCKS = ("none", "rle", "zips", "zip", "pxr24")

_ENOUGH_BLOCKS = 64
"""Blocks of rows that are read of a tall picture, at least."""


_SAMPLES = 4
"""Pixels along each side of a square that is averaged to one: more would only cost time."""


def read_small(image: Any, spec: Any, choice: Choice, longest: int, *, whole: bool = False) -> NDArray[np.float32]:
    """Return red, green and blue [h, w, 3] float32 averaged down, as they are stored (see Plate.read_small).

    whole  of the data window, and every row; else of the display window.

    Raises ImageError.
    """
    first, last = min(choice.rgb), max(choice.rgb)
    channels, window, shown = range(first, last + 1), data_window(spec), display_window(spec)
    step = max(1, spec.height // (_BLOCK_ROWS * _ENOUGH_BLOCKS))
    kind = "half" if {str(spec.channelformat(channel)) for channel in channels} == {"half"} else "float"
    with np.errstate(all="ignore"):
        if whole:
            pixels = pixels_of(image, choice.part, 0, channels, kind)
        elif step > 1 and window == shown and not spec.tile_width and spec.getattribute("compression") in _IN_BLOCKS:
            pixels = _some_rows(image, spec, choice.part, channels, step, kind)
        else:
            pixels = on(shown, window, pixels_of(image, choice.part, 0, channels, kind))
        sparse = max(1, max(pixels.shape[:2]) // longest // _SAMPLES)
        some = pixels[::sparse, ::sparse][..., [index - first for index in choice.rgb]]
        return shrunk(np.ascontiguousarray(some, np.float32), longest)


def _some_rows(image: Any, spec: Any, part: int, channels: range, step: int, kind: str) -> NDArray[Any]:
    """Return one block of rows of each `step`, [h, w, len(channels)]."""
    blocks = []
    for begin in range(spec.y, spec.y + spec.height - _BLOCK_ROWS + 1, step * _BLOCK_ROWS):
        end = begin + _BLOCK_ROWS
        block = image.read_scanlines(part, 0, begin, end, 0, channels.start, channels.stop, kind)
        if block is None or image.has_error:
            raise ImageError(what_went_wrong(image))
        blocks.append(np.asarray(block, NUMPY_TYPES[kind]).reshape(_BLOCK_ROWS, spec.width, len(channels)))
    return np.concatenate(blocks)
