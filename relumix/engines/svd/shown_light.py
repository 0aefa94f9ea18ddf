"""Light as the network is shown it: at which exposure, under which curve, and how far a reference's level is from its
plate's.

The network was trained on photographs of a camera that exposes for itself: noon, sunset, night, and each of them within
what an 8-bit picture can carry. It is shown a reference's level, for a night that looks like noon is no night it knows;
but no picture so dark or so bright that none of those was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from relumix.engines.svd import tone_curve
from relumix.engines.svd.tone_curve import Curve
from relumix.gain.downsample import LUMINANCE
from relumix.gain.proxy import ProxyFrame
from relumix.types import Float32

Level = Literal["bounded", "whole", "none"]

DARKEST_STOPS, BRIGHTEST_STOPS = -3.0, 1.5
"""How far a photograph's median may be from mid-grey: 45 and 166 in codes of 8 bits."""

MOST_TINT_STOPS = 1.5
"""How far a channel of a reference's level may be from its luminance. By Planck's law tungsten, 3200 K, has 1.1 stops
less blue beside its green than daylight, 5600 K."""


@dataclass(frozen=True)
class ShownLight:
    """How the light of one reference, and that of its plate, becomes pictures.

    plate_stops  exposure of all pictures, over that of working frames.
    level        [3] float32 stops: how far the reference's level is from the plate's in pictures.
    curve        of the pictures (see tone_curve).
    """

    plate_stops: float
    level: Float32
    curve: Curve

    @classmethod
    def of(
        cls, reference: ProxyFrame, level: Float32, *, exposure: str, curve: Curve, shown: Level = "bounded"
    ) -> ShownLight:
        """Choose it.

        level     [3] stops: the reference's own.
        exposure  "mid_grey", or "plate" for the plate's own exposure.
        shown     how much of the level is: see `bounded`; "whole" and "none" move no exposure.
        """
        own = -float(np.log2(reference.exposure)) if exposure == "plate" else 0.0
        if shown == "bounded":
            moved, kept = bounded(level)
            return cls(own + moved, kept, curve)
        return cls(own, level if shown == "whole" else np.zeros(3, np.float32), curve)

    def plate(self, light: Float32) -> Float32:
        """Return plate light [..., 3], as working frames have it, as a picture in -1..1."""
        return tone_curve.encode(light * np.float32(2**self.plate_stops), self.curve)

    def relit(self, light: Float32) -> Float32:
        """Return relit light [..., 3] that lacks the reference's level as a picture in -1..1 that has it."""
        return self.plate(light * np.exp2(self.level))

    def plate_light(self, picture: Float32) -> Float32:
        """Return the light of a picture: undoes `plate`."""
        return tone_curve.decode(picture, self.curve) * np.float32(2**-self.plate_stops)

    def relit_light(self, picture: Float32) -> Float32:
        """Return the light of a picture without the reference's level: undoes `relit`."""
        return self.plate_light(picture) * np.exp2(-self.level)


def bounded(level: Float32) -> tuple[float, Float32]:
    """Return the stops that all pictures are exposed by, and the level [3] of a reference's beside its plate's.

    Where the reference would be too dark or too bright a picture, the plate's moves the other way first, as far as it
    can; what is left over then is not shown. So is tint beyond MOST_TINT_STOPS.

    level  [3] stops, the reference's own, its plate at mid-grey.
    """
    reach = BRIGHTEST_STOPS - DARKEST_STOPS
    luminance = float(np.log2(np.exp2(level) @ LUMINANCE))
    lightness = min(max(luminance, -reach), reach)
    tint = np.clip(level - luminance, -MOST_TINT_STOPS, MOST_TINT_STOPS)
    moved = min(max(0.0, DARKEST_STOPS - lightness), BRIGHTEST_STOPS - lightness)
    return moved, np.asarray(lightness + tint, np.float32)
