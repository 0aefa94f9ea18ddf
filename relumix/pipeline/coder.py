"""Codes of frames that were made as OpenEXR: what movies and images of whole numbers hold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from relumix.color.spaces import DEFAULT_INTEGER_SPACE, VIDEO_SPACE, WorkingSpace, working_space
from relumix.errors import FrameError, InputError
from relumix.shot.placing import on
from relumix.shot.plate import Plate
from relumix.shot.sequence import Sequence as Shot
from relumix.shot.source import PlateSource
from relumix.types import Float32

_KNEE = 0.75
"""The share of the highest light from which on `rolled_off` draws light in."""

_SPACES = {".dpx": "Cineon", **dict.fromkeys((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".tga"), DEFAULT_INTEGER_SPACE)}
"""Colour spaces of results by suffix, where the plate is scene-linear; movies are VIDEO_SPACE."""


def output_space(source: PlateSource, output: Path) -> WorkingSpace:
    """Return the colour space of results, and the plate's scene-linear one.

    It is the one that settings name or, of a plate of codes, its own; else what files of the kind are taken for. Raises
    InputError for an unknown name.
    """
    plate, named = source.plate, source.settings.output_colorspace
    if named is None and plate.is_coded:
        return plate.space
    own = working_space(named or _SPACES.get(output.suffix.lower(), VIDEO_SPACE))
    return WorkingSpace(own.source, plate.space.linear or own.linear, own.config)


def rolled_off(rgb: Float32, peak: float) -> Float32:
    """Return light drawn in softly, so that nothing is brighter than `peak`: [h, w, 3], scene-linear, straight.

    Up to three quarters of the peak it stays as it is; what is brighter goes to the peak along an exponential that
    leaves there without a kink. The three channels keep their ratio.
    """
    knee = np.float32(_KNEE * peak)
    room = np.float32(peak - knee)
    brightest = np.nan_to_num(rgb, nan=0, posinf=float(np.finfo(np.float32).max), neginf=0).max(axis=-1)
    above = np.maximum(brightest - knee, 0)
    drawn = np.where(above > 0, knee - room * np.expm1(-above / room), brightest)
    return np.asarray(rgb * np.divide(drawn, brightest, out=np.ones_like(brightest), where=above > 0)[..., None])


@dataclass(frozen=True)
class Coder:
    """Reads frames that were made, and codes them.

    alpha     whether codes have alpha; where not, what alpha covers is shown over black.
    straight  whether colour is stored as without alpha, as images have it; else multiplied by it, as in OpenEXR.
    """

    source: PlateSource
    space: WorkingSpace
    alpha: bool
    straight: bool
    roll_off: bool

    def coded(self, path: Path, frame: int) -> Float32:
        """Return the display window of a frame, [h, w, 3 or, with alpha, 4] float32, 0 to 1 within the range of codes.

        Raises InputError where the file cannot be read.
        """
        plate, settings = self.source.plate, self.source.settings
        try:
            shot = Shot.of({frame: path})
            found = Plate(shot, layer=settings.layer, view=settings.view, premult=settings.premult)
            picture = found.of(shot, matte=plate.matte).read(frame)
        except FrameError as error:
            raise InputError(str(error)) from error
        rgb = self._colour(picture.rgb, picture.alpha)
        if not self.alpha:
            return on(picture.display_window, picture.data_window, rgb)
        own = picture.alpha if picture.alpha is not None else picture.matte
        alpha = np.ones(rgb.shape[:2], np.float32) if own is None else own
        rgba = np.concatenate([rgb, alpha[..., None]], axis=-1, dtype=np.float32)
        return on(picture.display_window, picture.data_window, rgba)

    def _colour(self, rgb: Float32, alpha: Float32 | None) -> Float32:
        covered = None if alpha is None else np.where(alpha > 0, alpha, np.float32(1))[..., None]
        if self.roll_off:
            rgb = rolled_off(rgb, self.peak) if covered is None else rolled_off(rgb / covered, self.peak) * covered
        if not self.alpha or covered is None:
            return self.space.to_coded(rgb)
        return self.space.to_coded(rgb / covered) if self.straight else self.space.to_coded(rgb, alpha)

    @cached_property
    def peak(self) -> float:
        """The light of the highest code of white."""
        return float(self.space.to_linear(np.ones((1, 1, 3), np.float32)).max())
