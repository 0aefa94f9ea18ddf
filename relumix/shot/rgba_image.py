"""Red, green, blue and alpha out of any image file, made scene-linear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relumix.color.spaces import WorkingSpace
from relumix.shot.channels import Choice
from relumix.shot.images import pixels_of
from relumix.types import Float32


@dataclass(frozen=True)
class RgbaImage:
    """An image of one level.

    rgb       [h, w, 3] float32, scene-linear, alpha left aside: what the image shows where alpha is no coverage.
    alpha     [h, w] float32, or None.
    straight  whether the file says that its colour is stored without alpha.
    clipped   [h, w] bool: a channel is at the highest code of a format of whole numbers, and may have been brighter.
    """

    rgb: Float32
    alpha: Float32 | None
    straight: bool
    clipped: NDArray[np.bool_]
    _stored: Float32
    _space: WorkingSpace

    @property
    def premultiplied(self) -> Float32:
        """[h, w, 3] float32, scene-linear, premultiplied: what the image shows where alpha is coverage.

        Colour that is stored straight is decoded first and multiplied after, as what it looks like demands.
        """
        if self.alpha is None:
            return self.rgb
        if self.straight:
            return self.rgb * self.alpha[..., None]
        return self._space.to_linear(self._stored, self.alpha)


def is_whole(spec: Any) -> bool:
    """Whether the pixels of an oiio.ImageSpec are whole numbers, which stand for 0 to 1."""
    return str(spec.format) not in ("half", "float", "double")


def read_rgba(image: Any, spec: Any, choice: Choice, space: WorkingSpace) -> RgbaImage:
    """Read the chosen channels of an oiio.ImageInput that was opened with alpha unassociated.

    Raises ImageError, and InputError where the colour spaces have no way between them.
    """
    indices = [*choice.rgb, *([] if choice.alpha is None else [choice.alpha])]
    first = min(indices)
    pixels = pixels_of(image, choice.part, 0, range(first, max(indices) + 1), "float")
    stored = np.ascontiguousarray(pixels[..., [index - first for index in choice.rgb]])
    clipped = np.asarray((stored >= 1.0).any(axis=-1) if is_whole(spec) else np.zeros(stored.shape[:2]), np.bool_)
    alpha = None if choice.alpha is None else np.ascontiguousarray(pixels[..., choice.alpha - first])
    straight = bool(spec.get_int_attribute("oiio:UnassociatedAlpha"))
    return RgbaImage(space.to_linear(stored), alpha, straight, clipped, stored, space)
