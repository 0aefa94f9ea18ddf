"""The layout of an image file: its parts, levels and channels, and whether it can be relit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relumix.errors import InputError
from relumix.shot import exr_header
from relumix.shot.channels import PartNames, is_colour
from relumix.shot.images import ImageError, display_window, spec_of

RIPMAP_LEVELS = 2


@dataclass(frozen=True)
class FileLayout:
    """The layout in a file's header.

    specs    the oiio.ImageSpec of each mip level of each part.
    headers  the OpenEXR header of each part, as stored; empty for other formats.
    """

    format: str
    specs: tuple[tuple[Any, ...], ...]
    headers: tuple[exr_header.Header, ...]
    version: int

    @property
    def names(self) -> tuple[PartNames, ...]:
        """The names of its parts."""
        return tuple(_names(levels[0]) for levels in self.specs)

    @property
    def deep(self) -> bool:
        """Whether a part has any number of samples a pixel."""
        return any(levels[0].deep for levels in self.specs)

    @property
    def ripmapped(self) -> bool:
        """Whether a part has levels for each pair of halvings of its width and height."""
        return any(spec.get_int_attribute("openexr:levelmode") == RIPMAP_LEVELS for spec, *_ in self.specs)


def _names(spec: Any) -> PartNames:
    views = spec.getattribute("multiView") or ()
    views = (views,) if isinstance(views, str) else tuple(views)
    name = spec.get_string_attribute("oiio:subimagename")
    return PartNames(name, spec.get_string_attribute("view"), tuple(spec.channelnames), views)


def layout_of(image: Any, path: Path) -> FileLayout:
    """The layout of an open oiio.ImageInput. Raises ImageError."""
    specs: list[tuple[Any, ...]] = []
    while (spec := spec_of(image, len(specs))) is not None:
        levels = [spec]
        ripmapped = spec.get_int_attribute("openexr:levelmode") == RIPMAP_LEVELS
        while not ripmapped and (spec := spec_of(image, len(specs), len(levels))) is not None:
            levels.append(spec)
        specs.append(tuple(levels))
    if not specs:
        raise ImageError("it holds no image")
    if image.format_name() != "openexr":
        return FileLayout(image.format_name(), tuple(specs), (), 0)
    try:
        version, headers = exr_header.read_headers(path)
    except (exr_header.HeaderError, OSError) as error:
        raise ImageError(str(error)) from None
    if len(headers) != len(specs):
        raise ImageError(f"its header names {len(headers)} parts, but {len(specs)} can be opened")
    return FileLayout("openexr", tuple(specs), headers, version)


def subsampled_channels(path: Path) -> tuple[str, ...]:
    """The chroma channels of a luminance-chroma file, which OpenImageIO does not open; none for other files."""
    try:
        entries = [entry for header in exr_header.read_headers(path)[1] for entry in exr_header.channels(header)]
    except (exr_header.HeaderError, OSError):
        return ()
    chroma = [entry.name for entry in entries if entry.sampling != (1, 1)]
    return tuple(name for name in chroma if name.rpartition(".")[2] in ("BY", "RY"))


def explain(path: Path, error: ImageError) -> str:
    """Why a file cannot be read, as the end of a sentence."""
    chroma = subsampled_channels(path)
    if not chroma:
        return str(error)
    return f"it is a subsampled luminance-chroma image ({', '.join(chroma)} lack pixels); convert it to RGB first"


def refuse(layout: FileLayout, path: Path) -> None:
    """Raise InputError for kinds of images that cannot be relit."""
    if layout.deep:
        raise InputError(f"{path} is a deep image: relumix relights flat ones; flatten it first (DeepToImage)")
    if layout.ripmapped:
        raise InputError(f"{path} is rip-mapped: save it with mip levels, or one level, first")
    if len(layout.specs) > 1 and any(len(levels) > 1 for levels in layout.specs):
        raise InputError(f"{path} has several parts and mip levels: save it with one of the two first")


def outline(layout: FileLayout) -> dict[str, str]:
    """The properties that all frames of a shot must share, by their names in errors."""
    names, spec = layout.names, layout.specs[0][0]  # OpenEXR has one display window and pixel aspect for all parts.
    parts = ", ".join(f"{each.name or number} {each.view}".strip() for number, each in enumerate(names))
    return {
        "format": layout.format,
        "parts": parts if len(names) > 1 else "one",  # The name of the only part says nothing about how it is laid out.
        "channels": "; ".join(",".join(each.channels) for each in names),
        "whole numbers": "in " + (",".join(_whole_numbers(layout)) or "no colour"),
        "display window": str(display_window(spec)),
        "pixel aspect": f"{spec.get_float_attribute('PixelAspectRatio', 1.0):g}",
    }


def _whole_numbers(layout: FileLayout) -> list[str]:
    """The channels of colour that hold whole numbers in OpenEXR, where they are no light."""
    if layout.format != "openexr":
        return []
    specs = [levels[0] for levels in layout.specs]
    named = [(name, spec.channelformat(index)) for spec in specs for index, name in enumerate(spec.channelnames)]
    return [name for name, kind in named if str(kind) == "uint" and is_colour(name)]


def difference(layout: FileLayout, path: Path, agreed: FileLayout, like: Path) -> str | None:
    """Say how a file is not laid out as its shot is, of which `like` is an example; None where it is."""
    shared = outline(agreed)
    for what, own in outline(layout).items():
        if own != shared[what]:
            return f"{path} has {what} {own}, but {like} has {shared[what]}; expected all frames of a shot to agree"
    return None
