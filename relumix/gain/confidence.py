"""Confidence: how sure an engine is of the light at each full-size pixel.

    confidence = 2 ** -error

where error is the absolute error, in stops, that the engine expects of its light there: 1 is certain, 0.5 is off by a
stop, 0.25 by two. It speaks of the light that was carried, whatever mix and matte then let through of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relumix.gain.downsample import Canvas, Pixels
from relumix.gain.guided_filter import LuminanceLines
from relumix.gain.transfer import Gain, Strip, full_log_luminance
from relumix.shot.box import Box
from relumix.types import Float32


def confidence(error_stops: Float32) -> Float32:
    """Return the confidence, 0..1, of an expected error >= 0 in stops."""
    return np.asarray(np.exp2(-error_stops), np.float32)


@dataclass(frozen=True)
class FittedConfidence:
    """The expected error of one frame, or of a mip level of it, ready for its full-size pixels.

    lines       None where no error is expected anywhere.
    most_stops  the largest error: beyond the edges of the guide the filter may overshoot.
    exposure    factor from plate values to those of the guide.
    """

    lines: LuminanceLines | None
    most_stops: np.float32
    exposure: float

    @classmethod
    def fit(cls, canvas: Canvas, gain: Gain, pixels: Pixels, data_window: Box) -> FittedConfidence:
        """Do the whole-frame work. `pixels` is the plate, or a mip level of it, on data_window."""
        most = gain.error_stops.max()
        if most == 0:
            return cls(None, most, gain.exposure)
        columns, rows = canvas.positions(data_window, pixels.rgb.shape)
        return cls(LuminanceLines.fit(gain.error_stops[..., None], gain.guide, columns, rows), most, gain.exposure)

    def of(self, strip: Strip) -> Float32:
        """Return the confidence of a strip, [n, W] in 0..1."""
        if self.lines is None:
            return np.ones(strip.plate.shape[:2], np.float32)
        guide = full_log_luminance(strip.plate, strip.alpha, self.exposure)
        error = self.lines.evaluate(strip.rows, guide, strip.sound)[..., 0]
        return confidence(np.clip(error, 0, self.most_stops))
