"""Where a relit frame or a matte lies among the pixels of a plate, and how one of another size is made to fit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from relumix.shot.box import Box
from relumix.shot.images import data_window, display_window
from relumix.types import Float32

Size = tuple[int, int]

_MODEL_MULTIPLES = (8, 64)
"""Image models take sides that are multiples of something in this range, and round those of the plate to it."""

_MOST_STRETCH = 0.08
"""How far the two sides may be scaled apart by that rounding."""


_MOST_CROP = 1.34
"""How far a model's shape may be from the plate's: 4:3 for 16:9, but not a square."""


@dataclass(frozen=True)
class Place:
    """Where an image lies.

    window  in plate pixels.
    fitted  the box of the image's own pixels that is scaled to that window; None where each is a pixel of the plate.
    words   for people, where it has another shape than the plate: how it was made of it.
    """

    window: Box
    fitted: Box | None = None
    words: str = ""

    @property
    def enlarged(self) -> bool:
        """Whether the image has fewer pixels than the plate, and so none of its own to deliver."""
        return self.fitted is not None and (
            self.fitted.width < self.window.width or self.fitted.height < self.window.height
        )


@dataclass(frozen=True)
class Windows:
    """What a plate's frame offers to lie on: its data and its display window."""

    data: Box
    display: Box

    def in_pixels(self, spec: Any, openexr: bool) -> Place | None:
        """Return where an image (its oiio.ImageSpec) lies, pixel for pixel; None where it has another size.

        An OpenEXR image lies where its data window says, if its display window is the plate's. Any other is as large
        as the display window, or else the data window.
        """
        own, shown = data_window(spec), display_window(spec)
        if openexr and shown == self.display:
            return Place(own)
        return next((Place(window) for window in (self.display, self.data) if own.size == window.size), None)

    def places(self, spec: Any, openexr: bool) -> tuple[Place, ...]:
        """Return where a relit frame may lie, the likeliest first; none where its shape cannot be the plate's.

        1. Pixel for pixel: `in_pixels`.
        2. Scaled, where it has the plate's shape (`same_shape`): its display window (of OpenEXR) or it as a whole.
        3. Where its sides are an image model's, and its shape only comes near: scaled to all of the plate; scaled to
           the plate's middle, as if it was cropped; or without bars at its edges, as if it was padded. Which of these
           it is, its content says (fit.best_place).
        """
        if place := self.in_pixels(spec, openexr):
            return (place,)
        own, shown = data_window(spec), display_window(spec)
        boxes = [shown, own] if openexr else [own]
        pairs = [(box, window) for box in boxes for window in (self.display, self.data)]
        alike = [(box, window) for box, window in pairs if same_shape(box.size, window.size)]
        # Half of one window may come near to a fraction of the other: the simple ratio is the one that was meant.
        alike.sort(key=lambda pair: not _simple(pair[0].size, pair[1].size))
        if alike:
            return (Place(alike[0][1], alike[0][0]),)
        if not near_shape(own.size, self.display.size):
            return ()
        cropped, padded = _middle(self.display, own.size), _middle(own, self.display.size)
        middle, inside = (f"{box.width}x{box.height}" for box in (cropped, padded))
        return (
            Place(self.display, own, "all of it, stretched"),
            Place(cropped, own, f"the {middle} pixels in the middle of it"),
            Place(self.display, padded, f"all of it, with bars around {inside} pixels"),
        )

    def __str__(self) -> str:
        sizes = {f"{window.width}x{window.height}" for window in (self.display, self.data)}
        return " or ".join(sorted(sizes))


def same_shape(size: Size, target: Size) -> bool:
    """Tell whether (width, height) is a target's at another scale.

    Up to a pixel of rounding; or where both sides are multiples of 8 to 64, as image models take them, up to one of
    those and 8 %.
    """
    (width, height), (target_width, target_height) = size, target
    if not min(*size, *target):
        return False
    across, down = width / target_width, height / target_height
    off = min(abs(height - across * target_height), abs(width - down * target_width))
    low, high = _MODEL_MULTIPLES
    multiple = math.gcd(width, height, high)
    return off < 1 or (multiple >= low and off < multiple and abs(across / down - 1) <= _MOST_STRETCH)


def near_shape(size: Size, target: Size) -> bool:
    """Tell whether (width, height) is what an image model may have made of a target: multiples of 8 to 64, and near."""
    if not min(*size, *target):
        return False
    apart = (size[0] / target[0]) / (size[1] / target[1])
    return math.gcd(*size) % _MODEL_MULTIPLES[0] == 0 and 1 / _MOST_CROP <= apart <= _MOST_CROP


def _middle(box: Box, size: Size) -> Box:
    """Return the largest box of the shape of (width, height) in the middle of another."""
    scale = min(box.width / size[0], box.height / size[1])
    width, height = round(size[0] * scale), round(size[1] * scale)
    return Box(box.x + (box.width - width) // 2, box.y + (box.height - height) // 2, width, height)


def fitted(values: NDArray[Any], own: Box, place: Place) -> Float32:
    """Return an image's values [h, w] or [h, w, c], finite, on the box `own`, at the size of the place's window."""
    assert place.fitted is not None
    return scaled(on(place.fitted, own, values), place.window.size)


def scaled(values: NDArray[Any], size: Size) -> Float32:
    """Return values [h, w] or [h, w, c], finite, at another (width, height).

    Whole numbers of pixels are averaged to one; all else is interpolated linearly, over as much as a new pixel covers.
    """
    (height, width), channels = values.shape[:2], values.shape[2:]
    whole = width % size[0] == 0 == height % size[1]
    image = oiio.ImageBuf(np.ascontiguousarray(values.reshape(height, width, -1), np.float32))
    count = image.spec().nchannels
    roi = oiio.ROI(0, size[0], 0, size[1], 0, 1, 0, count)
    done = oiio.ImageBufAlgo.resize(image, filtername="box" if whole else "triangle", roi=roi)
    return np.asarray(done.get_pixels("float"), np.float32).reshape(size[1], size[0], *channels)


def on(canvas: Box, window: Box, values: NDArray[Any]) -> NDArray[Any]:
    """Return pixels of one window on those of another, 0 where there are none."""
    if window == canvas:
        return np.ascontiguousarray(values)
    result = np.zeros((canvas.height, canvas.width, *values.shape[2:]), values.dtype)
    result[window.slices_in(canvas)] = values[canvas.slices_in(window)]
    return result


def _simple(size: Size, target: Size) -> bool:
    """Tell whether one size is a whole multiple of the other."""
    large, small = max(size, target), min(size, target)
    return large[0] % small[0] == 0 == large[1] % small[1] and large[0] // small[0] == large[1] // small[1]
