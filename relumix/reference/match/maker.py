"""The maker of light by another picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.gain.proxy import ProxyFrame
from relumix.reference.maker import Light, PlateFrame, Tell
from relumix.reference.match.color_map import ColorMap, Palette
from relumix.reference.pictures import read_matte, read_picture
from relumix.shot.plate import Plate
from relumix.shot.reference import read_mask
from relumix.types import Float32

LOOK_PX = 192
"""Long edge in pixels at which colours are compared: smaller than grain and texture."""


@dataclass(frozen=True)
class Match:
    """Light by another picture.

    path, palette      the picture, and its colours.
    region, to_region  mattes of the plate's part and of the picture's that are compared; None: all of it.
    colorspace         of the picture (see color.spaces.reference_space).
    """

    path: Path
    palette: Palette
    region: Path | None
    to_region: Path | None
    colorspace: str | None
    name: str = "match"
    labels: Sequence[str] = ("",)

    @classmethod
    def of(
        cls,
        plate: Plate,
        to: str,
        work_size: int,
        *,
        colorspace: str | None = None,
        region: str | None = None,
        to_region: str | None = None,
    ) -> Match:
        """Read the picture. Raises InputError."""
        picture = read_picture(Path(to), plate, colorspace, work_size)
        inside = read_matte(Path(to_region), picture.rgb.shape) if to_region else None
        palette = _palette(picture, inside)
        own, other = (Path(each) if each else None for each in (region, to_region))
        return cls(Path(to), palette, own, other, colorspace)

    @property
    def inputs(self) -> Sequence[Path]:
        """The picture and the mattes."""
        return [path for path in (self.path, self.region, self.to_region) if path]

    def settings(self) -> dict[str, Any]:
        """Return what it depends on besides."""
        names = {"to": self.path, "region": self.region, "to_region": self.to_region}
        return {**{name: path.name for name, path in names.items() if path}, "to_colorspace": self.colorspace}

    def make(self, frame: PlateFrame, tell: Tell) -> Iterator[Light]:
        """Yield the light of the picture."""
        tell(0.0, f"matching {self.path.name}")
        inside = None
        if self.region:
            matte = read_mask(self.region, frame.picture)
            inside = frame.canvas.shrink(matte, frame.picture.data_window) > 0.5
        color_map = ColorMap.fit(_palette(frame.proxy, inside), self.palette)
        yield Light.of_gain(frame, color_map.gain(frame.proxy.rgb / np.float32(frame.proxy.exposure)))


def _palette(proxy: ProxyFrame, inside: NDArray[np.bool_] | None) -> Palette:
    """Return the colours of a picture where it has any, averaged over squares, in its own values."""
    height, width = proxy.known.shape
    scale = min(1.0, LOOK_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))

    def small(values: Float32) -> Float32:
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)

    counted = proxy.known if inside is None else proxy.known * inside
    return Palette.of(small(proxy.rgb / np.float32(proxy.exposure))[small(counted) > 0.5])
