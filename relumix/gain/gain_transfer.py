"""`--transfer gain`: the engine's gain onto the plate, along the plate's own edges (see relumix.gain.guided_filter).

relumix.gain.log_gain defines how gain is applied to a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

from relumix.gain.downsample import Canvas, Pixels
from relumix.gain.guided_filter import LuminanceLines
from relumix.gain.log_gain import apply
from relumix.gain.transfer import FittedTransfer, Gain, RelitPixels, Strip, black_offset, full_log_luminance
from relumix.shot.box import Box
from relumix.types import Float32


@dataclass(frozen=True)
class GainTransfer:
    """Multiplies the plate with the engine's gain. See `Transfer`."""

    canvas: Canvas

    def fit(self, gain: Gain, pixels: Pixels, data_window: Box) -> FittedTransfer:
        """Fit the gain to the plate's luminance, at the working size."""
        # Without the median gain, which is the same everywhere: so a plain grade passes exactly.
        local = gain.gain_stops - gain.median_gain
        columns, rows = self.canvas.positions(data_window, pixels.rgb.shape)
        return _FittedGain(LuminanceLines.fit(local, gain.guide, columns, rows), gain.median_gain, self.canvas)


@dataclass(frozen=True)
class _FittedGain:
    lines: LuminanceLines
    median_gain: Float32
    canvas: Canvas

    def relight(self, strip: Strip) -> RelitPixels:
        guide = full_log_luminance(strip.plate, strip.alpha, self.canvas)
        local = self.lines.evaluate(strip.rows, guide, strip.sound)
        pixels = apply(strip.plate, local, self.median_gain, black_offset(strip.alpha, self.canvas))
        return RelitPixels(pixels, local + self.median_gain)
