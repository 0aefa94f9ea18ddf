"""`--transfer gain`: the engine's gain onto the plate, along the plate's own edges (see relumix.gain.guided_filter).

relumix.gain.log_gain defines how gain is applied to a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from relumix.gain.downsample import Canvas, Pixels
from relumix.gain.guided_filter import LuminanceLines
from relumix.gain.log_gain import BLACK_OFFSET, apply, damped
from relumix.gain.transfer import FittedTransfer, Gain, RelitPixels, Strip, full_log_luminance
from relumix.shot.box import Box
from relumix.types import Float32

_NOISE_RADIUS_PX = 4
"""Half the side of the neighbourhood whose mean is compared with the noise, at the working size."""

_NOISE_DEVIATIONS = 3.0
"""Mean, in standard deviations of the noise, over which a neighbourhood is light. That of noise clipped at 0 is 0.4."""


@dataclass(frozen=True)
class GainTransfer:
    """Multiplies the plate with the engine's gain. See `Transfer`."""

    canvas: Canvas

    def fit(self, gain: Gain, pixels: Pixels, data_window: Box) -> FittedTransfer:
        """Fit the gain to the plate's luminance, at the working size."""
        # Without the median gain, which is the same everywhere: so a plain grade passes exactly.
        local = over_noise(gain, gain.gain_stops - gain.median_gain)
        columns, rows = self.canvas.positions(data_window, pixels.rgb.shape)
        return _FittedGain(LuminanceLines.fit(local, gain.guide, columns, rows), gain)


def over_noise(gain: Gain, local: Float32) -> Float32:
    """Return local gain [h, w, 3] in stops, less of it where the frame shows noise and no light to add to."""
    if gain.noise == 0:
        return local
    light = np.exp2(gain.guide) - np.float32(BLACK_OFFSET)
    side = 2 * _NOISE_RADIUS_PX + 1
    mean = np.maximum(cv2.blur(light, (side, side), borderType=cv2.BORDER_REFLECT), 0)[..., None]
    added = damped(mean, mean * np.exp2(np.maximum(local, 0)), _NOISE_DEVIATIONS * gain.noise)
    return np.where(local > 0, added, local)


@dataclass(frozen=True)
class _FittedGain:
    lines: LuminanceLines
    gain: Gain

    def relight(self, strip: Strip) -> RelitPixels:
        guide = full_log_luminance(strip.plate, strip.alpha, self.gain.exposure)
        local = self.lines.evaluate(strip.rows, guide, strip.sound)
        pixels = apply(strip.plate, local, self.gain.median_gain)
        return RelitPixels(pixels, local + self.gain.median_gain)
