"""Light as the network is shown it: at which exposure, under which curve, and how much of a reference's median gain.

The network was trained on 8-bit pictures of noons, sunsets and nights, as a camera shows them that exposes for itself.
So it is shown a reference's median gain, for a night that looks like noon is no night that it knows; but no picture so
dark or so bright that no camera would have exposed it like that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from relumix.color.rec709 import LUMINANCE
from relumix.engines.svd import tone_curve
from relumix.engines.svd.tone_curve import Curve
from relumix.gain.proxy import ProxyFrame
from relumix.types import Float32

Shown = Literal["bounded", "whole", "none"]

DARKEST_STOPS, BRIGHTEST_STOPS = -3.0, 1.5
"""How far a photograph's median may be from mid-grey: 45 and 166 in codes of 8 bits."""

MOST_TINT_STOPS = 1.5
"""How far a channel of a median gain may be from its luminance. By Planck's law tungsten, 3200 K, has 1.1 stops
less blue beside its green than daylight, 5600 K."""


@dataclass(frozen=True)
class ShownLight:
    """How the light of one reference, and that of its plate, becomes pictures.

    plate_stops  exposure of all pictures, over that of working frames.
    median_gain  [3] float32 stops: as much of the reference's as pictures show.
    curve        of the pictures (see tone_curve).
    """

    plate_stops: float
    median_gain: Float32
    curve: Curve

    @classmethod
    def of(
        cls, reference: ProxyFrame, median_gain: Float32, *, exposure: str, curve: Curve, shown: Shown = "bounded"
    ) -> ShownLight:
        """Choose it.

        median_gain  [3] stops: the reference's own.
        exposure     "mid_grey", or "plate" for the plate's own exposure.
        shown        how much of the median gain is: see `bounded`; "whole" and "none" move no exposure.
        """
        own = -float(np.log2(reference.exposure)) if exposure == "plate" else 0.0
        if shown == "bounded":
            moved, kept = bounded(median_gain)
            return cls(own + moved, kept, curve)
        return cls(own, median_gain if shown == "whole" else np.zeros(3, np.float32), curve)

    def plate(self, light: Float32) -> Float32:
        """Return plate light [..., 3], as working frames have it, as a picture in -1..1."""
        return tone_curve.encode(light * np.float32(2**self.plate_stops), self.curve)

    def relit(self, light: Float32) -> Float32:
        """Return relit light [..., 3] that lacks the median gain as a picture in -1..1 that has it."""
        return self.plate(light * np.exp2(self.median_gain))

    def plate_light(self, picture: Float32) -> Float32:
        """Return the light of a picture: undoes `plate`."""
        return tone_curve.decode(picture, self.curve) * np.float32(2**-self.plate_stops)

    def relit_light(self, picture: Float32) -> Float32:
        """Return the light of a picture without the median gain: undoes `relit`."""
        return self.plate_light(picture) * np.exp2(-self.median_gain)


def bounded(median_gain: Float32) -> tuple[float, Float32]:
    """Return the stops that all pictures are exposed by, and as much of a median gain [3] as they show.

    Where the reference would be too dark or too bright a picture, the plate's moves the other way first, as far as it
    can; what is left over then is not shown. So is tint beyond MOST_TINT_STOPS.

    median_gain  [3] stops, the reference's own; its plate's median at mid-grey.
    """
    reach = BRIGHTEST_STOPS - DARKEST_STOPS
    luminance = float(np.log2(np.exp2(median_gain) @ LUMINANCE))
    lightness = min(max(luminance, -reach), reach)
    tint = np.clip(median_gain - luminance, -MOST_TINT_STOPS, MOST_TINT_STOPS)
    moved = min(max(0.0, DARKEST_STOPS - lightness), BRIGHTEST_STOPS - lightness)
    return moved, np.asarray(lightness + tint, np.float32)
