# ruff: noqa: N802  the names are Nuke's
"""What nodes hand on: float32 channels in a bounding box that lies on a format; and OpenEXR files of them.

Nuke counts rows from below. Arrays here count them from above, as the files do; `bbox` and `sample` turn them round.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

_LONG = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}
_SHORT = {long: short for short, long in _LONG.items()}


class Format:
    def __init__(self, width: int, height: int, aspect: float = 1.0, name: str = "") -> None:
        self._size, self._aspect, self._name = (width, height), aspect, name

    def width(self) -> int:
        return self._size[0]

    def height(self) -> int:
        return self._size[1]

    def pixelAspect(self) -> float:
        return self._aspect

    def name(self) -> str:
        return self._name

    def x(self) -> int:
        return 0

    def y(self) -> int:
        return 0

    def r(self) -> int:
        return self._size[0]

    def t(self) -> int:
        return self._size[1]


@dataclass(frozen=True)
class Box:
    """Nuke's Info: a rectangle, rows counted from below."""

    left: int
    bottom: int
    width: int
    height: int

    def x(self) -> float:
        return self.left

    def y(self) -> float:
        return self.bottom

    def w(self) -> float:
        return self.width

    def h(self) -> float:
        return self.height


class FrameRange:
    """FrameRange(first, last, step), or FrameRange("1001-1010x2")."""

    def __init__(self, first: int | str, last: int | None = None, step: int = 1) -> None:
        if isinstance(first, str):
            match = re.fullmatch(r"(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?", first)
            if match is None:
                raise ValueError(f"no range of frames: {first}")
            first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        if last is None or step < 1:
            raise ValueError(f"no range of frames: {first}, {last}, {step}")
        self._range = (first, last, step)

    def first(self) -> int:
        return self._range[0]

    def last(self) -> int:
        return self._range[1]

    def increment(self) -> int:
        return self._range[2]

    def frames(self) -> int:
        return len(list(self))

    def __iter__(self) -> Iterator[int]:
        first, last, step = self._range
        return iter(range(first, last + 1, step))


class FrameRanges:
    """Several of them: FrameRanges("1001-1010 1020"), or of a list of FrameRange or of numbers."""

    def __init__(self, of: Any = ()) -> None:
        items = of.replace(",", " ").split() if isinstance(of, str) else of
        self._ranges = [item if isinstance(item, FrameRange) else FrameRange(str(item)) for item in items]

    def add(self, r: FrameRange) -> None:
        self._ranges.append(r)

    def size(self) -> int:
        return len(self._ranges)

    def toFrameList(self) -> list[int]:
        return sorted({frame for r in self._ranges for frame in r})

    def __iter__(self) -> Iterator[FrameRange]:
        return iter(self._ranges)


@dataclass(frozen=True)
class Picture:
    """channels  Nuke's names ("rgba.red") to [h, w] float32.

    left, top  of the arrays, from the format's top left corner.
    """

    channels: Mapping[str, Float32]
    left: int
    top: int
    format: Format
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the arrays."""
        for values in self.channels.values():
            return values.shape[1], values.shape[0]
        return 0, 0

    def bbox(self) -> Box:
        width, height = self.size
        return Box(self.left, self.format.height() - self.top - height, width, height)

    def sample(self, channel: str, x: float, y: float) -> float:
        width, height = self.size
        column, row = int(x) - self.left, self.format.height() - 1 - int(y) - self.top
        inside = 0 <= column < width and 0 <= row < height and channel in self.channels
        return float(self.channels[channel][row, column]) if inside else 0.0

    def with_channels(self, channels: Mapping[str, Float32]) -> Picture:
        return Picture(channels, self.left, self.top, self.format, self.metadata)

    def fitted(self, other: Picture, channel: str) -> Float32:
        """A channel of another picture where this one has its pixels; 0 where that has none."""
        width, height = self.size
        found = np.zeros((height, width), np.float32)
        if channel not in other.channels:
            return found
        theirs = other.channels[channel]
        across, down = other.left - self.left, other.top - self.top
        x0, y0 = max(across, 0), max(down, 0)
        x1, y1 = min(across + theirs.shape[1], width), min(down + theirs.shape[0], height)
        if x0 < x1 and y0 < y1:
            found[y0:y1, x0:x1] = theirs[y0 - down : y1 - down, x0 - across : x1 - across]
        return found

    def halved(self) -> Picture:
        """What proxy mode makes of it."""
        channels = {name: values[::2, ::2] for name, values in self.channels.items()}
        size = self.format.width() // 2, self.format.height() // 2
        return Picture(channels, self.left // 2, self.top // 2, Format(*size, self.format.pixelAspect()), self.metadata)


def nuke_name(channel: str) -> str:
    """`R` is rgba.red, `beauty.G` beauty.green, `Z` depth.Z, `Y` other.Y."""
    layer, _, name = channel.rpartition(".")
    if layer:
        return f"{layer}.{_LONG.get(name, name)}"
    return f"rgba.{_LONG[name]}" if name in _LONG else f"depth.{name}" if name == "Z" else f"other.{name}"


def file_name(channel: str) -> str:
    layer, _, name = channel.rpartition(".")
    return _SHORT[name] if layer == "rgba" else channel


def read(path: Path, view: str) -> Picture:
    """Raises RuntimeError with the words of the reader where the file cannot be read."""
    image = oiio.ImageInput.open(str(path))
    if image is None:
        raise RuntimeError(f"{path}: {oiio.geterror() or 'cannot be opened'}")
    channels: dict[str, Float32] = {}
    number = 0
    try:
        while image.seek_subimage(number, 0):
            spec = image.spec()
            if number == 0:
                first = spec
            if spec.get_string_attribute("view") in ("", view):
                values = image.read_image(number, 0, 0, spec.nchannels, "float")
                if values is None:
                    raise RuntimeError(f"{path}: {image.geterror()}")
                channels |= {nuke_name(n): values[..., i] for i, n in enumerate(spec.channelnames)}
            number += 1
    finally:
        image.close()
    size = Format(first.full_width, first.full_height, first.get_float_attribute("PixelAspectRatio", 1.0))
    metadata = {f"exr/{attribute.name}": attribute.value for attribute in first.extra_attribs}
    return Picture(channels, first.x - first.full_x, first.y - first.full_y, size, metadata)


def flat(size: Format, value: float = 0.0) -> Picture:
    """One value in every pixel of RGBA."""
    values = np.full((size.height(), size.width()), value, np.float32)
    return Picture({f"rgba.{name}": values for name in _SHORT}, 0, 0, size)


def checkered(size: Format) -> Picture:
    """Squares of 8 pixels."""
    rows, columns = np.mgrid[: size.height(), : size.width()] // 8
    values = ((rows + columns) % 2).astype(np.float32)
    return Picture({f"rgba.{name}": values for name in _SHORT}, 0, 0, size)


def write(
    path: Path,
    picture: Picture,
    names: list[str],
    kind: str,
    compression: str,
    metadata: Mapping[str, str],
) -> None:
    """Raises RuntimeError with the words of the writer. kind is half or float."""
    width, height = picture.size
    spec = oiio.ImageSpec(width, height, len(names), kind)
    spec.channelnames = tuple(file_name(name) for name in names)
    spec.x, spec.y = picture.left, picture.top
    spec.full_width, spec.full_height = picture.format.width(), picture.format.height()
    spec.attribute("PixelAspectRatio", picture.format.pixelAspect())
    spec.attribute("compression", compression)
    for name, value in metadata.items():
        spec.attribute(name, value)
    output = oiio.ImageOutput.create(str(path))
    if not output or not output.open(str(path), spec):
        raise RuntimeError(f"{path}: {output.geterror() if output else oiio.geterror()}")
    values = np.stack([picture.channels[name] for name in names], axis=-1)
    done = output.write_image(np.ascontiguousarray(values))
    said = output.geterror()
    output.close()
    if not done:
        raise RuntimeError(f"{path}: {said}")
