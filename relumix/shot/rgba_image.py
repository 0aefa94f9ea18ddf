"""Red, green, blue and alpha out of any image file, made scene-linear and premultiplied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relumix.color.spaces import WorkingSpace
from relumix.shot.channels import Choice
from relumix.shot.images import pixels_of


@dataclass(frozen=True)
class RgbaImage:
    """An image of one level.

    rgb      [h, w, 3] float32, scene-linear, premultiplied.
    alpha    [h, w] float32, or None.
    clipped  [h, w] bool: a channel is at the highest code of a format of whole numbers; there may have been more light.
    """

    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32] | None
    clipped: NDArray[np.bool_]


def is_whole(spec: Any) -> bool:
    """Whether the pixels of an oiio.ImageSpec are whole numbers, which stand for 0 to 1."""
    return str(spec.format) not in ("half", "float", "double")


def read_rgba(image: Any, spec: Any, choice: Choice, space: WorkingSpace) -> RgbaImage:
    """Read the chosen channels of an oiio.ImageInput that was opened with alpha unassociated.

    Colour that is stored straight is decoded first and premultiplied after, as what it looks like demands. Raises
    ImageError, and InputError where the colour spaces have no way between them.
    """
    indices = [*choice.rgb, *([] if choice.alpha is None else [choice.alpha])]
    first = min(indices)
    pixels = pixels_of(image, choice.part, 0, range(first, max(indices) + 1), "float")
    rgb = np.ascontiguousarray(pixels[..., [index - first for index in choice.rgb]])
    clipped = np.asarray((rgb >= 1.0).any(axis=-1) if is_whole(spec) else np.zeros(rgb.shape[:2]), np.bool_)
    if choice.alpha is None:
        return RgbaImage(space.to_linear(rgb), None, clipped)
    alpha = np.ascontiguousarray(pixels[..., choice.alpha - first])
    if spec.get_int_attribute("oiio:UnassociatedAlpha"):
        return RgbaImage(space.to_linear(rgb) * alpha[..., None], alpha, clipped)
    return RgbaImage(space.to_linear(rgb, alpha), alpha, clipped)
