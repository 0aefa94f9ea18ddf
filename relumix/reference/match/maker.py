"""The maker of light by another picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.errors import FrameError, InputError
from relumix.gain.proxy import ProxyFrame
from relumix.reference.maker import Light, PlateFrame, Tell
from relumix.reference.match.color_map import ColorMap, Palette
from relumix.reference.pictures import read_matte, read_picture
from relumix.shot.plate import Plate
from relumix.types import Float32

LOOK_PX = 192
"""Long edge in pixels at which colours are compared: smaller than grain and texture."""


@dataclass(frozen=True)
class Match:
    """Light by another picture.

    path, palette      the picture, and its colours.
    region, to_region  mattes of the plate's part and of the picture's that are compared; None: all of it.
    colorspace         of the picture (see color.spaces.reference_space).
    contrast           0..1: how much is taken of what is no plain grade; None: as much as the colours agree on.
    keep_exposure      whether the plate stays as bright as it is.
    """

    path: Path
    palette: Palette
    region: Path | None
    to_region: Path | None
    colorspace: str | None
    contrast: float | None = None
    keep_exposure: bool = False
    name: str = "match"
    labels: Sequence[str] = ("",)

    def __post_init__(self) -> None:
        """Raise InputError for a contrast out of range."""
        if self.contrast is not None and not 0 <= self.contrast <= 1:
            raise InputError(f"contrast is {self.contrast}: expected 0 (a plain grade) to 1 (the picture's contrast)")

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
        contrast: float | None = None,
        keep_exposure: bool = False,
    ) -> Match:
        """Read the picture. Raises InputError."""
        picture = read_picture(Path(to), plate, colorspace, work_size)
        inside = read_matte(Path(to_region), picture.rgb.shape) if to_region else None
        palette = _palette(picture, inside)
        own, other = (Path(each) if each else None for each in (region, to_region))
        return cls(Path(to), palette, own, other, colorspace, contrast, keep_exposure)

    def inputs(self, frame: int) -> Sequence[Path]:
        """Return the picture and the mattes."""
        return [path for path in (self.path, self.region, self.to_region) if path]

    def settings(self) -> dict[str, Any]:
        """Return what it depends on besides."""
        names = {"to": self.path, "region": self.region, "to_region": self.to_region}
        how = {"to_colorspace": self.colorspace, "contrast": self.contrast, "keep_exposure": self.keep_exposure}
        return {**{name: path.name for name, path in names.items() if path}, **how}

    def look(self, frame: PlateFrame) -> Sequence[str]:
        """Look at the region; the picture has been read."""
        self._inside(frame)
        return ()

    def make(self, frame: PlateFrame, tell: Tell) -> Iterator[Light]:
        """Yield the light of the picture."""
        tell(0.0, f"matching {self.path.name}")
        color_map = ColorMap.fit(_palette(frame.proxy, self._inside(frame)), self.palette)
        color_map = color_map.at_exposure() if self.keep_exposure else color_map
        yield Light.of_gain(frame, color_map.gain(frame.proxy.rgb / np.float32(frame.proxy.exposure), self.contrast))

    def _inside(self, frame: PlateFrame) -> NDArray[np.bool_] | None:
        """Return the part of the plate that is compared, [h, w]; None for all of it. Raises FrameError."""
        if self.region is None:
            return None
        inside = (frame.matte(self.region) > 0.5) & (frame.proxy.known > 0.5)
        if not inside.any():
            raise FrameError(frame.number, f"frame {frame.number}: the region {self.region} holds none of it")
        return np.asarray(inside)


def _palette(proxy: ProxyFrame, inside: NDArray[np.bool_] | None) -> Palette:
    """Return the colours of a picture where it has any, averaged over squares, in its own values."""
    height, width = proxy.known.shape
    scale = min(1.0, LOOK_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))

    def small(values: Float32) -> Float32:
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)

    counted = small(proxy.known if inside is None else proxy.known * inside)
    return Palette.of(small(proxy.rgb / np.float32(proxy.exposure))[counted >= min(0.5, float(counted.max()))])
