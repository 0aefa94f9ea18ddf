"""The pictures that a rig names: surroundings and gobos."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from relumix.color.rec709 import srgb_decode
from relumix.errors import InputError
from relumix.reference.lights.fields import MOST
from relumix.shot.images import ImageError, opened, pixels_of, spec_of
from relumix.shot.rgba_image import is_whole
from relumix.types import Float32
from relumix.util.native_name import local_name

MOST_PIXELS = 1 << 28


class Pictures:
    """Pictures by name, each read once. Names are relative to a folder, or absolute."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, Float32] = {}

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that were read."""
        return tuple(map(self._path, self._kept))

    def read(self, name: str, where: str) -> Float32:
        """Return a picture, [h, w, 3] float32, scene-linear: whole numbers are taken for sRGB, others for linear.

        where  names the field in errors. Raises InputError.
        """
        if name not in self._kept:
            self._kept[name] = _read(self._path(name), where)
        return self._kept[name]

    def _path(self, name: str) -> Path:
        return self._folder / local_name(name)


def _read(path: Path, where: str) -> Float32:
    try:
        with opened(path) as image:
            spec = spec_of(image, 0)
            if spec is None or spec.deep:
                raise ImageError("it holds no flat image")
            if spec.width * spec.height > MOST_PIXELS:
                raise ImageError(f"it has {spec.width}x{spec.height} pixels, expected at most {MOST_PIXELS} of them")
            pixels = pixels_of(image, 0, 0, range(min(spec.nchannels, 3)), "float")
            whole = is_whole(spec)
    except ImageError as error:
        raise InputError(f"{where}: {path} cannot be read: {error}") from None
    rgb = np.repeat(pixels[..., :1], 3, axis=-1) if pixels.shape[-1] < 3 else pixels
    if not (np.abs(rgb) <= MOST).all():
        raise InputError(f"{where}: {path} has pixels that are not finite, or above {MOST:g}: expected light at each")
    return srgb_decode(rgb) if whole else np.asarray(np.maximum(rgb, 0), np.float32)
