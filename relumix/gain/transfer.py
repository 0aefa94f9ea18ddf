"""How an engine's answer becomes full-size pixels: what the two ways have in common.

`GainTransfer` multiplies the plate with the engine's gain; `DirectTransfer` delivers the pixels that an engine shows.
Both are fitted to a frame once and then asked for it a strip at a time (see `relumix.gain.relight`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from relumix.gain.downsample import LUMINANCE, Canvas, Pixels
from relumix.gain.log_gain import BLACK_OFFSET
from relumix.gain.proxy import ProxyFrame
from relumix.shot.box import Box
from relumix.types import Float32


@dataclass(frozen=True)
class Gain:
    """What an engine says of one frame.

    gain_stops   [h, w, 3] float32 at the working size: log2 gain, the median gain included.
    median_gain  [3] float32 stops: the share of it that is the same everywhere, the grade.
    guide        [h, w] float32: log2 luminance of the frame, as `log_luminance` makes it; the frame itself can be let
                 go then.
    """

    frame: int
    gain_stops: Float32
    median_gain: Float32
    guide: Float32


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
    """The way of one frame, or of one mip level of it, to full size."""

    def relight(self, strip: Strip) -> RelitPixels:
        """Return the strip relit, and its gain. What the plate's non-finite pixels get means nothing."""
        ...


class Transfer(Protocol):
    """The way of one job's frames to full size."""

    def fit(self, gain: Gain, pixels: Pixels, data_window: Box) -> FittedTransfer:
        """Do what takes the whole frame: pixels is the plate, or a mip level of it, that lies on data_window."""
        ...


def log_luminance(frame: ProxyFrame) -> Float32:
    """Return log2 of a proxy frame's luminance over BLACK_OFFSET, [h, w] in stops."""
    return np.asarray(np.log2(frame.rgb @ LUMINANCE + np.float32(BLACK_OFFSET)), np.float32)


def black_offset(alpha: Float32 | None, canvas: Canvas) -> Float32:
    """Return eps in plate values, premultiplied as the plate is: a scalar, or [h, w, 1]."""
    # Over a premultiplied plate eps must be so too, or the light that it adds would show where nothing is.
    offset = np.asarray(canvas.black_offset, np.float32)
    return offset if alpha is None else (offset * np.clip(np.nan_to_num(alpha), 0, 1))[..., None]
