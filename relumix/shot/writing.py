"""Writes a relit frame: the plate's file with other pixels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from relumix.errors import InputError
from relumix.shot import exr_header
from relumix.shot.exr_header import Attribute
from relumix.shot.images import ImageError, what_went_wrong
from relumix.shot.picture import Part, PartLevel, Picture
from relumix.util.atomic_file import replacing, temporary_name
from relumix.util.native_name import native_name
from relumix.util.words import is_utf8

HALF_MAX = 65504.0
ROWS_AT_ONCE = 512
"""Rows that are assembled and written at once: a multiple of every tile and compression block."""

_MOST_CHUNK_BYTES = 8 << 20
"""More than what OpenEXR writes at once: where a chunk had no room, so much has none."""

COMPRESSIONS = (*exr_header.COMPRESSION_CODES, "zstd")
LOSSY = ("pxr24", "b44", "b44a", "dwaa", "dwab")
Bits = Literal["half", "float"]


def write(
    path: Path,
    picture: Picture,
    rgb: Sequence[NDArray[np.float32]],
    *,
    attributes: Mapping[str, str | int | float],
    compression: str | None = None,
    bits: Bits | None = None,
) -> None:
    """Write a picture with other pixels; its name appears only when the file is complete.

    Everything else that was read is written as it was: windows, parts, channels and their types, levels, and the
    header byte for byte.

    rgb          one [h, w, 3] float32 a level of the picture, scene-linear, premultiplied; of a map as many channels as
                 its picture chooses.
    attributes   are added to the header of the part that was relit.
    compression  as OpenImageIO names it, with a level where it has one: zip, dwaa:45. None keeps the plate's if it is
                 lossless, and is zip for the others, which would lose again what they have lost once.
    bits         the type of the relit channels; None keeps the plate's. In half, finite values are clipped to +-65504.

    Raises InputError: an unknown compression, no permission, no space.
    """
    part = picture.contents.parts[picture.contents.choice.part]
    shapes = [(*level.rgb.shape[:2], len(picture.contents.choice.rgb)) for level in picture.levels]
    if [level.shape for level in rgb] != shapes:
        raise ValueError(f"light of shape {[level.shape for level in rgb]}: expected {shapes}")
    if compression is not None:
        check_compression(compression)
    kinds = list(part.types)
    for index in picture.contents.choice.rgb:
        kinds[index] = bits or kinds[index]
    relit = replace(part, types=tuple(kinds))
    parts = [relit if each is part else each for each in picture.contents.parts]
    parts = [replace(each, compression=compression or _lossless(each.compression)) for each in parts]
    with replacing(path) as whole, _pixels_file(path) as pixels:
        try:
            _write_pixels(pixels, picture, parts, rgb)
            headers = _headers(picture, parts, attributes, pixels)
            exr_header.transplant(pixels, whole, headers, picture.contents.version)
        except (ImageError, exr_header.HeaderError) as error:
            _write_on(pixels)
            raise InputError(f"{path} cannot be written: {str(error).replace(str(pixels), path.name)}") from None


@contextmanager
def _pixels_file(path: Path) -> Iterator[Path]:
    """Yield a file beside `path` for OpenImageIO to write to, whose pixels get their header afterwards."""
    name = temporary_name(path)
    name.touch(exist_ok=False)
    try:
        yield name
    finally:
        name.unlink(missing_ok=True)


def _write_on(pixels: Path) -> None:
    """Raise the OSError for which a file could not be written, if it stands: OpenImageIO does not say which it was."""
    with pixels.open("ab") as file:
        file.write(bytes(_MOST_CHUNK_BYTES))


def check_compression(compression: str) -> None:
    """Raise InputError where a compression, such as `zip` or `dwaa:45`, is not one of OpenEXR's."""
    kind, colon, level = compression.partition(":")
    if kind not in COMPRESSIONS:
        raise InputError(f"unknown compression '{compression}': expected one of {', '.join(COMPRESSIONS)}")
    if colon and not re.fullmatch(r"\d+(\.\d+)?", level):
        raise InputError(f"compression '{compression}' has no level behind its colon: expected a number, as in dwaa:45")


def _write_pixels(path: Path, picture: Picture, parts: Sequence[Part], rgb: Sequence[NDArray[np.float32]]) -> None:
    """Write all pixels through OpenImageIO, integers bit-cast to floats, since it writes one type a file."""
    if len({part.tile is None for part in parts}) > 1:  # OpenImageIO writes files of one kind of part only.
        parts = [replace(part, tile=None) for part in parts]
    specs = [_spec(part, part.levels[0], picture, number) for number, part in enumerate(parts)]
    with native_name(path) as name:
        _write_parts(name, specs, picture, parts, rgb)


def _write_parts(
    name: str, specs: Sequence[Any], picture: Picture, parts: Sequence[Part], rgb: Sequence[NDArray[np.float32]]
) -> None:
    output = oiio.ImageOutput.create(name)
    if output is None:
        raise ImageError(what_went_wrong())
    _must(output, output.open(name, specs if len(specs) > 1 else specs[0]))
    for number, part in enumerate(parts):
        if number:
            _must(output, output.open(name, specs[number], "AppendSubimage"))
        relit = number == picture.contents.choice.part
        for index, level in enumerate(part.levels):
            if index:
                _must(output, output.open(name, _spec(part, level, picture, number), "AppendMIPLevel"))
            _write_level(output, part, level, picture.contents.choice.rgb, rgb[index] if relit else None)
    _must(output, output.close())


def _must(output: Any, done: bool) -> None:
    """Raise ImageError where a call failed. Nothing more may be written then: OpenEXR would wait for ever."""
    if not done or output.has_error:
        raise ImageError(what_went_wrong(output))


def _spec(part: Part, level: PartLevel, picture: Picture, number: int) -> Any:
    window, display = level.window, picture.display_window
    types = ["float" if kind == "uint" else kind for kind in part.types]
    spec = oiio.ImageSpec(window.width, window.height, len(types), "float" if "float" in types else "half")
    spec.x, spec.y = window.x, window.y
    spec.full_x, spec.full_y, spec.full_width, spec.full_height = display.x, display.y, display.width, display.height
    spec.channelnames = _names_in_order(part.channels)
    if len(set(types)) > 1:
        spec.channelformats = tuple(oiio.TypeDesc(kind) for kind in types)
    if part.tile:
        spec.tile_width, spec.tile_height = part.tile
    spec.attribute("compression", _safe_compression(part))
    spec.attribute("openexr:lineOrder", part.line_order)
    spec.attribute("oiio:subimagename", f"part{number}")
    spec.attribute("PixelAspectRatio", picture.pixel_aspect)
    if part.mipmapped:
        spec.attribute("textureformat", "Plain Texture")
        spec.attribute("openexr:levelmode", 1)
        spec.attribute("openexr:roundingmode", int(part.round_up))
    return spec


def _names_in_order(channels: Sequence[str]) -> Sequence[str]:
    """The names of channels or, where OpenImageIO cannot take one that is not UTF-8, others in the same order: files
    hold the pixels by it, and the header says the names.
    """
    if all(map(is_utf8, channels)):
        return channels
    stored = [name.encode("utf-8", "surrogateescape") for name in channels]
    return [f"channel{sorted(stored).index(name):05d}" for name in stored]


def _lossless(compression: str) -> str:
    return "zip" if compression.partition(":")[0] in LOSSY else compression


def _safe_compression(part: Part) -> str:
    """The compression of a part, or zip where that would not keep whole numbers whole.

    PXR24 rounds floats, and DWA tells what it may round by the name and type of a channel.
    """
    kind = part.compression.partition(":")[0]
    whole = [
        name.rpartition(".")[2].lower() for name, kind in zip(part.channels, part.types, strict=True) if kind == "uint"
    ]
    rounded = kind == "pxr24" or (kind in ("dwaa", "dwab") and {"r", "g", "b", "a", "y", "by", "ry"} & set(whole))
    return "zip" if whole and rounded else part.compression


def _write_level(
    output: Any, part: Part, level: PartLevel, channels: tuple[int, ...], rgb: NDArray[np.float32] | None
) -> None:
    window = level.window
    for strip in _strips(part, window.height):
        pixels = _assemble(part, level, strip, channels, rgb)
        first, last = window.y + strip.start, window.y + strip.stop
        if part.tile:
            _must(output, output.write_tiles(window.x, window.right, first, last, 0, 1, pixels))
        else:
            _must(output, output.write_scanlines(first, last, 0, pixels))


def _strips(part: Part, height: int) -> Iterator[slice]:
    """Strips of rows, in the order in which OpenEXR takes them."""
    if not part.tile and part.line_order == "decreasingY":  # The last row goes first.
        yield from (slice(row, row + 1) for row in reversed(range(height)))
        return
    rows = max(ROWS_AT_ONCE // part.tile[1], 1) * part.tile[1] if part.tile else ROWS_AT_ONCE
    yield from (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def _assemble(
    part: Part, level: PartLevel, strip: slice, channels: tuple[int, ...], rgb: NDArray[np.float32] | None
) -> NDArray[Any]:
    """All channels of some rows side by side, in half or float; whole numbers keep their bits."""
    shape = (strip.stop - strip.start, level.window.width, len(part.types))
    pixels = np.empty(shape, np.float16 if set(part.types) == {"half"} else np.float32)
    with np.errstate(invalid="ignore"):  # Signalling NaNs raise a warning on conversion; they may pass.
        for plane in level.planes:
            values = plane.pixels[strip]
            pixels[..., _indices(plane.channels)] = values.view(np.float32) if values.dtype == np.uint32 else values
        if rgb is not None:
            for index, channel in enumerate(channels):
                pixels[..., channel] = _fit(rgb[strip][..., index], part.types[channel])
    return pixels


def _indices(channels: tuple[int, ...]) -> slice | list[int]:
    """Channels as a slice where they lie side by side, which numpy copies without going through them one by one."""
    if channels == tuple(range(channels[0], channels[-1] + 1)):
        return slice(channels[0], channels[-1] + 1)
    return list(channels)


def _fit(values: NDArray[np.float32], kind: str) -> NDArray[np.float32]:
    """Clamp finite values to the range of a type, so that they stay finite; leave NaN and infinity."""
    if kind != "half":
        return values
    return np.where(np.isfinite(values), np.clip(values, -HALF_MAX, HALF_MAX), values)


def _headers(
    picture: Picture, parts: Sequence[Part], attributes: Mapping[str, str | int | float], pixels: Path
) -> list[exr_header.Header]:
    headers = [dict(header) for header in picture.contents.headers]
    if not headers:
        headers = [dict(header) for header in exr_header.read_headers(pixels)[1]]
        for own in ("capDate", "name"):  # OpenImageIO's: the time of writing, and a name for any part.
            headers[0].pop(own, None)
    for part, header in zip(parts, headers, strict=True):
        header["channels"] = _channel_list(part, header)
        level = part.compression.partition(":")[2]
        if part.compression.startswith("dwa") and level:
            header["dwaCompressionLevel"] = Attribute.of(float(level))
        else:
            header.pop("dwaCompressionLevel", None)
    relit = headers[picture.contents.choice.part]
    for name, attribute in picture.contents.replaced.items():
        relit.pop(name, None)
        if attribute is not None:
            relit[name] = attribute
    relit.update({name: Attribute.of(value) for name, value in attributes.items()})
    return list(headers)


def _channel_list(part: Part, header: exr_header.Header) -> Attribute:
    types = {"uint": exr_header.UINT, "half": exr_header.HALF, "float": exr_header.FLOAT}
    wanted = {name: types[kind] for name, kind in zip(part.channels, part.types, strict=True)}
    return exr_header.channel_list([replace(entry, type=wanted[entry.name]) for entry in exr_header.channels(header)])
