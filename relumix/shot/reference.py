"""Reads relit frames and masks from files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relumix.color.spaces import VIDEO_SPACE, WorkingSpace, reference_space
from relumix.errors import InputError
from relumix.shot.assumed import assumed_space, is_log, is_of_movie, named_space
from relumix.shot.box import Box
from relumix.shot.channels import Choice, choose
from relumix.shot.enlarging import COVERED, Background
from relumix.shot.fit import SMALL_PX, best_place, moved_back
from relumix.shot.images import ImageError, data_window, display_window, opened, pixels_of
from relumix.shot.layout import FileLayout, explain, layout_of
from relumix.shot.paint import Alpha, Paint
from relumix.shot.picture import Picture
from relumix.shot.placing import Place, Windows, fitted, on
from relumix.shot.plate import Plate
from relumix.shot.rgba_image import RgbaImage, is_whole, read_rgba
from relumix.shot.small import read_small
from relumix.types import Float32


@dataclass(frozen=True)
class ReferenceSummary:
    """What `relumix relight` warns about: where a relit frame lies, and what its alpha means."""

    place: Place
    alpha: Alpha


@dataclass(frozen=True)
class _File:
    """A relit frame's file: the channels that are its picture, their spec, and where they may lie.

    cropped_from  its display window, where that is the plate's and its data window may be a part of it.
    """

    choice: Choice
    spec: Any
    space: WorkingSpace
    places: tuple[Place, ...]
    cropped_from: Box | None

    @property
    def place(self) -> Place:
        """Where it lies; if its size leaves that open, where it would lie if it showed all of the plate."""
        return self.places[0]

    @property
    def own(self) -> Box:
        return data_window(self.spec)

    def covers(self, plate: Box) -> bool:
        """Tell whether it has pixels wherever its display window shows the plate."""
        return self.cropped_from is None or self.own.contains(self.cropped_from.intersect(plate))


def read_reference(
    path: Path, picture: Picture, *, plate: Plate, colorspace: str | None = None, align: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read the relit version of a plate frame.

    Its position is placing.Windows.place's. One of another size but the same shape is scaled to fit, a smaller one as
    gain on the plate's detail (see shot.enlarging). Layer and view are the plate's where the reference has them, else
    main one. Where its alpha is below the plate's it is comped over the plate; alpha is 0 outside an OpenEXR data
    window. Alpha is ignored if it is 0 everywhere, or if there is light where it is 0 (see shot.paint), or where the
    plate's `premult` is "no".

    colorspace  of the reference; see color.spaces.reference_space for what None means.
    align       whether one that is shifted or scaled against the picture is moved back (see shot.fit).

    Returns rgb, [h, w, 3] float32 in the plate's working space, premultiplied, on the pixels of the picture's data
    window; and known, [h, w] bool: where its light is known: not outside its pixels, not where it is not finite (rgb is
    0 there), and not where it is clipped, at the highest code of an integer format.

    Raises InputError: unreadable, of another shape, without red, green and blue, without anything painted, an unknown
    colour space.
    """
    read = read_beside(path, picture, plate=plate, colorspace=colorspace)
    rgb, known = moved_back(read.plate, read.rgb, read.known) if align else (read.rgb, read.known)
    return read.background.enlarged(rgb, known, picture, read.place)


@dataclass(frozen=True)
class Beside:
    """A relit frame and its plate's, pixel for pixel: at the plate's size, or at the relit frame's if that is smaller.

    rgb      [h, w, 3] float32 on the background's pixels, premultiplied; known [h, w]: where its light is known.
    place    where it lies on the plate.
    painted  whether it is a paint-over: what was not painted is the background's.
    """

    background: Background
    rgb: NDArray[np.float32]
    known: NDArray[np.bool_]
    place: Place
    painted: bool = False

    @property
    def plate(self) -> NDArray[np.float32]:
        """[h, w, 3]: the plate's frame, 0 where it is not finite."""
        return np.asarray(np.nan_to_num(self.background.rgb, nan=0, posinf=0, neginf=0), np.float32)

    @property
    def filled(self) -> NDArray[np.float32]:
        """[h, w, 3]: the relit frame, and the plate's where its light is not known."""
        return np.where(self.known[..., None], self.rgb, self.plate)


def read_beside(path: Path, picture: Picture, *, plate: Plate, colorspace: str | None = None) -> Beside:
    """Read the relit version of a plate frame, to compare the two. Raises InputError as read_reference."""
    windows = Windows(picture.data_window, picture.display_window)
    with _opened(path, "reference") as (image, layout):
        file = _file(layout, path, plate, windows, picture.frame, colorspace)
        if len(file.places) > 1:
            small = read_small(image, file.spec, file.choice, SMALL_PX, whole=True)
            file = replace(file, places=(best_place(file.places, file.own, small, picture),))
        relit = read_rgba(image, file.spec, file.choice, file.space)
    background = Background.of(picture, file.place)
    rgb = relit.rgb
    if relit.alpha is not None:
        paint = _paint(relit, file, background)
        role = paint.classify(background.rgb, background.alpha, plate.premult, background.matte)
        if role is Alpha.EMPTY and not rgb.any():
            raise InputError(f"reference {path} is black and transparent everywhere: expected a relit frame")
        if role is Alpha.PAINTED and not paint.alpha.any():
            raise InputError(f"reference {path} is transparent everywhere: expected a relit frame")
        if role is Alpha.PAINTED:
            return Beside(background, *paint.over(background.rgb, background.alpha), file.place, painted=True)
        if role is Alpha.WHOLE and plate.premult != "no":
            rgb = relit.premultiplied
    placed, known = _placed(rgb, relit.clipped, file, background.window)
    if not known.any():
        raise InputError(f"reference {path} is not finite, or clipped, in every pixel: expected a relit frame")
    return Beside(background, placed, known, file.place)


def inspect_reference(
    path: Path, windows: Windows, frame: int, *, plate: Plate, colorspace: str | None, read: Callable[[], Picture]
) -> ReferenceSummary:
    """Summarise the relit version of a frame, reading no more of it than needed. Raises InputError as read_reference.

    read  returns the plate's frame; called only if the alpha's meaning depends on it.
    """
    with _opened(path, "reference") as (image, layout):
        file = _file(layout, path, plate, windows, frame, colorspace)
        if (channel := file.choice.alpha) is None or plate.premult == "no":
            return ReferenceSummary(file.place, Alpha.WHOLE)
        alpha = pixels_of(image, file.choice.part, 0, range(channel, channel + 1), "float")
        if (alpha >= 1).all() and file.covers(windows.data):
            return ReferenceSummary(file.place, Alpha.WHOLE)
        background = Background.of(read(), file.place)
        paint = _paint(read_rgba(image, file.spec, file.choice, file.space), file, background)
    return ReferenceSummary(
        file.place, paint.classify(background.rgb, background.alpha, plate.premult, background.matte)
    )


def read_mask(path: Path, picture: Picture) -> NDArray[np.float32]:
    """Read a mask: its alpha or, where it has none, its R, Y or first channel, as stored.

    A grey picture whose alpha is 1, or 0, everywhere was saved with an alpha that says nothing: there it is R, or Y. It
    lies where a reference of the plate's size would (see read_reference). Returns [h, w] float32 in 0..1 on the pixels
    of the picture's data window, 0 outside the mask's own pixels and where it is not finite. Raises InputError:
    unreadable, of another size, with such a channel in several parts.
    """
    windows = Windows(picture.data_window, picture.display_window)
    with _opened(path, "mask") as (image, layout):
        part, channel = _mask_channel(layout, path)
        spec = layout.specs[part][0]
        place = _mask_place(spec, layout, path, windows, picture.frame)
        values = _mask_values(image, part, spec, channel)
    return on(picture.data_window, place.window, values)


def read_mask_alone(path: Path) -> NDArray[np.float32]:
    """Read a mask of no plate, [h, w] float32 in 0..1 on its own pixels; see read_mask. Raises InputError."""
    with _opened(path, "mask") as (image, layout):
        part, channel = _mask_channel(layout, path)
        return _mask_values(image, part, layout.specs[part][0], channel)


def inspect_mask(path: Path, windows: Windows, frame: int) -> None:
    """Look at the header of a mask. Raises InputError as read_mask does."""
    with _opened(path, "mask") as (_, layout):
        part, _ = _mask_channel(layout, path)
        _mask_place(layout.specs[part][0], layout, path, windows, frame)


def _mask_place(spec: Any, layout: FileLayout, path: Path, windows: Windows, frame: int) -> Place:
    place = windows.in_pixels(spec, layout.format == "openexr")
    if place is None:
        own = data_window(spec)
        raise InputError(
            f"mask {path} is {own.width}x{own.height}, but the plate's frame {frame} is {windows}: "
            "expected the same size"
        )
    return place


@contextmanager
def _opened(path: Path, what: str) -> Iterator[tuple[Any, FileLayout]]:
    """Yield an open image and its layout. Raises InputError, also for what its reader cannot read."""
    try:
        with opened(path, unassociated=True) as image:
            layout = layout_of(image, path)
            if layout.deep:
                raise InputError(f"{what} {path} is a deep image: flatten it first (DeepToImage)")
            yield image, layout
    except ImageError as error:
        raise InputError(f"{what} {path} cannot be read: {explain(path, error)}") from None


def _file(layout: FileLayout, path: Path, plate: Plate, windows: Windows, frame: int, colorspace: str | None) -> _File:
    choice = _choose(layout, plate, path)
    spec = layout.specs[choice.part][0]
    openexr = layout.format == "openexr"
    places = windows.places(spec, openexr)
    if not places:
        own = data_window(spec)
        raise InputError(
            f"reference {path} is {own.width}x{own.height}, but the plate's frame {frame} is {windows}: expected that "
            "size, or another of the same shape"
        )
    shown = display_window(spec)
    cropped_from = shown if openexr and places[0].fitted is None and shown == windows.display else None
    space = _space_of(layout.format, spec, plate, colorspace)
    return _File(choice, spec, space, places, cropped_from)


def _space_of(file_format: str, spec: Any, plate: Plate, colorspace: str | None) -> WorkingSpace:
    """The colour space of a relit frame, and that of the plate's light: named, or what its file is taken for."""
    named = named_space(spec) if is_of_movie(spec) or not is_log(file_format) else assumed_space(file_format, spec)
    if colorspace is None and is_of_movie(spec):
        if is_of_movie(plate.spec) and named == named_space(plate.spec):
            return plate.space  # two movies that say the same of their colour have the same, whatever it is
        return reference_space(named or VIDEO_SPACE, False, plate.space)
    whole = is_whole(spec) and file_format != "openexr"
    if (colorspace or named) is None and not whole and plate.is_coded:
        linear = plate.space.linear  # nobody saves codes of a movie or of 8 bits as floats
        return WorkingSpace(linear, linear, plate.space.config)
    return reference_space(colorspace or named, whole, plate.space)


def _choose(layout: FileLayout, plate: Plate, path: Path) -> Choice:
    name = f"reference {path}"
    if plate.layer is not None or plate.view is not None:
        try:
            return choose(layout.names, plate.layer, plate.view, name)
        except InputError:
            return choose(layout.names, None, None, name)
    return choose(layout.names, None, None, name)


def _placed(
    rgb: Float32, clipped: NDArray[np.bool_], file: _File, canvas: Box
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a file's rgb, 0 where it is not finite, and where it is known, on the pixels of a background."""
    finite = np.asarray(np.isfinite(rgb).all(axis=-1), np.bool_)
    rgb, known = np.where(finite[..., None], rgb, np.float32(0)), finite & ~clipped
    return _on_background(rgb, file, canvas), _on_background(known, file, canvas)


def _paint(relit: RgbaImage, file: _File, background: Background) -> Paint:
    rgb, known = _placed(relit.premultiplied, relit.clipped, file, background.window)
    shown, _ = _placed(relit.rgb, relit.clipped, file, background.window)
    assert relit.alpha is not None
    alpha, inside = np.nan_to_num(relit.alpha, nan=1.0, posinf=1.0, neginf=0.0), np.ones(relit.alpha.shape, np.bool_)
    alpha, inside = (_on_background(each, file, background.window) for each in (alpha, inside))
    if file.cropped_from is not None:
        # OpenEXR: outside its data window an image is transparent, as far as its display window reaches.
        whole = np.ones((file.cropped_from.height, file.cropped_from.width), np.bool_)
        inside |= on(background.window, file.cropped_from, whole)
    return Paint(rgb, shown, known, alpha, inside, relit.straight)


def _on_background(values: NDArray[Any], file: _File, canvas: Box) -> NDArray[Any]:
    """Return a file's values on the pixels of a background, scaled down where the file has more."""
    place = file.place
    if place.fitted is None:
        return on(canvas, place.window, values)
    if place.enlarged:
        return on(canvas, file.own, values)
    scaled: NDArray[Any] = fitted(values, file.own, place)
    return on(canvas, place.window, scaled >= COVERED if values.dtype == np.bool_ else scaled)


def _mask_channel(layout: FileLayout, path: Path) -> tuple[int, int]:
    """Return the part and the channel in it that are a mask. Raises InputError where several may be meant."""
    names = layout.names
    for name in ("A", "R", "Y"):
        found = [(part, each.channels.index(name)) for part, each in enumerate(names) if name in each.channels]
        if len(found) == 1:
            return found[0]
        if found:
            parts = ", ".join(names[part].name or str(part) for part, _ in found)
            raise InputError(f"mask {path} has {name} in several parts ({parts}): expected the matte alone")
    if len(names) > 1:
        raise InputError(f"mask {path} has several parts, and none with A, R or Y: expected the matte alone")
    return 0, 0


def _mask_values(image: Any, part: int, spec: Any, channel: int) -> Float32:
    """Return a mask [h, w] in 0..1, 0 where it is not finite."""
    values = _mask_as_stored(image, part, spec, channel)
    return np.asarray(np.clip(np.nan_to_num(values, nan=0, posinf=0, neginf=0), 0, 1), np.float32)


def _mask_as_stored(image: Any, part: int, spec: Any, channel: int) -> Float32:
    """Return the channel [h, w] that is a mask, or a grey picture's own values where its alpha says nothing."""
    names = list(spec.channelnames)

    def read(name: str) -> Float32:
        at = names.index(name)
        return np.asarray(pixels_of(image, part, 0, range(at, at + 1), "float")[..., 0], np.float32)

    values = read(names[channel])
    if names[channel] != "A" or not ((values >= 1).all() or (values == 0).all()):
        return values
    if {"R", "G", "B"} <= set(names):
        red, green, blue = map(read, "RGB")
        return red if np.array_equal(red, green) and np.array_equal(red, blue) else values
    return read("Y") if "Y" in names else values
