"""The maker of light by lamps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from relumix.color.rec709 import LUMINANCE
from relumix.errors import FrameError, InputError
from relumix.gain.downsample import BRIGHTEST, median_stops
from relumix.gain.log_gain import apply, measure
from relumix.reference.lights import ambient
from relumix.reference.lights.geometry import Sources, geometry_of, refuse_maps
from relumix.reference.lights.lighting import Geometry, Stage
from relumix.reference.lights.rig import Rig, RigFile
from relumix.reference.maker import Light, PlateFrame, Tell
from relumix.shot.plate import Plate
from relumix.types import Float32

THICKNESS_SHARE = 0.1
"""How thick things are taken to be where a rig does not say it, over the median depth."""

_LOST_SHARE = 0.1
"""Share of the added light that a plate's blacks may swallow without a word."""


@dataclass(frozen=True)
class Lights:
    """Light by a rig.

    rig      the lights; sources: of the geometry that they fall on.
    options  what was asked for besides, for the header of results.
    """

    plate: Plate
    rig: RigFile
    sources: Sources
    options: dict[str, Any]
    models: Sequence[Path] = ()
    name: str = "lights"
    labels: Sequence[str] = ("",)

    def inputs(self, frame: int) -> Sequence[Path]:
        """Return the rig, its pictures, the maps of a frame and the model. Raises InputError: a frame without a map."""
        maps = {self.sources.path(role, frame): None for role in self.sources.files}
        return [*self.rig.inputs, *maps, *self.models]

    def settings(self) -> dict[str, Any]:
        """Return what it depends on besides."""
        return self.options

    def look(self, frame: PlateFrame) -> Sequence[str]:
        """Look at the rig at a frame and at its geometry; where that is estimated, at what is given beside it."""
        rig = self._rig(frame.number)
        if self.sources.estimate is not None:
            refuse_maps(frame, self.plate.layout.names, self.plate.choice.view, self.sources)
            return ()
        return self._geometry(frame, rig)[1]

    def make(self, frame: PlateFrame, tell: Tell) -> Iterator[Light]:
        """Yield the light of the rig at a frame."""
        tell(0.0, "geometry")
        rig = self._rig(frame.number)
        geometry, told = self._geometry(frame, rig)
        added = added_light(rig, geometry, tell)
        yield light_of(frame, rig.keep, added, told)

    def _geometry(self, frame: PlateFrame, rig: Rig) -> tuple[Geometry, list[str]]:
        names, view = self.plate.layout.names, self.plate.choice.view
        return geometry_of(frame, names, view, self.sources, rig.metres_per_unit)

    def _rig(self, frame: int) -> Rig:
        """Return the rig at a frame. Raises FrameError: between two frames that are sound, one need not be."""
        try:
            return self.rig.at(frame)
        except InputError as error:
            raise FrameError(frame, f"frame {frame}: {error}") from error


def added_light(rig: Rig, geometry: Geometry, tell: Tell) -> Float32:
    """Return the radiance that a rig adds, [h, w, 3] float32."""
    depth = geometry.camera.depth(geometry.position)[geometry.known]
    thickness = rig.thickness or THICKNESS_SHARE * float(np.median(depth)) if len(depth) else 1.0
    stage = Stage(geometry, rig.surface, thickness)
    total = np.zeros_like(geometry.position)
    steps = len(rig.lamps) + len(rig.ambient)
    for number, lamp in enumerate(rig.lamps):
        tell(number / steps, f"light {number + 1} of {steps}")
        total += stage.lit(lamp)
    for number, lamps in enumerate(rig.ambient, len(rig.lamps)):
        tell(number / steps, f"light {number + 1} of {steps}")
        total += ambient.lit(stage, geometry, rig.surface, thickness, lamps)
    return total


def light_of(frame: PlateFrame, keep: float, added: Float32, told: Sequence[str]) -> Light:
    """Return the light that leaves a share of the plate's own and adds radiance [h, w, 3], in the plate's values."""
    before = frame.proxy.rgb
    after = np.minimum(before * np.float32(keep) + added * np.float32(frame.proxy.exposure), np.float32(BRIGHTEST))
    # As a reference's gain is measured: the median first, which is a plain grade, then what is left, damped in black.
    median = median_stops(before, after, frame.proxy.known > 0.5)
    local = measure(before, after * np.exp2(-median))
    warnings = list(told)
    seen = (frame.proxy.known > 0)[..., None] * (after - apply(before, local, median))
    wanted = float(((after - before * np.float32(keep)) @ LUMINANCE).sum())
    lost = float((np.maximum(seen, 0) @ LUMINANCE).sum())
    if wanted > 0 and lost > _LOST_SHARE * wanted:
        warnings.append(f"{lost / wanted:.0%} of the light falls where the plate is black, and shows nothing there")
    return Light(local + median, median, tuple(warnings), after)
