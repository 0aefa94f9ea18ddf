"""Writes frames as images of whole numbers: DPX, TIFF, PNG, JPEG and TGA."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from relumix.color import cineon
from relumix.color.spaces import VIDEO_SPACE
from relumix.errors import InputError
from relumix.shot.images import ImageError, opened, spec_of, what_went_wrong
from relumix.types import Float32
from relumix.util.atomic_file import replacing
from relumix.util.native_name import native_name

_KEY = re.compile(r"relumix key ([0-9a-f]{64})")
_FORM = re.compile(r"relumix (?:key [0-9a-f]{64}, )?form ([0-9a-f]{12})")


@dataclass(frozen=True)
class ImageKind:
    """A kind of images: the bits of its codes, where the plate does not decide; whether it holds alpha.

    key_in    the attribute in which the fingerprint is kept.
    attributes  of each file.
    """

    bits: int
    depths: tuple[int, ...]
    alpha: bool
    key_in: str
    attributes: Mapping[str, str | int]


_TIFF = ImageKind(16, (8, 16), True, "Software", {"compression": "zip"})
_JPEG = ImageKind(8, (8,), False, "Software", {"Compression": "jpeg:100", "jpeg:subsampling": "4:4:4"})

IMAGE_KINDS: Mapping[str, ImageKind] = {
    ".dpx": ImageKind(10, (8, 10, 12, 16), False, "Software", {}),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".png": ImageKind(16, (8, 16), True, "Software", {}),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".tga": ImageKind(8, (8,), True, "ImageDescription", {}),
}
"""By suffix."""


def kind_of(path: Path) -> ImageKind:
    """Return the kind of an image that is written. Raises InputError for others."""
    found = IMAGE_KINDS.get(path.suffix.lower())
    if found is None:
        raise InputError(f"{path}: images are written as .exr, {', '.join(IMAGE_KINDS)}; expected such a name")
    return found


def write_coded(
    path: Path, rgba: Float32, *, bits: int, space: str | None, key: str, form: str, attributes: Mapping[str, Any]
) -> int:
    """Write an image; its name appears only when it is complete.

    rgba        [h, w, 3], or [h, w, 4] with alpha, float32, coded: 0 to 1; colour is stored straight, as given.
    bits        of a code (see ImageKind.depths).
    space       the OCIO name of the colour space it is in, where it is known: DPX files say it.
    key         the fingerprint of what it was made from; form: that of the form which was asked for (see `stored_key`).
    attributes  more for its header: a value, or a value with its oiio.TypeDesc.

    Returns how many pixels were brighter or darker than codes can say, and were cut. Raises InputError.
    """
    kind, highest = kind_of(path), 2**bits - 1
    height, width, channels = rgba.shape
    spec = oiio.ImageSpec(width, height, channels, "uint8" if bits <= 8 else "uint16")
    for name, value in {**kind.attributes, **_dpx_transfer(path, space), **attributes}.items():
        spec.attribute(name, *(value if isinstance(value, tuple) else (value,)))
    spec.attribute("oiio:BitsPerSample", bits)
    spec.attribute("oiio:UnassociatedAlpha", 1)
    one = kind.key_in == "Software"  # TGA has no field for both
    spec.attribute("Software", f"relumix form {form}")
    spec.attribute(kind.key_in, f"relumix key {key}, form {form}" if one else f"relumix key {key}")
    finite = np.isfinite(rgba)
    codes = np.rint(np.where(finite, rgba, np.float32(0)) * np.float32(highest))
    clipped = (~finite | (codes < 0) | (codes > highest))[..., :3].any(axis=-1)
    whole = np.clip(codes, 0, highest).astype(np.uint16)
    # OpenImageIO takes 16 bits and drops the lowest: filled so, every code comes out as itself.
    pixels = whole.astype(np.uint8) if bits <= 8 else whole << (16 - bits) | whole >> max(0, 2 * bits - 16)
    with replacing(path) as temporary, native_name(temporary) as name:
        output = oiio.ImageOutput.create(name)
        try:
            if output is None:
                raise ImageError(what_went_wrong())
            if not (output.open(name, spec) and output.write_image(pixels) and output.close()):
                raise ImageError(what_went_wrong(output))
        except ImageError as error:
            raise InputError(f"{path} cannot be written: {str(error).replace(name, path.name)}") from None
    return int(np.count_nonzero(clipped))


def stored_key(path: Path) -> str | None:
    """Return the fingerprint that an image was written with; None where relumix did not write it."""
    return _stored(path, _KEY)


def stored_form(path: Path) -> str | None:
    """Return the fingerprint of the form in which an image was asked for; None where it says none."""
    return _stored(path, _FORM)


def _stored(path: Path, words: re.Pattern[str]) -> str | None:
    try:
        with opened(path) as image:
            spec: Any = spec_of(image, 0)
            said = (spec.get_string_attribute(name) for name in ("Software", "ImageDescription"))
            return next((found[1] for text in said if (found := words.search(text))), None)
    except ImageError:
        return None


def _dpx_transfer(path: Path, space: str | None) -> dict[str, str]:
    if path.suffix.lower() != ".dpx":
        return {}
    transfer = {cineon.NAME: "Logarithmic", VIDEO_SPACE: "ITU-R 709-4"}.get(space or "")
    return {"dpx:Transfer": transfer} if transfer else {}
