"""OpenEXR files for tests: made by hand, byte by byte, or by OpenImageIO; and how to compare two of them."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray

from relumix.errors import InputError
from relumix.shot import Picture, Plate, read_reference

TYPES = {np.dtype(np.uint32): 0, np.dtype(np.float16): 1, np.dtype(np.float32): 2}
Attributes = Mapping[str, tuple[str, bytes]]


def noise(height: int, width: int, channels: int = 4, dtype: Any = np.float16, seed: int = 0) -> NDArray[Any]:
    """[height, width, channels] around 0, some far above 1, none equal."""
    values = np.random.default_rng(seed).normal(0.2, 1.0, (height, width, channels)) ** 3
    return values.astype(dtype)


def by_hand(
    path: Path,
    channels: Mapping[str, NDArray[Any]],
    *,
    origin: tuple[int, int] = (0, 0),
    display: tuple[int, int, int, int] | None = None,
    attributes: Attributes | None = None,
    aspect: float = 1.0,
    sampling: Mapping[str, int] | None = None,
) -> Path:
    """Write [h, w] arrays of uint32, float16 or float32 as an uncompressed file of one part, without any library.

    display is (left, top, right, bottom), the last two inclusive, as OpenEXR has it. sampling only goes to the header.
    """
    names = sorted(channels)
    height, width = channels[names[0]].shape
    x, y = origin
    data = (x, y, x + width - 1, y + height - 1)
    every = sampling or {}
    entries = [
        name.encode()
        + b"\0"
        + struct.pack("<iB3xii", TYPES[channels[name].dtype], 0, every.get(name, 1), every.get(name, 1))
        for name in names
    ]
    header: dict[str, tuple[str, bytes]] = {
        "channels": ("chlist", b"".join(entries) + b"\0"),
        "compression": ("compression", b"\0"),
        "dataWindow": ("box2i", struct.pack("<4i", *data)),
        "displayWindow": ("box2i", struct.pack("<4i", *(display or data))),
        "lineOrder": ("lineOrder", b"\0"),
        "pixelAspectRatio": ("float", struct.pack("<f", aspect)),
        "screenWindowCenter": ("v2f", struct.pack("<2f", 0, 0)),
        "screenWindowWidth": ("float", struct.pack("<f", 1)),
        **(attributes or {}),
    }
    version = 2 | (0x400 if any(len(name) > 31 for name in header) else 0)
    front = struct.pack("<ii", 20000630, version)
    for name, (kind, value) in header.items():
        front += name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value
    front += b"\0"
    rows = [b"".join(channels[name][row].tobytes() for name in names) for row in range(height)]
    first, size = len(front) + 8 * height, len(rows[0]) + 8
    table = b"".join(struct.pack("<Q", first + size * row) for row in range(height))
    chunks = b"".join(struct.pack("<ii", y + row, len(pixels)) + pixels for row, pixels in enumerate(rows))
    path.write_bytes(front + table + chunks)
    return path


def by_oiio(
    path: Path, parts: Sequence[tuple[Any, Sequence[NDArray[Any]]]] | tuple[Any, Sequence[NDArray[Any]]]
) -> Path:
    """Write parts, each an oiio.ImageSpec and an array [h, w, channels] a mip level."""
    parts = [parts] if isinstance(parts, tuple) else parts
    output = oiio.ImageOutput.create(str(path))
    specs = [spec for spec, _ in parts]
    assert output.open(str(path), specs if len(specs) > 1 else specs[0]), output.geterror()
    for number, (spec, levels) in enumerate(parts):
        if number:
            assert output.open(str(path), spec, "AppendSubimage"), output.geterror()
        for level, pixels in enumerate(levels):
            if level:
                smaller = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], spec.format)
                smaller.tile_width, smaller.tile_height = spec.tile_width, spec.tile_height
                assert output.open(str(path), smaller, "AppendMIPLevel"), output.geterror()
            assert output.write_image(np.ascontiguousarray(pixels)), output.geterror()
    output.close()
    return path


def spec_of(
    pixels: NDArray[Any],
    names: Sequence[str] = "RGBA",
    *,
    tile: tuple[int, int] | None = None,
    window: tuple[int, int] = (0, 0),
    display: tuple[int, int, int, int] | None = None,
    **attributes: Any,
) -> Any:
    """An oiio.ImageSpec for an array. display is (x, y, width, height); __ in attribute names stands for a colon."""
    height, width, channels = pixels.shape
    kind = {"float16": "half", "float32": "float", "uint8": "uint8", "uint16": "uint16"}[pixels.dtype.name]
    spec = oiio.ImageSpec(width, height, channels, kind)
    spec.channelnames = tuple(names[:channels])
    spec.x, spec.y = window
    spec.full_x, spec.full_y, spec.full_width, spec.full_height = display or (*window, width, height)
    if tile:
        spec.tile_width, spec.tile_height = tile
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), value)
    return spec


def plain(path: Path, pixels: NDArray[Any], names: Sequence[str] = "RGBA", **layout: Any) -> Path:
    """Write one array as a file of one part and level."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return by_oiio(path, (spec_of(pixels, names, **layout), [pixels]))


def light(path: Path) -> NDArray[np.float32]:
    """The first part of a file, [h, w, channels]."""
    image = oiio.ImageInput.open(str(path))
    assert image, oiio.geterror()
    pixels = np.asarray(image.read_image("float"))
    image.close()
    return pixels


def headers(path: Path) -> list[dict[str, tuple[str, bytes]]]:
    """The header of each part as stored, read without any library."""
    data = path.read_bytes()
    version = struct.unpack("<i", data[4:8])[0]
    place, parts = 8, []
    while True:
        header = {}
        while data[place]:
            end = data.index(b"\0", place)
            kind_end = data.index(b"\0", end + 1)
            (size,) = struct.unpack_from("<i", data, kind_end + 1)
            value = data[kind_end + 5 : kind_end + 5 + size]
            header[data[place:end].decode()] = (data[end + 1 : kind_end].decode(), value)
            place = kind_end + 5 + size
        place += 1
        parts.append(header)
        if not version & 0x1000 or not data[place]:
            return parts


def pixels(path: Path) -> list[list[dict[str, NDArray[Any]]]]:
    """Every channel of every level of every part, [h, w], in its own type."""
    image = oiio.ImageInput.open(str(path))
    assert image, oiio.geterror()
    parts: list[list[dict[str, NDArray[Any]]]] = []
    while image.seek_subimage(len(parts), 0):
        levels: list[dict[str, NDArray[Any]]] = []
        while image.seek_subimage(len(parts), len(levels)):
            spec = image.spec()
            levels.append({})
            kinds = [str(spec.channelformat(index)) for index in range(spec.nchannels)]
            read = {k: image.read_image(len(parts), len(levels) - 1, 0, spec.nchannels, k) for k in set(kinds)}
            assert all(values is not None for values in read.values()), image.geterror()
            for index, (name, kind) in enumerate(zip(spec.channelnames, kinds, strict=True)):
                levels[-1][name] = read[kind][..., index]
        parts.append(levels)
    return parts


def assert_same_pixels(one: Path, other: Path, but: Sequence[str] = ()) -> None:
    """Fail where a channel, except those named, is not equal in type and bit by bit (any NaN being like any other)."""
    for mine, theirs in zip(pixels(one), pixels(other), strict=True):
        for level, (own, its) in enumerate(zip(mine, theirs, strict=True)):
            assert own.keys() == its.keys()
            for name in own.keys() - set(but):
                assert own[name].dtype == its[name].dtype, name
                assert np.array_equal(own[name], its[name], equal_nan=own[name].dtype.kind == "f"), (name, level)


def reference_error(path: Path, picture: Picture, plate: Plate) -> str:
    """What reading a reference raises."""
    with pytest.raises(InputError) as caught:
        read_reference(path, picture, plate=plate)
    return str(caught.value)
