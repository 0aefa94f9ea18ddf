"""Frames at the proxy size, as engines see them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from relumix.types import Float32


@dataclass(frozen=True)
class ProxyFrame:
    """One plate frame as an engine sees it.

    rgb    [h, w, 3] float32, scene-linear in the plate's primaries, unpremultiplied, 0 to BRIGHTEST; exposed so that
           the median luminance of this frame is MID_GREY: a fade changes nothing of it.
    known  [h, w] float32 in 0..1: the share of the pixel that the plate covers with light (see downsample). Where it is
           0, rgb was filled from its surroundings.
    exposure  factor from plate values to rgb's.
    noise     standard deviation of the plate's noise in its dark parts, exposed as rgb is.
    """

    frame: int
    rgb: Float32
    known: Float32
    exposure: float = field(default=1.0, kw_only=True)
    noise: float = field(default=0.0, kw_only=True)

    @property
    def black(self) -> bool:
        """Whether it shows no light at all: nothing can be tracked through it, and no gain changes it."""
        return not self.rgb.any()


@dataclass(frozen=True)
class ProxyReference(ProxyFrame):
    """A plate frame and the gain that makes its relit version of it.

    gain_stops  [h, w, 3] float32: log2 gain from plate to reference, per channel.
    lit         [h, w] float32 in 0..1: the share of the pixel for which the gain is known. Where it is 0, gain_stops
                was filled from its surroundings.
    """

    gain_stops: Float32
    lit: Float32

    @property
    def trusted(self) -> Float32:
        """[h, w] float32 in 0..1: the share of the pixel for which both the plate and the gain are known."""
        return self.lit * self.known

    def median_gain(self) -> Float32:
        """Return the median of the gain over what is trusted: [3] float32 stops, 0 without any.

        An engine subtracts it before any arithmetic and adds it back after: so a plain grade passes exactly.
        """
        # At least half covered: slivers at a matte's edge have their surroundings' gain.
        trusted = self.gain_stops[self.trusted > 0.5]
        return np.median(trusted, axis=0).astype(np.float32) if len(trusted) else np.zeros(3, np.float32)
