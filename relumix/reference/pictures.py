"""Reads pictures whose light is wanted: any image file, of any size and content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.color.spaces import reference_space
from relumix.errors import InputError
from relumix.gain.downsample import Canvas, proxy_frame
from relumix.gain.picture_area import seen_area
from relumix.gain.proxy import ProxyFrame
from relumix.shot.alpha import is_coverage
from relumix.shot.assumed import assumed_space, is_of_movie
from relumix.shot.channels import choose
from relumix.shot.images import ImageError, data_window, display_window, opened
from relumix.shot.layout import explain, layout_of
from relumix.shot.plate import Plate
from relumix.shot.reference import read_mask_alone
from relumix.shot.rgba_image import is_whole, read_rgba
from relumix.shot.sequence import Sequence as Shot
from relumix.types import Float32


@dataclass(frozen=True)
class _Pixels:
    rgb: Float32
    alpha: Float32 | None


def read_picture(path: Path, plate: Plate, colorspace: str | None, work_size: int) -> ProxyFrame:
    """Return a picture, or the first of a movie or a sequence, at the working size, exposed to mid-grey.

    colorspace  of the picture; see color.spaces.reference_space for what None means. It is read into the plate's
                working space.

    Raises InputError: unreadable, without red, green and blue, black, an unknown colour space.
    """
    shot = Shot.find(path)
    path = shot.path(shot.frames[0])
    try:
        with opened(path, unassociated=True) as image:
            layout = layout_of(image, path)
            if layout.deep:
                raise InputError(f"picture {path} is a deep image: flatten it first (DeepToImage)")
            choice = choose(layout.names, None, None, f"picture {path}")
            spec = layout.specs[choice.part][0]
            named = colorspace or (assumed_space(layout.format, spec) if is_of_movie(spec) else None)
            space = reference_space(named, is_whole(spec) and layout.format != "openexr", plate.space)
            read = read_rgba(image, spec, choice, space)
    except ImageError as error:
        raise InputError(f"picture {path} cannot be read: {explain(path, error)}") from None
    pixels = _Pixels(read.rgb, None)
    if read.alpha is not None and is_coverage(read.rgb, read.alpha, "auto", straight=read.straight):
        pixels = _Pixels(read.premultiplied, read.alpha)
    window = data_window(spec)
    canvas = Canvas.fit(seen_area(pixels, window, display_window(spec)), work_size)
    small = proxy_frame(canvas, 0, pixels, window)
    if small.black:
        lacks = "is black" if small.known.any() else "has no pixel that is finite"
        raise InputError(f"picture {path} {lacks}: expected one that shows a light")
    return small


def read_matte(path: Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return where a matte of any size is above a half, [h, w] of the shape; it is stretched over it.

    Raises InputError: unreadable, or nowhere above a half.
    """
    small = cv2.resize(read_mask_alone(path), shape[1::-1], interpolation=cv2.INTER_AREA)
    inside = np.asarray(small > 0.5)
    if not inside.any():
        raise InputError(f"matte {path} is nowhere above 0.5: expected one of the part that counts")
    return inside
