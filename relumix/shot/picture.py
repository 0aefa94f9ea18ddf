"""A plate frame in memory: its pixels as float32, and the rest of its file as stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relumix.shot.box import Box
from relumix.shot.channels import Choice
from relumix.shot.exr_header import Attribute, Header


@dataclass(frozen=True)
class Level:
    """One mip level of a plate (most have one).

    rgb    [h, w, 3] float32, scene-linear, premultiplied as stored, the pixels of the level's data window.
    alpha  [h, w] float32, or None where the plate has none that is coverage (see shot.alpha).
    matte  [h, w] float32: alpha that is no coverage; None where there is none.
    """

    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32] | None
    matte: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Plane:
    """The channels of a part that share a type: their indices in the part, and [h, w, len(channels)] in that type."""

    channels: tuple[int, ...]
    pixels: NDArray[np.generic]


@dataclass(frozen=True)
class PartLevel:
    """A mip level of a part: its data window and its channels."""

    window: Box
    planes: tuple[Plane, ...]


@dataclass(frozen=True)
class Part:
    """A part of a file, kept so that it can be written back.

    types        'half', 'float' or 'uint' for each of the channels.
    tile         (width, height) in pixels, or None for scanlines.
    round_up     whether the size of a mip level is rounded up.
    compression  as OpenImageIO names it, with the level where the file says it: 'dwaa:45'.
    """

    channels: tuple[str, ...]
    types: tuple[str, ...]
    levels: tuple[PartLevel, ...]
    tile: tuple[int, int] | None
    mipmapped: bool
    round_up: bool
    compression: str
    line_order: str


@dataclass(frozen=True)
class Contents:
    """All of a file besides the relit channels.

    headers   one a part, as stored; empty where the file was no OpenEXR file.
    replaced  header attributes that the relit part gets instead of its own; None takes one out.
    """

    parts: tuple[Part, ...]
    choice: Choice
    headers: tuple[Header, ...] = ()
    version: int = 2
    replaced: Mapping[str, Attribute | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """One frame of a plate.

    levels          the mip levels, the full size first.
    data_window     the pixels that the arrays hold.
    display_window  the frame itself, without overscan.
    pixel_aspect    the width of a pixel over its height.
    rgb_names       the names of the channels that are relit, red first.
    contents        everything else of the file, for `write` alone.
    """

    frame: int
    path: Path
    levels: tuple[Level, ...]
    data_window: Box
    display_window: Box
    pixel_aspect: float
    rgb_names: tuple[str, ...]
    contents: Contents = field(repr=False)

    @property
    def rgb(self) -> NDArray[np.float32]:
        """[h, w, 3] float32 at full size."""
        return self.levels[0].rgb

    @property
    def alpha(self) -> NDArray[np.float32] | None:
        """[h, w] float32 at full size, or None where there is none that is coverage."""
        return self.levels[0].alpha

    @property
    def matte(self) -> NDArray[np.float32] | None:
        """[h, w] float32 at full size: alpha that is no coverage, and passed through alone; None without."""
        return self.levels[0].matte


def nonfinite(picture: Picture) -> int:
    """How many pixels have a red, green or blue that is NaN or infinite."""
    # A finite sum proves that all pixels are finite, at a fraction of the cost of checking each.
    with np.errstate(all="ignore"):
        if np.isfinite(np.sum(picture.rgb)):
            return 0
    return int(np.count_nonzero(~np.isfinite(picture.rgb).all(axis=-1)))
