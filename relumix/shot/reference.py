"""Reading what a compositor supplies: relit frames, and masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relumix.color.spaces import reference_space
from relumix.errors import InputError
from relumix.shot.channels import Choice, choose
from relumix.shot.images import ImageError, data_window, display_window, opened, pixels_of
from relumix.shot.layout import FileLayout, explain, layout_of
from relumix.shot.picture import Picture
from relumix.shot.plate import Plate
from relumix.shot.rgba_image import is_whole, read_flat
from relumix.shot.windows import Box


def read_reference(
    path: Path, picture: Picture, *, plate: Plate, colorspace: str | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read the relit version of a plate frame.

    An OpenEXR reference lies where its data window says, if its display window is the plate's. Any other is as large
    as the plate's display window, or else its data window, and lies there. The layer and the view are the plate's
    where the reference has them, or else its own plain R, G, B.

    colorspace  of the reference; see color.spaces.reference_space for what None means.

    Returns rgb, [h, w, 3] float32 in the plate's working space, premultiplied, on the pixels of the picture's data
    window; and known, [h, w] bool: where the reference says what the light is. It does not outside its own pixels,
    where it is not finite (rgb is 0 at both), and where it is clipped: at the highest code of a format of whole
    numbers. Raises InputError: unreadable, of another size, without red, green and blue, an unknown colour space.
    """
    try:
        with opened(path, unassociated=True) as image:
            layout = layout_of(image, path)
            choice = _choose(layout, plate, path)
            spec = layout.specs[choice.part][0]
            whole = is_whole(spec) and layout.format != "openexr"
            window = _place(layout, spec, picture, path, "reference")
            flat = read_flat(image, spec, choice, reference_space(colorspace, whole, plate.space))
    except ImageError as error:
        raise InputError(f"reference {path} cannot be read: {explain(path, error)}") from None
    known = np.asarray(np.isfinite(flat.rgb).all(axis=-1), np.bool_)
    light = np.where(known[..., None], flat.rgb, np.float32(0))
    known &= ~flat.clipped
    return _on(picture.data_window, window, light), _on(picture.data_window, window, known)


def read_mask(path: Path, picture: Picture) -> NDArray[np.float32]:
    """Read a mask: its alpha or, where it has none, its R, Y or first channel, as stored.

    It lies where a reference would (see read_reference). Returns [h, w] float32 in 0..1 on the pixels of the picture's
    data window, 0 outside the mask's own pixels and where it is not finite. Raises InputError: unreadable, of another
    size.
    """
    try:
        with opened(path, unassociated=True) as image:
            layout = layout_of(image, path)
            _refuse_deep(layout, path, "mask")
            spec = layout.specs[0][0]
            window = _place(layout, spec, picture, path, "mask")
            channel = _mask_channel(spec)
            values = pixels_of(image, 0, 0, range(channel, channel + 1), "float")[..., 0]
    except ImageError as error:
        raise InputError(f"mask {path} cannot be read: {explain(path, error)}") from None
    return _on(picture.data_window, window, np.clip(np.nan_to_num(values, nan=0, posinf=0, neginf=0), 0, 1))


def _choose(layout: FileLayout, plate: Plate, path: Path) -> Choice:
    _refuse_deep(layout, path, "reference")
    name = f"reference {path}"
    if plate.layer is not None or plate.view is not None:
        try:
            return choose(layout.names, plate.layer, plate.view, name)
        except InputError:
            return choose(layout.names, None, None, name)
    return choose(layout.names, None, None, name)


def _refuse_deep(layout: FileLayout, path: Path, what: str) -> None:
    if layout.deep:
        raise InputError(f"{what} {path} is a deep image: flatten it first (DeepToImage)")


def _mask_channel(spec: Any) -> int:
    for name in ("A", "R", "Y"):
        if name in spec.channelnames:
            return int(spec.channelnames.index(name))
    return 0


def _place(layout: FileLayout, spec: Any, picture: Picture, path: Path, what: str) -> Box:
    """The data window of a reference or mask, among the plate's pixels."""
    own = data_window(spec)
    if layout.format == "openexr" and display_window(spec) == picture.display_window:
        return own
    for window in (picture.display_window, picture.data_window):
        if own.size == window.size:
            return window
    sizes = {f"{window.width}x{window.height}" for window in (picture.display_window, picture.data_window)}
    raise InputError(
        f"{what} {path} is {own.width}x{own.height}, but the plate's frame {picture.frame} is "
        f"{' or '.join(sorted(sizes))}: expected the same size"
    )


def _on(canvas: Box, window: Box, values: NDArray[Any]) -> NDArray[Any]:
    """Pixels of one window on those of another, 0 where there are none."""
    if window == canvas:
        return np.ascontiguousarray(values)
    result = np.zeros((canvas.height, canvas.width, *values.shape[2:]), values.dtype)
    result[window.slices_in(canvas)] = values[canvas.slices_in(window)]
    return result
