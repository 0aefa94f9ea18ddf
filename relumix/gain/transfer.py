"""The interface of the two transfers from an engine's result to full-size pixels.

`GainTransfer` multiplies the plate with the engine's gain; `DirectTransfer` delivers the engine's own pixels. Both are
fitted to a frame once and then evaluated strip by strip (see `relumix.gain.relight`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import LUMINANCE
from relumix.gain.downsample import BRIGHTEST, Canvas, Pixels
from relumix.gain.log_gain import BLACK_OFFSET
from relumix.gain.proxy import ProxyFrame
from relumix.shot.box import Box
from relumix.types import Float32


@dataclass(frozen=True)
class Gain:
    """An engine's result for one frame.

    gain_stops   [h, w, 3] float32 at the working size: log2 gain, the median gain included.
    median_gain  [3] float32 stops: the part of it that is the same everywhere, the grade.
    guide        [h, w] float32: log2 luminance of the frame (`log_luminance`), kept instead of the larger frame.
    error_stops  [h, w] float32, >= 0: the absolute error expected of gain_stops; 0 at a reference's own frame.
    exposure     factor from plate values to those of the guide; noise: of the frame, at that exposure (see ProxyFrame).
    """

    frame: int
    gain_stops: Float32
    median_gain: Float32
    guide: Float32
    error_stops: Float32
    exposure: float = field(default=1.0, kw_only=True)
    noise: float = field(default=0.0, kw_only=True)

    @classmethod
    def on(
        cls, frame: ProxyFrame, gain_stops: Float32, median_gain: Float32, error_stops: Float32 | float = 0.0
    ) -> Gain:
        """Return the gain on a frame, with what its transfer needs of the frame."""
        error = np.asarray(np.broadcast_to(np.float32(error_stops), frame.known.shape), np.float32)
        made = frame.frame, gain_stops, median_gain, log_luminance(frame), error
        return cls(*made, exposure=frame.exposure, noise=frame.noise)


class RelitPixels(NamedTuple):
    """pixels  [h, W, 3] float32, premultiplied as the plate is; gain_stops [h, W, 3]: the log2 gain that made them."""

    pixels: Float32
    gain_stops: Float32


@dataclass(frozen=True)
class Strip:
    """Some rows of a plate at full size.

    rows   which of the frame's.
    plate  [n, W, 3] float32, premultiplied; 0 where it is not finite.
    alpha  [n, W] float32, or None where the plate has none.
    sound  [n, W] bool: where the plate is finite; None for everywhere, which saves a pass over most strips.
    """

    rows: slice
    plate: Float32
    alpha: Float32 | None
    sound: NDArray[np.bool_] | None


class FittedTransfer(Protocol):
    """The transfer of one frame, or of one mip level of it."""

    def relight(self, strip: Strip) -> RelitPixels:
        """Return the strip relit, and its gain. The caller replaces non-finite pixels of the plate."""
        ...


class Transfer(Protocol):
    """The transfer of one job's frames."""

    @property
    def canvas(self) -> Canvas:
        """Where the engine's results lie."""
        ...

    def fit(self, gain: Gain, pixels: Pixels, data_window: Box) -> FittedTransfer:
        """Do the whole-frame work. `pixels` is the plate, or a mip level of it, on data_window."""
        ...


def log_luminance(frame: ProxyFrame) -> Float32:
    """Return log2 of a proxy frame's luminance over BLACK_OFFSET, [h, w] in stops."""
    return np.asarray(np.log2(frame.rgb @ LUMINANCE + np.float32(BLACK_OFFSET)), np.float32)


def full_log_luminance(plate: Float32, alpha: Float32 | None, exposure: float) -> Float32:
    """Return log2 luminance of full-size pixels, as log_luminance does for working pixels, [h, w]."""
    with np.errstate(over="ignore"):
        luminance = np.maximum(plate @ LUMINANCE, 0)
        if alpha is not None:
            # Where alpha is 0 the pixel is additive light (a flare): its luminance needs no unpremultiplying.
            luminance = np.divide(luminance, np.minimum(alpha, 1), out=luminance, where=alpha > 1e-3)
        luminance = np.minimum(luminance * np.float32(exposure), np.float32(BRIGHTEST))
    return np.asarray(np.log2(luminance + np.float32(BLACK_OFFSET)), np.float32)


def black_offset(alpha: Float32 | None, exposure: float) -> Float32:
    """Return BLACK_OFFSET in plate values, premultiplied as the plate is: a scalar, or [h, w, 1]."""
    offset = np.asarray(BLACK_OFFSET / exposure, np.float32)
    return offset if alpha is None else (offset * np.clip(np.nan_to_num(alpha), 0, 1))[..., None]
